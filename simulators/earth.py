"""Where things stand in a site's sky, to about an arcminute: enough for a mount and an atmosphere.

No almanac is needed and nothing takes longer than some microseconds. Planning does not use this: it has
astropy.

References
----------
The Astronomical Almanac, section C (low-precision formulae for the Sun); Capitaine et al. 2003, A&A 412, 567
(Earth rotation angle).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import pairwise

from followup.site import Site
from voevent.packet import SkyPosition

_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


def altitude_azimuth_deg(position: SkyPosition, site: Site, time: datetime) -> tuple[float, float]:
    """Altitude (without refraction) and azimuth (from north through east) of an ICRS position."""
    ra, dec = _of_date(position, time)
    hour_angle = math.radians(_sidereal_deg(time) + site.longitude_deg - ra)
    sin_lat, cos_lat = math.sin(math.radians(site.latitude_deg)), math.cos(math.radians(site.latitude_deg))
    sin_dec, cos_dec = math.sin(math.radians(dec)), math.cos(math.radians(dec))
    up = sin_lat * sin_dec + cos_lat * cos_dec * math.cos(hour_angle)
    north = cos_lat * sin_dec - sin_lat * cos_dec * math.cos(hour_angle)
    east = -cos_dec * math.sin(hour_angle)
    return math.degrees(math.asin(max(-1.0, min(1.0, up)))), math.degrees(math.atan2(east, north)) % 360.0


def hour_angle_deg(position: SkyPosition, site: Site, time: datetime) -> float:
    """Give how far west of the meridian an ICRS position is, from -180 to 180 deg."""
    ra, _ = _of_date(position, time)
    return (_sidereal_deg(time) + site.longitude_deg - ra + 180.0) % 360.0 - 180.0


def airmass(altitude_deg: float) -> float:
    """Air mass at an altitude, relative to the zenith (Pickering 2002); that of the horizon below it."""
    altitude = max(0.0, altitude_deg)
    return 1.0 / math.sin(math.radians(altitude + 244.0 / (165.0 + 47.0 * altitude**1.1)))


def horizon_deg(site: Site, azimuth_deg: float) -> float:
    """Altitude of a site's horizon in one direction."""
    if not site.horizon:
        return 0.0
    points = [*site.horizon, (site.horizon[0][0] + 360.0, site.horizon[0][1])]
    azimuth = azimuth_deg if azimuth_deg >= points[0][0] else azimuth_deg + 360.0
    for (left, low), (right, high) in pairwise(points):
        if left <= azimuth <= right:
            return low + (high - low) * (azimuth - left) / max(right - left, 1e-9)
    return site.horizon[0][1]


def sun(time: datetime) -> SkyPosition:
    """Position of the Sun, ICRS."""
    days = _days(time)
    anomaly = math.radians(357.528 + 0.9856003 * days)
    # The longitude is counted from the equinox of date; taking the precession off gives that of J2000.
    longitude = math.radians(
        280.460
        + 0.9856474 * days
        + 1.915 * math.sin(anomaly)
        + 0.020 * math.sin(2 * anomaly)
        - 1.3970 * days / 36525.0
    )
    return _from_ecliptic(longitude, 0.0)


def moon(time: datetime) -> tuple[SkyPosition, float]:
    """Position of the Moon's centre as seen from the Earth's (within 1 deg), and its lit fraction."""
    days = _days(time)
    mean = 218.316 + 13.176396 * days
    anomaly = math.radians(134.963 + 13.064993 * days)
    node = math.radians(93.272 + 13.229350 * days)
    elongation = math.radians(297.850 + 12.190749 * days)
    longitude = math.radians(
        mean
        + 6.289 * math.sin(anomaly)
        + 1.274 * math.sin(2 * elongation - anomaly)
        + 0.658 * math.sin(2 * elongation)
        - 1.3970 * days / 36525.0
    )
    latitude = math.radians(5.128 * math.sin(node))
    position = _from_ecliptic(longitude, latitude)
    away = math.radians(angle_deg(position, sun(time)))
    return position, (1.0 - math.cos(away)) / 2


def angle_deg(one: SkyPosition, other: SkyPosition) -> float:
    """Angle between two positions."""
    dec_one, dec_other = math.radians(one.dec_deg), math.radians(other.dec_deg)
    chord2 = (
        math.sin((dec_one - dec_other) / 2) ** 2
        + math.cos(dec_one) * math.cos(dec_other) * math.sin(math.radians(one.ra_deg - other.ra_deg) / 2) ** 2
    )
    return math.degrees(2 * math.asin(math.sqrt(min(1.0, chord2))))


def between(one: SkyPosition, other: SkyPosition, fraction: float) -> SkyPosition:
    """Position that part of the way from one to another on a great circle; `other` if they are opposite."""
    angle = math.radians(angle_deg(one, other))
    if math.sin(angle) < 1e-12:
        return other
    weights = (math.sin((1.0 - fraction) * angle), math.sin(fraction * angle))
    x, y, z = (
        sum(weight * vector[axis] for weight, vector in zip(weights, map(_unit, (one, other)), strict=True))
        for axis in range(3)
    )
    return SkyPosition(
        ra_deg=_turned(math.atan2(y, x)), dec_deg=math.degrees(math.atan2(z, math.hypot(x, y)))
    )


def _turned(angle: float) -> float:
    """Angle in [0, 360) degrees: the remainder of a tiny negative one rounds to 360, hence the second."""
    return math.degrees(angle) % 360.0 % 360.0


def _unit(position: SkyPosition) -> tuple[float, float, float]:
    ra, dec = math.radians(position.ra_deg), math.radians(position.dec_deg)
    return math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec)


def _days(time: datetime) -> float:
    return (time - _J2000).total_seconds() / 86400.0


def _sidereal_deg(time: datetime) -> float:
    """Greenwich mean sidereal time."""
    days = _days(time)
    return (280.46062 + 360.98564737 * days) % 360.0


def _of_date(position: SkyPosition, time: datetime) -> tuple[float, float]:
    """Right ascension and declination at the equinox of date: precession to first order."""
    years = _days(time) / 365.25
    ra, dec = math.radians(position.ra_deg), math.radians(max(-89.5, min(89.5, position.dec_deg)))
    shift_ra = (46.124 + 20.043 * math.sin(ra) * math.tan(dec)) * years / 3600.0
    shift_dec = 20.043 * math.cos(ra) * years / 3600.0
    return position.ra_deg + shift_ra, max(-90.0, min(90.0, position.dec_deg + shift_dec))


def _from_ecliptic(longitude: float, latitude: float) -> SkyPosition:
    sin_tilt, cos_tilt = math.sin(math.radians(23.4393)), math.cos(math.radians(23.4393))
    x = math.cos(latitude) * math.cos(longitude)
    towards_y, towards_z = math.cos(latitude) * math.sin(longitude), math.sin(latitude)
    y = cos_tilt * towards_y - sin_tilt * towards_z
    z = sin_tilt * towards_y + cos_tilt * towards_z
    return SkyPosition(ra_deg=_turned(math.atan2(y, x)), dec_deg=math.degrees(math.asin(z)))
