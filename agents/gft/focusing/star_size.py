"""How large the stars of a frame are, in focus or far out of it.

The diameter that holds half of a star's light is known for a ring as well as for a point, which the width of
a fitted profile is not.

References
----------
Weber, M., Brady, S., 2001, "Fast auto-focus method and software for CCD-based telescopes", Minor Planet
Amateur/Professional Workshop (the half-flux diameter).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from photutils.aperture import CircularAperture
from photutils.segmentation import SourceCatalog, detect_sources
from scipy.ndimage import gaussian_filter

from agents.gft.reduction.calibration import Masters, calibrate
from agents.gft.reduction.sources import background
from followup.devices import RawFrame
from followup.site import Instrument

_SIGMA = 5.0
_LEAST_PIXELS = 9
_SMOOTHED_PX = 2.0
_MOST_STARS = 40
_REACH_PX = 16
"""All of a star's light is taken to be within this radius."""
_LEAST_SNR = 15.0
"""Of the light within that radius."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class StarSize:
    """The median diameter that holds half of a star's light, and of how many stars."""

    diameter_px: float
    stars: int


def star_size(raw: RawFrame, masters: Masters, instrument: Instrument) -> StarSize:
    """Measure the stars of a frame (blocking); the diameter is not-a-number when there are none.

    Raises
    ------
    ReductionError
        When the frame does not have the detector's shape.
    """
    pixels, mask, _ = calibrate(raw, masters, instrument)
    masked = mask != 0
    sky = background(pixels, masked)
    flat = pixels - sky.level
    places = _stars(flat, sky.noise, masked)
    if not len(places):
        return StarSize(diameter_px=math.nan, stars=0)
    diameters = _half_light_px(flat, places, float(np.median(sky.noise)))
    if not len(diameters):
        return StarSize(diameter_px=math.nan, stars=0)
    return StarSize(diameter_px=float(np.median(diameters)), stars=len(diameters))


def _stars(flat: NDArray[np.float32], noise: NDArray[np.float32], masked: NDArray[np.bool_]) -> Floats:
    """Find the brightest whole, isolated ones: shape (n, 2), x and y."""
    smooth = gaussian_filter(flat, _SMOOTHED_PX)
    # Smoothing makes the noise of independent pixels smaller by this factor.
    threshold = _SIGMA * noise / (2.0 * math.sqrt(math.pi) * _SMOOTHED_PX)
    found = detect_sources(smooth, threshold, n_pixels=_LEAST_PIXELS)
    if found is None:
        return np.empty((0, 2))
    stars = SourceCatalog(flat, found, mask=masked)
    light, x, y = (
        np.atleast_1d(np.asarray(each, np.float64))
        for each in (stars.segment_flux, stars.x_centroid, stars.y_centroid)
    )
    order = np.argsort(-light)
    light, x, y = light[order], x[order], y[order]
    height, width = flat.shape
    chosen: list[tuple[float, float]] = []
    for at_x, at_y, own in zip(x, y, light, strict=True):
        if not (_REACH_PX < at_x < width - _REACH_PX - 1 and _REACH_PX < at_y < height - _REACH_PX - 1):
            continue
        apart = np.hypot(x - at_x, y - at_y)
        crowded = np.any((apart > 0.0) & (apart < 1.5 * _REACH_PX) & (light > 0.05 * own))
        row, column = round(at_y), round(at_x)
        if crowded or masked[row - 3 : row + 4, column - 3 : column + 4].any():
            continue
        chosen.append((at_x, at_y))
        if len(chosen) == _MOST_STARS:
            break
    return np.array(chosen).reshape(-1, 2)


def _half_light_px(flat: NDArray[np.float32], places: Floats, noise: float) -> Floats:
    """Give the diameter that holds half of the light, of each star that is bright enough."""
    radii = np.arange(1.0, _REACH_PX + 1.0)
    within = np.column_stack(
        [np.atleast_1d(CircularAperture(places, radius).do_photometry(flat)[0]) for radius in radii]
    )
    total = within[:, -1]
    bright = total > _LEAST_SNR * noise * math.sqrt(math.pi) * _REACH_PX
    return np.array(
        [
            2.0 * float(np.interp(0.5 * light[-1], np.maximum.accumulate([0.0, *light]), [0.0, *radii]))
            for light in within[bright]
        ]
    )
