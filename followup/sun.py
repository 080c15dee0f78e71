"""How high the Sun stands, without tables: for whoever must know it when all else fails.

References
----------
The Astronomical Almanac, section C, "Low precision formulas for the Sun's coordinates": to 0.01 deg in the
years 1950 to 2050.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from followup.site import Site

_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


def sun_altitude_deg(site: Site, time: datetime) -> float:
    """Altitude of the Sun's centre over a site at an aware time, without refraction."""
    days = (time - _J2000).total_seconds() / 86400.0
    anomaly = math.radians(357.528 + 0.9856003 * days)
    longitude = math.radians(
        280.460 + 0.9856474 * days + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2.0 * anomaly)
    )
    obliquity = math.radians(23.439 - 0.0000004 * days)
    right_ascension = math.atan2(math.cos(obliquity) * math.sin(longitude), math.cos(longitude))
    declination = math.asin(math.sin(obliquity) * math.sin(longitude))
    sidereal = math.radians(280.46062 + 360.98564737 * days + site.longitude_deg)
    latitude = math.radians(site.latitude_deg)
    up = math.sin(latitude) * math.sin(declination)
    up += math.cos(latitude) * math.cos(declination) * math.cos(sidereal - right_ascension)
    return math.degrees(math.asin(max(-1.0, min(1.0, up))))
