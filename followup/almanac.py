"""Sun, Moon and the turning sky over a site, tabulated ahead for the coming nights.

With it a target's visibility takes a millisecond, so that a trigger is answered at once. What is
tabulated are the very quantities with which astropy turns ICRS into altitude and azimuth (precession,
nutation, aberration, Earth rotation), so the two agree to a small fraction of an arc second.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import astropy.units as u
import erfa
import numpy as np
from astropy.coordinates import AltAz
from astropy.coordinates.erfa_astrom import erfa_astrom
from astropy.time import Time
from numpy.typing import NDArray

from followup.limits import Limits
from followup.offline import astroplan
from followup.site import Site
from followup.visibility import Floats, Visibility, instant, location_of, separation_deg
from voevent.packet import SkyPosition


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Almanac:
    """Tables over a site. All arrays have shape (n,).

    Attributes
    ----------
    unix_s
        Times, evenly spaced, in seconds since 1970-01-01 UTC.
    frames
        ERFA's star-independent astrometry parameters (eraASTROM) of the site at those times.
    sun_altitude_deg, moon_altitude_deg, moon_azimuth_deg
        Seen from the site, without refraction.
    """

    site: Site
    unix_s: Floats
    frames: NDArray[Any]
    sun_altitude_deg: Floats
    moon_altitude_deg: Floats
    moon_azimuth_deg: Floats

    @classmethod
    def tabulate(cls, site: Site, start: datetime, *, hours: float = 48.0, step_s: float = 120.0) -> Almanac:
        """Compute the tables. Takes about a second, the first time in a process more; call it in a thread.

        Parameters
        ----------
        start
            Aware; the first time tabulated.
        """
        steps = int(np.ceil(hours * 3600 / step_s))
        unix_s = start.timestamp() + step_s * np.arange(steps + 1, dtype=np.float64)
        times = Time(unix_s, format="unix", scale="utc")
        observer = astroplan.Observer(location=location_of(site), name=site.name)
        moon = observer.moon_altaz(times)
        return cls(
            site=site,
            unix_s=unix_s,
            frames=erfa_astrom.get().apco(AltAz(obstime=times, location=location_of(site))),
            sun_altitude_deg=observer.sun_altaz(times).alt.to_value(u.deg),
            moon_altitude_deg=moon.alt.to_value(u.deg),
            moon_azimuth_deg=moon.az.to_value(u.deg),
        )

    @property
    def start(self) -> datetime:
        """The first time tabulated."""
        return instant(self.unix_s[0])

    @property
    def end(self) -> datetime:
        """The last time tabulated."""
        return instant(self.unix_s[-1])

    def reaches(self, start: datetime, ahead: timedelta) -> bool:
        """Whether the tables cover all from `start` to so long after it."""
        inside = self.unix_s[0] <= start.timestamp()
        return bool(inside and (start + ahead).timestamp() <= self.unix_s[-1])


def fast_visibility(
    position: SkyPosition, almanac: Almanac, limits: Limits, *, start: datetime, end: datetime
) -> Visibility:
    """Look a target's visibility up. Takes about a millisecond for a day.

    Parameters
    ----------
    start, end
        Aware. The grid is the almanac's from the last step not after `start` to the first not before `end`.

    Raises
    ------
    ValueError
        When the almanac does not cover that time.
    """
    if not almanac.reaches(start, end - start):
        raise ValueError(
            f"the almanac of {almanac.site.name} covers {almanac.start:%Y-%m-%d %H:%M} to "
            f"{almanac.end:%Y-%m-%d %H:%M}, not {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"
        )
    first = int(np.searchsorted(almanac.unix_s, start.timestamp(), side="right")) - 1
    last = max(int(np.searchsorted(almanac.unix_s, end.timestamp(), side="left")), first + 1)
    part = slice(min(first, len(almanac.unix_s) - 2), last + 1)
    frames = almanac.frames[part]
    cirs = erfa.atciqz(np.radians(position.ra_deg), np.radians(position.dec_deg), frames)
    azimuth, zenith_distance, *_ = erfa.atioq(*cirs, frames)
    azimuth_deg, altitude_deg = np.degrees(azimuth), 90.0 - np.degrees(zenith_distance)
    moon_altitude_deg = almanac.moon_altitude_deg[part]
    return Visibility(
        site=almanac.site,
        limits=limits,
        start=start,
        unix_s=almanac.unix_s[part],
        altitude_deg=altitude_deg,
        azimuth_deg=azimuth_deg,
        sun_altitude_deg=almanac.sun_altitude_deg[part],
        moon_altitude_deg=moon_altitude_deg,
        moon_separation_deg=separation_deg(
            azimuth_deg, altitude_deg, almanac.moon_azimuth_deg[part], moon_altitude_deg
        ),
    )
