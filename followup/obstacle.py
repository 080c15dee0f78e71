"""Why a target cannot be observed, in words for an operator and for the receipt of a refused trigger."""

from __future__ import annotations

import numpy as np

from followup.visibility import Flags, Visibility, instant


def obstacle(visibility: Visibility) -> str:
    """Say why a target cannot be observed in the time that `visibility` covers; empty when it can."""
    if visibility.windows:
        return ""
    up, dark = visibility.up, visibility.dark
    span_h = (visibility.unix_s[-1] - visibility.start.timestamp()) / 3600
    hours = f"the next {max(1, round(span_h))} h"
    if not up.any():
        return _never_up(visibility, hours)
    if not dark.any():
        return _never_dark(visibility, hours)
    if not (up & dark).any():
        return _daylight_only(visibility)
    if not (up & dark & visibility.in_reach).any():
        return _out_of_reach(visibility, up & dark, hours)
    return _moon(visibility, up & dark & visibility.in_reach & ~visibility.moon_clear, hours)


def clock_text(unix_s: float) -> str:
    """Time for people, in UTC to the minute."""
    return f"{instant(unix_s):%Y-%m-%d %H:%M} UTC"


def _never_up(visibility: Visibility, hours: str) -> str:
    altitude_deg, lowest_deg = visibility.altitude_deg, visibility.site.min_altitude_deg
    best = int(np.argmax(altitude_deg))
    highest = f"highest {altitude_deg[best]:.1f} deg at {clock_text(visibility.unix_s[best])}"
    if altitude_deg[best] >= lowest_deg:
        return f"never above the local horizon in {hours} ({highest})"
    return f"never above {lowest_deg:g} deg in {hours} ({highest})"


def _never_dark(visibility: Visibility, hours: str) -> str:
    low = int(np.argmin(visibility.sun_altitude_deg))
    lowest = f"lowest {visibility.sun_altitude_deg[low]:.1f} deg at {clock_text(visibility.unix_s[low])}"
    return f"the Sun stays above {visibility.site.max_sun_altitude_deg:g} deg for {hours} ({lowest})"


def _daylight_only(visibility: Visibility) -> str:
    times, up, dark = visibility.unix_s, visibility.up, visibility.dark
    low = f"{visibility.site.min_altitude_deg:g} deg"
    sun = f"Sun above {visibility.site.max_sun_altitude_deg:g} deg"
    dusk = int(np.flatnonzero(dark)[0])
    dawn = dusk + _run(dark[dusk:])
    before, after = np.flatnonzero(up[:dusk]), np.flatnonzero(up[dawn:])
    rises = f"rises above {low} at {clock_text(times[dawn + after[0]])}" if after.size else ""
    if before.size:
        sets = f"target sets below {low} before, at {clock_text(times[before[-1]])}"
        again = f", and {rises}, in daylight" if rises else ""
        return f"{sun} until {clock_text(times[dusk])}, {sets}{again}"
    return f"{sun} from {clock_text(times[dawn])}, target {rises}"


def _out_of_reach(visibility: Visibility, observable: Flags, hours: str) -> str:
    limits = visibility.limits
    altitude_deg = visibility.altitude_deg[observable]
    apart_h = np.abs(visibility.hour_angle_h[observable])
    return (
        f"never within the mount's limits when up in the dark in {hours}: "
        f"altitude {altitude_deg.min():.0f} to {altitude_deg.max():.0f} deg "
        f"(at most {limits.max_altitude_deg:g}), "
        f"{apart_h.min():.1f} to {apart_h.max():.1f} h from the meridian "
        f"(at most {limits.max_hour_angle_h:g})"
    )


def _moon(visibility: Visibility, near: Flags, hours: str) -> str:
    if not near.any():
        return f"observable for an instant only in {hours}"
    nearest = visibility.moon_separation_deg[near].min()
    return (
        f"{nearest:.1f} deg from the Moon when up in the dark in {hours} "
        f"(at least {visibility.site.min_moon_separation_deg:g} deg are wanted)"
    )


def _run(flags: Flags) -> int:
    # length of the run of True at the beginning
    stops = np.flatnonzero(~flags)
    return int(stops[0]) if stops.size else len(flags)
