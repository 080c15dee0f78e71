"""Where the mount may look, now and a little later: the site's horizon, and the mount's limits."""

from __future__ import annotations

from datetime import timedelta

from agents.gft.bench import Bench
from agents.gft.indi.apparent import altitude_azimuth_deg, apparent, sidereal_h
from followup.safety import pointing_breaches
from voevent.packet import SkyPosition


def within_limits(bench: Bench, target: SkyPosition, *, in_s: float = 0.0, for_s: float = 0.0) -> str:
    """Say which limit a target is beyond now, or will be; empty for none.

    Parameters
    ----------
    in_s
        Look from so many seconds from now on.
    for_s
        For so many seconds.
    """
    now = bench.sky.now() + timedelta(seconds=in_s)
    for time in (now, now + timedelta(seconds=for_s)):
        place = apparent(target, time)
        altitude, azimuth = altitude_azimuth_deg(place, bench.site, time)
        found = pointing_breaches(
            altitude_deg=altitude,
            azimuth_deg=azimuth,
            hour_angle_h=sidereal_h(bench.site, time) - place.ra_h,
            site=bench.site,
            limits=bench.limits,
        )
        if found:
            return "; ".join(str(breach) for breach in found)
    return ""
