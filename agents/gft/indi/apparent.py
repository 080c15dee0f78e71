"""Positions of date, as mounts have them (INDI's ``EQUATORIAL_EOD_COORD``), and where that is over a site.

True equator and equinox of date, geocentric: precession, nutation and aberration, no refraction. UTC is taken
for UT1 (at most 0.9 s) and TT for TDB.

References
----------
IERS Conventions 2010, chapter 5; the SOFA routines ATCI13, ATIC13, EO06A and GST06A.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import erfa

from followup.site import Site
from voevent.packet import SkyPosition

_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
_J2000_JD = 2451545.0
_TT_MINUS_UTC_S = 69.184


@dataclass(frozen=True, slots=True)
class Apparent:
    """A position of date: right ascension in hours, declination in degrees."""

    ra_h: float
    dec_deg: float


def apparent(position: SkyPosition, time: datetime) -> Apparent:
    """Give the position of date of an ICRS position."""
    jd, fraction = _tt(time)
    ra, dec = math.radians(position.ra_deg), math.radians(position.dec_deg)
    cirs_ra, cirs_dec, origins = erfa.atci13(ra, dec, 0.0, 0.0, 0.0, 0.0, jd, fraction)
    ra_h = math.degrees(float(cirs_ra) - float(origins)) / 15.0 % 24.0
    return Apparent(ra_h=ra_h, dec_deg=math.degrees(float(cirs_dec)))


def icrs(place: Apparent, time: datetime) -> SkyPosition:
    """Give the ICRS position of a position of date."""
    jd, fraction = _tt(time)
    cirs_ra = math.radians(place.ra_h * 15.0) + float(erfa.eo06a(jd, fraction))
    ra, dec, _ = erfa.atic13(cirs_ra, math.radians(place.dec_deg), jd, fraction)
    return SkyPosition(ra_deg=math.degrees(float(ra)) % 360.0 % 360.0, dec_deg=math.degrees(float(dec)))


def separation_arcsec(one: Apparent, other: Apparent) -> float:
    """Angle between two positions of date."""
    half_dec = math.radians(one.dec_deg - other.dec_deg) / 2.0
    half_ra = math.radians((one.ra_h - other.ra_h) * 15.0) / 2.0
    cosines = math.cos(math.radians(one.dec_deg)) * math.cos(math.radians(other.dec_deg))
    chord2 = math.sin(half_dec) ** 2 + cosines * math.sin(half_ra) ** 2
    return math.degrees(2.0 * math.asin(min(1.0, math.sqrt(chord2)))) * 3600.0


def sidereal_h(site: Site, time: datetime) -> float:
    """Apparent sidereal time at a site, in hours."""
    jd, fraction = _tt(time)
    ut = fraction - _TT_MINUS_UTC_S / 86400.0
    greenwich = math.degrees(float(erfa.gst06a(jd, ut, jd, fraction)))
    return (greenwich + site.longitude_deg) / 15.0 % 24.0


def altitude_azimuth_deg(place: Apparent, site: Site, time: datetime) -> tuple[float, float]:
    """Altitude (without refraction) and azimuth (from north through east) of a position of date."""
    hour_angle = math.radians((sidereal_h(site, time) - place.ra_h) * 15.0)
    lat, dec = math.radians(site.latitude_deg), math.radians(place.dec_deg)
    up = math.sin(lat) * math.sin(dec) + math.cos(lat) * math.cos(dec) * math.cos(hour_angle)
    north = math.cos(lat) * math.sin(dec) - math.sin(lat) * math.cos(dec) * math.cos(hour_angle)
    east = -math.cos(dec) * math.sin(hour_angle)
    return math.degrees(math.asin(max(-1.0, min(1.0, up)))), math.degrees(math.atan2(east, north)) % 360.0


def _tt(time: datetime) -> tuple[float, float]:
    """Terrestrial time as a Julian date in two parts."""
    return _J2000_JD, ((time - _J2000).total_seconds() + _TT_MINUS_UTC_S) / 86400.0
