"""What a simulation plays: which bursts go off when, and which alerts come of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from console.casting import OBSERVABLE, burst_name, first_burst, is_dark, observable
from console.enrolment import enrolled
from console.state import State
from followup.errors import ConfigurationError
from simulators.afterglow import SimulatedBurst, find_burst
from simulators.indi_camera import twin
from simulators.notices import TimedAlert, alerts_from, svom_sequence
from simulators.population import burst_of, draw_burst
from simulators.scenario import Scenario, read_scenario, write_scenario
from simulators.sites import KNOWN_TELESCOPES, known_telescope
from simulators.sky import SimulatedSky

SCENARIO_FILE = "sky.json"
"""In a simulated telescope's folder: its sky."""
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

    def soon(self, within_s: float) -> Play:
        """Return the same with its first alert at once, and only those that follow it within that time."""
        first = self.alerts[0].time
        alerts = tuple(alert for alert in self.alerts if (alert.time - first).total_seconds() <= within_s)
        return replace(self, start=first, alerts=alerts)

    def magnitude(self, burst: str, t_s: float, filter_name: str, exposure_s: float) -> float | None:
        """Give the true AB magnitude of a burst (`console.report.Truth`)."""
        found = find_burst(self.scenario.bursts, burst)
        if found is None or not math.isfinite(mag := found.magnitude(t_s, filter_name, exposure_s)):
            return None
        return mag


def play(seed: int, telescopes: Sequence[str], *, bursts: int, over_indi: bool = False) -> Play:
    """Draw bursts for a demonstration.

    The first is chosen (see `console.casting`): a telescope can observe it at once, another never, and its
    afterglow is seen in the first look and has faded below the limit of the last. Further bursts follow
    within minutes, as they come: most of them hide under a horizon, or show nothing.

    Parameters
    ----------
    over_indi
        Whether the telescopes have the detector of INDI's simulator, and no time to see a burst fade away.

    Raises
    ------
    ConfigurationError
        When no burst in the sky would do for these telescopes.
    """
    rng = np.random.default_rng(seed)
    models = [twin(known_telescope(name)) if over_indi else known_telescope(name) for name in telescopes]
    first = first_burst(rng, models, SimulatedSky(seed), fades=not over_indi)
    drawn = [first]
    for number in range(2, bursts + 1):
        time = first.trigger_time + timedelta(seconds=round(rng.uniform(0.0, _SPREAD_S), 3))
        drawn.append(draw_burst(rng, name=burst_name(time, number), trigger_time=time))
    alerts = [alert for burst in drawn for alert in svom_sequence(burst, rng)]
    ordered = tuple(sorted(alerts, key=lambda alert: alert.time))
    return Play(start=first.trigger_time, scenario=Scenario(seed=seed, bursts=tuple(drawn)), alerts=ordered)


def play_alerts(seed: int, path: Path) -> Play:
    """Play real alerts; what they are about is drawn: a place in the last error circle, an afterglow.

    The afterglow is drawn from the bursts that were well studied, which are brighter than most.


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
    write_scenario(scenario, folder / SCENARIO_FILE)


def draw_into(where: State, *, now: datetime, seed: int | None) -> bytes:
    """Have a burst go off now in the sky of every simulated telescope of this state; return its alert.

    Raises
    ------
    ConfigurationError
        When no simulated telescope is here, or none has a dark sky now.
    """
    folders = [where.root / name for name in enrolled(where.csc)]
    skies = [folder for folder in folders if (folder / SCENARIO_FILE).is_file()]
    if not skies:
        raise ConfigurationError(
            f"no simulated telescope is set up in {where.root}", hint="followup gft simulate gft-NAME"
        )
    rng = np.random.default_rng(seed)
    models = [known_telescope(folder.name) for folder in skies]
    time = now - timedelta(seconds=60)
    number = int(now.timestamp()) % 100
    try:
        burst = draw_burst(
            rng,
            name=burst_name(time, number),
            trigger_time=time,
            place=lambda position: any(observable(position, m.site, now) for m in models),
        )
    except ValueError as error:
        names = ", ".join(model.name for model in models)
        raise ConfigurationError(
            f"none of {names} could observe a burst now ({now:%Y-%m-%d %H:%M} UTC): no dark sky for long",
            hint=_elsewhere(now),
        ) from error
    for folder in skies:
        write_sky(folder, read_scenario(folder / SCENARIO_FILE).with_burst(burst))
    return svom_sequence(burst, rng)[0].raw


def _elsewhere(now: datetime) -> str:
    """Say where it is night now: the sky of a telescope that runs goes as fast as the true one."""
    dark = [
        model.name
        for model in KNOWN_TELESCOPES.values()
        if is_dark(model.site, now) and is_dark(model.site, now + OBSERVABLE)
    ]
    if not dark:
        return "wait for the night there; followup demo has a night at any time"
    return (
        f"it is night for {' and '.join(dark)}: admit and simulate it; followup demo has a night at any time"
    )
