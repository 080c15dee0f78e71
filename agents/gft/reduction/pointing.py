"""Where a telescope really looks: one frame solved, without measuring anything on it."""

from __future__ import annotations

import math

import numpy as np

from agents.gft.reduction.astrometry import from_plane, solve, to_plane
from agents.gft.reduction.calibration import Masters, calibrate
from agents.gft.reduction.exposure import found_on
from agents.gft.reduction.zeropoint import magnitudes
from followup.catalogue import ReferenceCatalogue
from followup.devices import RawFrame
from followup.site import Instrument
from voevent.packet import SkyPosition

_POINTING_ERROR_DEG = 0.17


def looks_at(
    raw: RawFrame, *, masters: Masters, instrument: Instrument, catalogue: ReferenceCatalogue
) -> SkyPosition:
    """Give the position that falls on the middle of a frame (blocking).

    Raises
    ------
    ReductionError
        When the frame cannot be solved.
    """
    pixels, mask, _ = calibrate(raw, masters, instrument)
    _, _, found = found_on(pixels, mask != 0, instrument)
    side_px = math.hypot(instrument.width_px, instrument.height_px)
    reach_deg = side_px * instrument.pixel_scale_arcsec / 3600.0 / 2.0 + _POINTING_ERROR_DEG
    stars = catalogue.cone(raw.pointing, reach_deg)
    solution = solve(
        found,
        stars.ra_deg,
        stars.dec_deg,
        magnitudes(stars, raw.filter),
        pointing=raw.pointing,
        scale_arcsec=instrument.pixel_scale_arcsec,
        shape=(instrument.height_px, instrument.width_px),
    )
    ra_deg, dec_deg = solution.wcs.wcs.crval
    return SkyPosition(ra_deg=float(ra_deg) % 360.0, dec_deg=float(dec_deg))


def corrected(aim: SkyPosition, *, looks: SkyPosition, target: SkyPosition) -> SkyPosition:
    """Give where to aim so as to look at the target, when aiming at `aim` looks at `looks`."""
    (xi,), (eta,) = to_plane(np.array([target.ra_deg]), np.array([target.dec_deg]), looks)
    return from_plane(float(xi), float(eta), aim)
