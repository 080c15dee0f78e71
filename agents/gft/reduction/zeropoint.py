"""The magnitude scale of an image, from the catalogue's stars on it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from agents.gft.reduction.apertures import measure
from agents.gft.reduction.astrometry import to_pixels
from agents.gft.reduction.errors import ReductionError, UnsolvedError
from agents.gft.reduction.image import Shape, ZeroPoint
from agents.gft.reduction.profile import Floats
from agents.gft.reduction.sources import centroids
from followup.catalogue import ReferenceStars

_MOST_STARS = 120
_LEAST_SNR = 15.0
_CROWDING = 0.02
"""Stars with more foreign light than this fraction in their aperture are not used."""
_CLIP = 3.5
_LEAST_SCATTER = 0.005
"""What flat fields and undersampled stars always leave; the catalogue's own errors hide it."""
_LONE_SCATTER = 0.03
"""Assumed scatter, in magnitudes, while there are too few stars to measure it."""

Image = NDArray[np.float32]


def magnitudes(stars: ReferenceStars, filter_name: str) -> Floats:
    """Magnitudes of the stars in a filter.

    Raises
    ------
    ReductionError
        When the catalogue does not know the filter.
    """
    if filter_name not in stars.mags:
        raise ReductionError(
            f"the reference catalogue has no magnitudes in filter {filter_name}",
            hint=f"it has {', '.join(sorted(stars.mags)) or 'none'}; use one of these filters",
        )
    return stars.mags[filter_name]


def calibrate_magnitudes(
    pixels: Image,
    masked: NDArray[np.bool_],
    *,
    wcs: Any,
    shape: Shape,
    stars: ReferenceStars,
    filter_name: str,
) -> ZeroPoint:
    """Measure field stars in the aperture and compare them with the catalogue.

    Because source and stars go through the same aperture, no aperture correction enters the source's
    magnitude.

    Raises
    ------
    ReductionError
        When the catalogue does not know the filter.
    UnsolvedError
        When no star is good enough.
    """
    mag, mag_err = magnitudes(stars, filter_name), stars.mag_errs[filter_name]
    x, y = to_pixels(wcs, stars.ra_deg, stars.dec_deg)
    reach = 4.0 * shape.profile.fwhm_px
    height, width = pixels.shape
    inside = (x > reach) & (x < width - reach) & (y > reach) & (y < height - reach) & np.isfinite(mag)
    foreign = _foreign_light(x, y, mag, shape)
    lonely = inside & (foreign < _CROWDING)
    pick = np.nonzero(lonely)[0]
    pick = pick[np.argsort(mag[pick])][: 2 * _MOST_STARS]
    at_x, at_y = x[pick], y[pick]
    sky = np.float32(np.median(pixels[::8, ::8]))
    at_x, at_y = centroids(pixels - sky, at_x, at_y, shape.profile.fwhm_px)
    light = measure(pixels, masked, at_x, at_y, radius_px=shape.radius_px, fwhm_px=shape.profile.fwhm_px)
    with np.errstate(invalid="ignore", divide="ignore"):
        good = (light.flux > _LEAST_SNR * light.err) & (light.lost == 0.0)
    good &= np.cumsum(good) <= _MOST_STARS
    if not good.any():
        raise UnsolvedError(
            f"none of the {len(pick)} isolated catalogue stars in filter {filter_name} can be measured",
            hint="clouds, or all of them are saturated: look at the frame",
        )
    flux, flux_err = light.flux[good], light.err[good]
    known_err = np.where(np.isfinite(mag_err[pick][good]), mag_err[pick][good], 0.02)
    each = mag[pick][good] + 2.5 * np.log10(flux / (1.0 + foreign[pick][good]))
    err = np.hypot(1.0857 * flux_err / flux, known_err)
    return _robust_mean(each, err)


def _robust_mean(each: Floats, err: Floats) -> ZeroPoint:
    """Weighted mean without outliers, and the scatter that the errors do not explain."""
    if len(each) < 4:
        weight = 1.0 / (err**2 + _LONE_SCATTER**2)
        mean = float(np.sum(weight * each) / weight.sum())
        return ZeroPoint(mag=mean, err=float(weight.sum() ** -0.5), scatter=_LONE_SCATTER, stars=len(each))
    scatter = 0.0
    mean = float(np.median(each))
    keep = np.ones(len(each), np.bool_)
    for _ in range(6):
        spread = np.hypot(err, scatter)
        robust = 1.4826 * float(np.median(np.abs(each - np.median(each))))
        keep = np.abs(each - mean) <= _CLIP * np.maximum(spread, robust)
        weight = 1.0 / spread[keep] ** 2
        mean = float(np.sum(weight * each[keep]) / weight.sum())
        excess = np.sum(((each[keep] - mean) / spread[keep]) ** 2) / max(1, keep.sum() - 1)
        scatter = float(np.sqrt(max(0.0, scatter**2 + np.median(spread[keep]) ** 2 * (excess - 1.0))))
    weight = 1.0 / (err[keep] ** 2 + scatter**2)
    scatter = max(scatter, _LEAST_SCATTER)
    return ZeroPoint(mag=mean, err=float(weight.sum() ** -0.5), scatter=scatter, stars=int(keep.sum()))


def _foreign_light(x: Floats, y: Floats, mag: Floats, shape: Shape) -> Floats:
    """Light of other stars in each star's aperture, relative to its own."""
    finite = np.isfinite(mag) & np.isfinite(x) & np.isfinite(y)
    index = np.nonzero(finite)[0]
    foreign = np.zeros(len(x))
    if len(index) < 2:
        return foreign
    tree = KDTree(np.column_stack([x[index], y[index]]))
    pairs = tree.query_pairs(8.0 * shape.profile.fwhm_px, output_type="ndarray")
    if len(pairs):
        i, j = index[pairs[:, 0]], index[pairs[:, 1]]
        caught = shape.profile.captured(np.hypot(x[i] - x[j], y[i] - y[j]), shape.radius_px)
        own = shape.profile.enclosed(shape.radius_px)
        np.add.at(foreign, i, caught / own * 10.0 ** (-0.4 * (mag[j] - mag[i])))
        np.add.at(foreign, j, caught / own * 10.0 ** (-0.4 * (mag[i] - mag[j])))
    return foreign
