"""What shines too brightly to be measured, and may be the afterglow: where it is, no limit holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from agents.gft.reduction.astrometry import to_pixels, to_sky
from agents.gft.reduction.image import Neighbours, SkyImage
from agents.gft.reduction.profile import Floats
from followup.catalogue import ReferenceStars
from voevent.packet import SkyPosition

_LEAST_PX = 3
"""Fewer saturated pixels together can be a cosmic ray, and leave enough of a star to be measured."""
_LEAST_WIDTH_PX = 2.0
_LEAST_FILL = 0.4
_PART = 0.25
"""A star that should light a saturated pixel to this part of its level can have saturated it."""


def overexposed(
    image: SkyImage,
    saturated: NDArray[np.bool_],
    stars: ReferenceStars,
    filter_name: str,
    circle: tuple[SkyPosition, float],
) -> SkyPosition | None:
    """Find the largest saturated patch in a circle that no catalogue star explains; None when there is none.

    Parameters
    ----------
    saturated
        Pixels beyond the detector's range, of the image's shape.
    circle
        Its centre and its radius in degrees.
    """
    centre, radius_deg = circle
    labels, count = ndimage.label(saturated)
    if not count:
        return None
    x0, y0 = to_pixels(image.wcs, np.array([centre.ra_deg]), np.array([centre.dec_deg]))
    radius_px = radius_deg / float(np.sqrt(abs(np.linalg.det(image.wcs.pixel_scale_matrix))))
    neighbours = Neighbours(stars, filter_name, image.wcs, image.shape, image.zero)
    unknown = ~np.isfinite(stars.mags[filter_name])
    dim_x, dim_y = to_pixels(image.wcs, stars.ra_deg[unknown], stars.dec_deg[unknown])
    found: tuple[int, SkyPosition] | None = None
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        rows, columns = np.nonzero(labels[box] == number)
        y, x = ((of + part.start).astype(np.float64) for of, part in zip((rows, columns), box, strict=True))
        if len(x) < _LEAST_PX or _streak(x, y) or np.hypot(x.mean() - x0[0], y.mean() - y0[0]) > radius_px:
            continue
        if found is not None and len(x) <= found[0]:
            continue
        level = float(np.median(image.pixels[y.astype(np.intp), x.astype(np.intp)]))
        reach = np.hypot(x - x.mean(), y - y.mean()).max() + image.shape.profile.fwhm_px
        # Stars too bright for the survey are in it without a magnitude.
        nameless = np.hypot(dim_x - x.mean(), dim_y - y.mean()) <= reach
        if neighbours.picture(x, y).max() >= _PART * level or nameless.any():
            continue
        found = len(x), to_sky(image.wcs, float(x.mean()), float(y.mean()))
    return None if found is None else found[1]


def _streak(x: Floats, y: Floats) -> bool:
    """Whether pixels lie along a line: a saturated star is round."""
    wide, high = float(np.ptp(x)) + 1.0, float(np.ptp(y)) + 1.0
    return min(wide, high) < _LEAST_WIDTH_PX or len(x) < _LEAST_FILL * wide * high
