"""What a simulation plays: which bursts go off when, and which alerts come of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from console.enrolment import enrolled
from console.state import State
from followup.errors import ConfigurationError
from followup.site import Site
from simulators.afterglow import Afterglow, SimulatedBurst, find_burst
from simulators.earth import altitude_azimuth_deg, angle_deg, horizon_deg, moon, sun
from simulators.notices import TimedAlert, alerts_from, svom_sequence
from simulators.population import burst_of, draw_burst
from simulators.scenario import Scenario, read_scenario, write_scenario
from simulators.sites import KnownTelescope, known_telescope
from voevent.packet import SkyPosition

DAY = datetime(2026, 11, 22, tzinfo=UTC)
"""The day on which simulated bursts go off: one with tables of the Earth's rotation."""

_SCENARIO_FILE = "sky.json"
_BRIGHT_ENOUGH = (15.0, 19.3)
"""r at T0 + 300 s of a demonstration's first burst: neither saturated nor hopeless for a 1-m telescope."""
_FADED_ENOUGH = 21.0
"""r at T0 + 4 h: by then a single deep exposure shows nothing any more."""
_SPREAD_S = 240.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Play:
    """What happens in a simulation.

    Attributes
    ----------
    start
        Sky time at which it begins.
    alerts
        In order of time.
    """

    start: datetime
    scenario: Scenario
    alerts: tuple[TimedAlert, ...]

    def magnitude(self, burst: str, t_s: float, filter_name: str, exposure_s: float) -> float | None:
        """Give the true AB magnitude of a burst (`console.report.Truth`)."""
        found = find_burst(self.scenario.bursts, burst)
        if found is None or not math.isfinite(mag := found.magnitude(t_s, filter_name, exposure_s)):
            return None
        return mag


def play(seed: int, telescopes: Sequence[str], *, bursts: int) -> Play:
    """Draw bursts for a demonstration.

    The first is one that a telescope can observe at once, another (when there are several) never, and whose
    afterglow is bright at first and fades below what they can see: the honest population mostly shows
    nothing at all. Further bursts follow within minutes, as they come.

    Raises
    ------
    ConfigurationError
        When no burst in the sky would do for these telescopes.
    """
    rng = np.random.default_rng(seed)
    models = [known_telescope(name) for name in telescopes]
    first = _first_burst(rng, models)
    drawn = [first]
    for number in range(2, bursts + 1):
        time = first.trigger_time + timedelta(seconds=round(rng.uniform(0.0, _SPREAD_S), 3))
        drawn.append(draw_burst(rng, name=_name(time, number), trigger_time=time))
    alerts = [alert for burst in drawn for alert in svom_sequence(burst, rng)]
    ordered = tuple(sorted(alerts, key=lambda alert: alert.time))
    return Play(start=first.trigger_time, scenario=Scenario(seed=seed, bursts=tuple(drawn)), alerts=ordered)


def play_alerts(seed: int, path: Path) -> Play:
    """Play real alerts; what they are about is drawn: a place in the first error circle, an afterglow.

    Raises
    ------
    ConfigurationError
        When a file is not an alert, or none has a position.
    """
    alerts = alerts_from(path)
    rng = np.random.default_rng(seed)
    bursts: dict[str, SimulatedBurst] = {}
    for alert in alerts:
        if alert.notice.position is not None and not alert.notice.retraction:
            # The last position is the best one; the time is the first alert's.
            drawn = burst_of(alert.notice, rng, bright=True)
            known = bursts.get(alert.notice.burst)
            time = known.trigger_time if known else drawn.trigger_time
            bursts[alert.notice.burst] = SimulatedBurst(
                name=drawn.name,
                trigger_time=time,
                position=drawn.position,
                afterglow=known.afterglow if known else drawn.afterglow,
            )
    if not bursts:
        raise ConfigurationError(
            f"{path}: no position is given, so no telescope can be triggered",
            hint="take an alert with a position (ECLAIRs, MXT, BAT, XRT, …)",
        )
    return Play(
        start=alerts[0].time,
        scenario=Scenario(seed=seed, bursts=tuple(bursts.values())),
        alerts=alerts,
    )


def empty_sky(seed: int) -> Scenario:
    """Make a sky of constant stars."""
    return Scenario(seed=seed)


def write_sky(folder: Path, scenario: Scenario) -> None:
    """Give a simulated telescope its sky."""
    write_scenario(scenario, folder / _SCENARIO_FILE)


def draw_into(where: State, *, now: datetime, seed: int | None) -> bytes:
    """Have a burst go off now in the sky of every simulated telescope of this state; return its alert.

    Raises
    ------
    ConfigurationError
        When no simulated telescope is here.
    """
    folders = [where.root / name for name in enrolled(where.csc)]
    skies = [folder for folder in folders if (folder / _SCENARIO_FILE).is_file()]
    if not skies:
        raise ConfigurationError(
            f"no simulated telescope is set up in {where.root}", hint="followup gft simulate gft-NAME"
        )
    rng = np.random.default_rng(seed)
    models = [known_telescope(folder.name) for folder in skies]
    time = now - timedelta(seconds=60)
    number = int(now.timestamp()) % 100
    burst = draw_burst(
        rng,
        name=_name(time, number),
        trigger_time=time,
        place=lambda position: any(_observable(position, m.site, now) for m in models),
    )
    for folder in skies:
        write_sky(folder, read_scenario(folder / _SCENARIO_FILE).with_burst(burst))
    return svom_sequence(burst, rng)[0].raw


def _first_burst(rng: np.random.Generator, models: Sequence[KnownTelescope]) -> SimulatedBurst:
    for _ in range(200):
        time = DAY + timedelta(seconds=round(rng.uniform(0.0, 86400.0), 3))
        night = [m for m in models if _dark(m.site, time) and _dark(m.site, time + timedelta(hours=3.4))]
        if not night:
            continue

        def place(position: SkyPosition, time: datetime = time, night: list[KnownTelescope] = night) -> bool:
            return any(_observable(position, m.site, time) for m in night) and (
                len(models) == 1 or any(_never(position, m.site, time) for m in models)
            )

        try:
            return draw_burst(rng, name=_name(time, 1), trigger_time=time, place=place, light=_telling)
        except ValueError:
            continue
    raise ConfigurationError(
        "no burst can be found that one of these telescopes sees at once and another never",
        hint="choose telescopes that stand further apart with --telescopes",
    )


def _telling(light: Afterglow) -> bool:
    """Whether an afterglow is seen at first and not any more some hours later."""
    low, high = _BRIGHT_ENOUGH
    return low < light.magnitude(300.0, "r") < high and light.magnitude(14400.0, "r") > _FADED_ENOUGH


def _observable(position: SkyPosition, site: Site, time: datetime) -> bool:
    """Whether it stands well above the horizon of a dark site, now and for the next hours."""
    hours = [time + timedelta(hours=h) for h in (0.0, 1.7, 3.4)]
    moon_at, lit = moon(time)
    far_from_moon = angle_deg(moon_at, position) > 35.0 or lit < 0.1
    return far_from_moon and all(
        _altitude(position, site, t) > site.min_altitude_deg + 1.5 and _dark(site, t) for t in hours
    )


def _never(position: SkyPosition, site: Site, time: datetime) -> bool:
    times = [time + timedelta(minutes=20 * step) for step in range(73)]
    return all(_altitude(position, site, t) < site.min_altitude_deg - 1.5 for t in times)


def _altitude(position: SkyPosition, site: Site, time: datetime) -> float:
    altitude, azimuth = altitude_azimuth_deg(position, site, time)
    return altitude if altitude > horizon_deg(site, azimuth) + 2.0 else min(altitude, 0.0)


def _dark(site: Site, time: datetime) -> bool:
    altitude, _ = altitude_azimuth_deg(sun(time), site, time)
    return altitude < site.max_sun_altitude_deg - 3.0


def _name(time: datetime, number: int) -> str:
    return f"sb{time:%y%m%d}{number:02d}"
