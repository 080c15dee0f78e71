"""Which burst plays the first part in a demonstration: one that shows what there is to see.

Most bursts of the honest population (`simulators.population`) show a 1-m telescope nothing at all, or hide
under its horizon. The first burst of a demonstration is drawn from that population like any other, but drawn
again until a telescope can observe it at once, another one (where they stand far enough apart) never, no
star outshines it, and the observing telescope sees its afterglow well in the first look and not any more in
the last.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from scipy.optimize import brentq

from followup.errors import ConfigurationError
from followup.site import Site
from simulators.afterglow import Afterglow, SimulatedBurst
from simulators.earth import altitude_azimuth_deg, angle_deg, horizon_deg, moon, sun
from simulators.population import draw_afterglow, draw_position
from simulators.sensitivity import signal_to_noise
from simulators.sites import KnownTelescope
from simulators.sky import SimulatedSky, separation_deg
from voevent.packet import SkyPosition

Range = tuple[float, float]

DAY = datetime(2026, 11, 9, tzinfo=UTC)
"""The day on which simulated bursts go off: new Moon, and one with tables of the Earth's rotation."""

OBSERVABLE = timedelta(hours=2.4)
"""How long a telescope can go on observing the first burst: until its last visit is over."""

_MARGIN_DEG = 1.5
_MOON_DEG = 35.0
_PLACES = 5_000
_LIGHTS = 30_000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    """A part of a visit as the default strategies have it (``followup/strategies/default.toml``)."""

    after_s: float
    exposure_s: float
    exposures: int

    def magnitude_seen(
        self,
        telescope: KnownTelescope,
        position: SkyPosition,
        time: datetime,
        signal_over_noise: float,
        *,
        filter_name: str,
    ) -> float:
        """Magnitude in a filter that is seen that well, of a burst that went off at `time`."""

        def excess(mag: float) -> float:
            seen = signal_to_noise(
                telescope,
                position,
                mag,
                time=time + timedelta(seconds=self.after_s),
                exposure_s=self.exposure_s,
                filter_name=filter_name,
                exposures=self.exposures,
            )
            return math.log(seen / signal_over_noise)

        return float(brentq(excess, 0.0, 40.0, xtol=1e-3))


_FIRST_LOOK = _Look(after_s=180.0, exposure_s=20.0, exposures=2)
_RED_LOOK = _Look(after_s=2600.0, exposure_s=90.0, exposures=1)
"""The third visit, in the telescope's reddest filter, through which it sees least."""
_SEEN = (60.0, 45.0, 30.0, 15.0)
"""Signal over noise at the first look, the best that can be found: later visits then show it too."""
_UNSEEN = 4.5
"""That of the best photometry at the red look, where the curve is to have a limit.

Real apertures reach four fifths of it, and a detection takes five."""
_BRIGHTEST_R = 15.0
"""At the first look: brighter ones saturate."""


def first_burst(
    rng: np.random.Generator, telescopes: Sequence[KnownTelescope], sky: SimulatedSky, *, fades: bool = True
) -> SimulatedBurst:
    """Draw the first burst of a demonstration with these telescopes, under this sky.

    Parameters
    ----------
    fades
        Whether a later look is to see it no more.

    Raises
    ------
    ConfigurationError
        When none can be found.
    """
    # Telescopes that stand close together see the same sky: then none of them is left out.
    for roles in (_with_one_left_out(telescopes), [(t, _seen_from(t)) for t in telescopes]):
        for _ in range(_PLACES if roles else 0):
            observing, declinations_deg = roles[rng.integers(len(roles))]
            time = DAY + timedelta(seconds=round(rng.uniform(0.0, 86400.0), 3))
            position = draw_position(rng, declinations_deg)
            if observable(position, observing.site, time) and _clear_of_stars(position, sky):
                return SimulatedBurst(
                    name=burst_name(time, 1),
                    trigger_time=time,
                    position=position,
                    afterglow=_telling_afterglow(rng, observing, position, time, fades=fades),
                )
    raise ConfigurationError(
        "no burst can be found that one of these telescopes could observe for hours",
        hint="choose other telescopes with --telescopes",
    )


def burst_name(time: datetime, number: int) -> str:
    """Name a simulated burst in the way of SVOM's, ``sbYYMMDDnn``."""
    return f"sb{time:%y%m%d}{number:02d}"


def observable(position: SkyPosition, site: Site, time: datetime) -> bool:
    """Whether it stands well above the horizon of a dark site, now and for the next hours."""
    times = [time + part * OBSERVABLE for part in (0.0, 0.5, 1.0)]
    if not all(_up(position, site, t) and is_dark(site, t) for t in times):
        return False
    moon_at, lit = moon(time)
    return lit < 0.1 or angle_deg(moon_at, position) > _MOON_DEG


def _with_one_left_out(telescopes: Sequence[KnownTelescope]) -> list[tuple[KnownTelescope, Range]]:
    """Telescopes, each with declinations that come up there, but never at another one of them."""
    roles = []
    for observing, other in itertools.permutations(telescopes, 2):
        low, high = _seen_from(observing)
        reach = 90.0 - other.site.min_altitude_deg + _MARGIN_DEG
        south = (low, min(high, other.site.latitude_deg - reach))
        north = (max(low, other.site.latitude_deg + reach), high)
        roles += [(observing, (first, last)) for first, last in (south, north) if first < last]
    return roles


def _seen_from(telescope: KnownTelescope) -> Range:
    """Declinations that come up over the lowest altitude at which a telescope observes."""
    reach = 90.0 - telescope.site.min_altitude_deg - _MARGIN_DEG
    latitude = telescope.site.latitude_deg
    return max(-90.0, latitude - reach), min(90.0, latitude + reach)


def _clear_of_stars(position: SkyPosition, sky: SimulatedSky) -> bool:
    """Whether no star's image reaches there: nobody tells a burst from a star on top of it."""
    stars = sky.stars(position, 60.0 / 3600.0)
    away_arcsec = separation_deg(position, stars.ra_deg, stars.dec_deg) * 3600.0
    return bool(np.all(away_arcsec > 4.0 + 3.0 * np.clip(20.5 - stars.mags["r"], 0.0, None)))


def _telling_afterglow(
    rng: np.random.Generator,
    telescope: KnownTelescope,
    position: SkyPosition,
    time: datetime,
    *,
    fades: bool,
) -> Afterglow:
    """Draw one that is seen well in the first look, and in the red one not if it fades."""
    red = telescope.instrument.filters[-1]
    unseen = _RED_LOOK.magnitude_seen(telescope, position, time, _UNSEEN, filter_name=red)
    for signal_over_noise in _SEEN:
        seen = _FIRST_LOOK.magnitude_seen(telescope, position, time, signal_over_noise, filter_name="r")
        for _ in range(_LIGHTS):
            light = draw_afterglow(rng)
            # The magnitude at the reference time comes for nothing and rules most out.
            if (
                light.r_mag > _BRIGHTEST_R
                and _BRIGHTEST_R < light.magnitude(_FIRST_LOOK.after_s, "r") < seen
                and (not fades or light.magnitude(_RED_LOOK.after_s, red) > unseen)
            ):
                return light
    raise ConfigurationError(
        f"no afterglow can be found that {telescope.name} sees at first and loses within the hour",
        hint="choose other telescopes with --telescopes",
    )


def _up(position: SkyPosition, site: Site, time: datetime) -> bool:
    altitude, azimuth = altitude_azimuth_deg(position, site, time)
    return altitude > site.min_altitude_deg + _MARGIN_DEG and altitude > horizon_deg(site, azimuth) + 2.0


def is_dark(site: Site, time: datetime) -> bool:
    """Whether the Sun is well below what the site wants."""
    altitude, _ = altitude_azimuth_deg(sun(time), site, time)
    return altitude < site.max_sun_altitude_deg - 3.0
