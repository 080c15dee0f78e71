"""From the sky to the detector.

Gnomonic (TAN) projection. With rotation 0, north is up (y grows with declination) and east is left (x falls
with right ascension), as FITS images are usually shown with row 0 at the bottom. A positive rotation turns
the detector's y axis from north towards east. Pixel coordinates are 0-based with integers at pixel centres,
as in numpy and photutils; FITS counts from 1. The position the telescope looks at falls on the detector's
centre, ((width - 1) / 2, (height - 1) / 2).

References
----------
Calabretta & Greisen 2002, A&A 395, 1077 (FITS paper II), sections 5.1.3 and 6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voevent.packet import SkyPosition

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Projection:
    """Where the sky falls on a detector."""

    centre: SkyPosition
    width_px: int
    height_px: int
    pixel_scale_arcsec: float
    rotation_deg: float

    def pixels(self, ra_deg: Floats, dec_deg: Floats) -> tuple[Floats, Floats]:
        """Pixel coordinates (x, y), shapes (n,), of ICRS positions in the hemisphere around the centre."""
        ra0, dec0 = math.radians(self.centre.ra_deg), math.radians(self.centre.dec_deg)
        ra, dec = np.radians(ra_deg) - ra0, np.radians(dec_deg)
        depth = math.sin(dec0) * np.sin(dec) + math.cos(dec0) * np.cos(dec) * np.cos(ra)
        scale = math.degrees(1.0) * 3600.0 / self.pixel_scale_arcsec / depth
        east = np.cos(dec) * np.sin(ra) * scale
        north = (math.cos(dec0) * np.sin(dec) - math.sin(dec0) * np.cos(dec) * np.cos(ra)) * scale
        angle = math.radians(self.rotation_deg)
        x: Floats = -east * math.cos(angle) + north * math.sin(angle) + (self.width_px - 1) / 2
        y: Floats = east * math.sin(angle) + north * math.cos(angle) + (self.height_px - 1) / 2
        return x, y

    @property
    def reach_deg(self) -> float:
        """Radius around the centre that holds the whole detector."""
        return math.hypot(self.width_px, self.height_px) / 2 * self.pixel_scale_arcsec / 3600.0


def offset(position: SkyPosition, *, east_arcsec: float, north_arcsec: float) -> SkyPosition:
    """Position that far from another along the tangent plane; its error radius is not kept."""
    xi, eta = math.radians(east_arcsec / 3600.0), math.radians(north_arcsec / 3600.0)
    ra0, dec0 = math.radians(position.ra_deg), math.radians(position.dec_deg)
    depth = math.cos(dec0) - eta * math.sin(dec0)
    ra = ra0 + math.atan2(xi, depth)
    dec = math.atan2(math.sin(dec0) + eta * math.cos(dec0), math.hypot(xi, depth))
    return SkyPosition(ra_deg=math.degrees(ra) % 360.0 % 360.0, dec_deg=math.degrees(dec))
