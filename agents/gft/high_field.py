"""A field that stands high for the next hour: for whoever needs stars, and no burst gives the place."""

from __future__ import annotations

import math
from datetime import datetime

from agents.gft.indi.apparent import Apparent, icrs, sidereal_h
from followup.site import Site
from voevent.packet import SkyPosition

_HOUR_ANGLE_H = -1.0
_FROM_ZENITH_DEG = 20.0


def high_field(site: Site, now: datetime) -> SkyPosition:
    """Give a place about 65 deg high, towards the equator, an hour before it crosses the meridian."""
    dec_deg = site.latitude_deg - math.copysign(_FROM_ZENITH_DEG, site.latitude_deg)
    return icrs(Apparent(ra_h=(sidereal_h(site, now) - _HOUR_ANGLE_H) % 24.0, dec_deg=dec_deg), now)
