"""When a telescope must not stand open, or not look where it looks: the rules, and their limits.

All is pure here: what was measured comes in, what is not allowed goes out, naming its rule, its value and its
limit. `agents.gft.safety` looks and acts, and so does the watchdog when the agent does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import numpy as np

from followup.devices import WeatherReading
from followup.limits import Limits
from followup.site import Site
from followup.visibility import airmass, horizon_deg

WIND, GUST, HUMIDITY, RAIN = "wind_m_s", "gust_m_s", "humidity_percent", "rain_mm_h"
"""Names of the values of a `WeatherReading` that have a limit. A station need not measure them all."""


class Rule(StrEnum):
    """What is looked after."""

    STATION = "weather station"
    """The station's own judgement, by its own limits."""
    STALE = "stale weather"
    """Weather that nobody sees is bad weather."""
    RAIN = "rain"
    WIND = "wind"
    HUMIDITY = "humidity"
    SUN = "Sun"
    POWER = "power"
    """The telescope closes while its batteries last."""
    DISK = "disk"
    """An exposure that cannot be kept is not worth an open dome."""
    DOME = "dome"
    """Found shut while it should be open: somebody, or its own electronics, knows more."""
    HORIZON = "horizon"
    AIRMASS = "airmass"
    ZENITH = "zenith"
    HOUR_ANGLE = "hour angle"


BAD_WEATHER = frozenset({Rule.STATION, Rule.RAIN, Rule.WIND, Rule.HUMIDITY, Rule.POWER})
"""Known to harm an open telescope: these hold even while a person has taken it over."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that is broken, by what, and where its limit is."""

    rule: Rule
    value: str
    limit: str

    def __str__(self) -> str:
        """Tell it, for people."""
        return f"{self.rule}: {self.value} (limit: {self.limit})"


def lowest_deg(limits: Limits) -> float:
    """Altitude at which the airmass is the largest that is allowed."""
    low, high = 0.0, 90.0
    while high - low > 1e-6:
        middle = (low + high) / 2.0
        low, high = (low, middle) if airmass(middle) < limits.max_airmass else (middle, high)
    return high


def weather_breaches(reading: WeatherReading, limits: Limits, *, now: datetime) -> tuple[Breach, ...]:
    """Say what is wrong with the weather, as a station saw it."""
    found = []
    age_s = (now - reading.time).total_seconds()
    if age_s > limits.max_weather_age_s:
        text = f"the last reading is {age_s:.0f} s old" if math.isfinite(age_s) else "no reading"
        found.append(Breach(Rule.STALE, text, f"{limits.max_weather_age_s:g} s"))
    for rule, names, limit, unit in (
        (Rule.RAIN, (RAIN,), limits.max_rain_mm_h, "mm/h"),
        (Rule.WIND, (WIND, GUST), limits.max_wind_m_s, "m/s"),
        (Rule.HUMIDITY, (HUMIDITY,), limits.max_humidity_percent, "%"),
    ):
        values = [reading.values[name] for name in names if name in reading.values]
        if bad := [value for value in values if not value <= limit]:  # no number is none to trust
            found.append(Breach(rule, f"{max(bad):.3g} {unit}", f"{limit:g} {unit}"))
    if not reading.safe:
        found.append(Breach(Rule.STATION, reading.reason or "it says so", "its own"))
    return tuple(found)


def unmeasured(reading: WeatherReading) -> tuple[str, ...]:
    """Name the rules for which a station measures nothing: there its own judgement must do."""
    measured = {Rule.RAIN: (RAIN,), Rule.WIND: (WIND, GUST), Rule.HUMIDITY: (HUMIDITY,)}
    return tuple(rule for rule, names in measured.items() if not reading.values.keys() & set(names))


def sun_breaches(altitude_deg: float, site: Site) -> tuple[Breach, ...]:
    """Say whether the Sun is too high to stand open."""
    if altitude_deg <= site.max_sun_altitude_deg:
        return ()
    limit = f"{site.max_sun_altitude_deg:g} deg"
    return (Breach(Rule.SUN, f"at altitude {altitude_deg:.1f} deg", limit),)


def disk_breaches(free_bytes: float, limits: Limits) -> tuple[Breach, ...]:
    """Say whether the disk has too little room."""
    if free_bytes >= limits.min_free_gb * 1e9:
        return ()
    return (Breach(Rule.DISK, f"{free_bytes / 1e9:.2f} GB free", f"{limits.min_free_gb:g} GB"),)


def power_breaches(flag: Path, *, raised: bool) -> tuple[Breach, ...]:
    """Say whether power is lost."""
    return (Breach(Rule.POWER, "lost", f"{flag} must not exist"),) if raised else ()


def dome_breaches(*, should_be_open: bool, is_open: bool) -> tuple[Breach, ...]:
    """Say whether the dome was found shut while observing."""
    if is_open or not should_be_open:
        return ()
    return (Breach(Rule.DOME, "found shut while observing", "open"),)


def pointing_breaches(
    *, altitude_deg: float, azimuth_deg: float, hour_angle_h: float, site: Site, limits: Limits
) -> tuple[Breach, ...]:
    """Say what keeps the mount from looking somewhere."""
    found = []
    lowest = float(horizon_deg(site, np.array([azimuth_deg]))[0])
    if altitude_deg < lowest:
        text = f"altitude {altitude_deg:.1f} deg at azimuth {azimuth_deg:.0f} deg"
        found.append(Breach(Rule.HORIZON, text, f"{lowest:.1f} deg"))
    mass = airmass(altitude_deg)
    if mass > limits.max_airmass:
        found.append(Breach(Rule.AIRMASS, f"{mass:.2f}", f"{limits.max_airmass:g}"))
    if altitude_deg > limits.max_altitude_deg:
        found.append(
            Breach(Rule.ZENITH, f"altitude {altitude_deg:.1f} deg", f"{limits.max_altitude_deg:g} deg")
        )
    hour_angle_h = (hour_angle_h + 12.0) % 24.0 - 12.0
    if abs(hour_angle_h) > limits.max_hour_angle_h:
        found.append(Breach(Rule.HOUR_ANGLE, f"{hour_angle_h:+.2f} h", f"{limits.max_hour_angle_h:g} h"))
    return tuple(found)
