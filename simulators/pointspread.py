"""The image of a star: a Moffat profile, integrated over pixels.

A Moffat profile is a mixture of Gaussians whose inverse variance follows a gamma distribution. Gauss-Laguerre
quadrature turns that into a few Gaussians, and each of those integrates over a pixel in closed form, so that
stars narrower than two pixels are drawn as exactly as wide ones.

References
----------
Moffat 1969, A&A 3, 455; Trujillo et al. 2001, MNRAS 328, 977 (wings).
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, gamma, roots_genlaguerre

Floats = NDArray[np.float64]

MOFFAT_BETA = 3.5
_NODES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class PointSources:
    """Points on the detector: 0-based pixel coordinates and electrons collected; arrays of shape (n,)."""

    x: Floats
    y: Floats
    electrons: Floats


def draw(image: NDArray[np.float32], sources: PointSources, fwhm_px: float) -> None:
    """Add point sources to an image of shape (height, width), in electrons.

    Stamps grow with brightness, so that where one is cut off less than a thousandth of it is missing and the
    cut of a bright star drowns in the sky's noise.
    """
    radius = max(6, math.ceil(4.0 * fwhm_px))
    edges = (0.0, 2e4, 1e6, math.inf)
    for (low, high), factor in zip(itertools.pairwise(edges), (1, 3, 8), strict=True):
        chosen = (sources.electrons > low) & (sources.electrons <= high)
        group = PointSources(x=sources.x[chosen], y=sources.y[chosen], electrons=sources.electrons[chosen])
        # In portions, so that a crowded field does not fill the memory with stamps.
        for start in range(0, len(group.x), 2000):
            part = slice(start, start + 2000)
            _stamp(
                image,
                PointSources(x=group.x[part], y=group.y[part], electrons=group.electrons[part]),
                fwhm_px,
                radius * factor,
            )


def noise_pixels(fwhm_px: float) -> float:
    """Pixels whose noise comes with a star's light when it is weighted in the best way (1 / sum of p**2)."""
    core = _core_px(fwhm_px)
    return math.pi * core**2 * (2.0 * MOFFAT_BETA - 1.0) / (MOFFAT_BETA - 1.0) ** 2


def _stamp(image: NDArray[np.float32], sources: PointSources, fwhm_px: float, radius: int) -> None:
    height, width = image.shape
    inside = (
        (sources.x > -radius)
        & (sources.x < width - 1 + radius)
        & (sources.y > -radius)
        & (sources.y < height - 1 + radius)
    )
    x, y, electrons = sources.x[inside], sources.y[inside], sources.electrons[inside]
    if not len(x):
        return
    offsets = np.arange(-radius, radius + 1)
    columns = np.rint(x).astype(np.intp)[:, None] + offsets
    rows = np.rint(y).astype(np.intp)[:, None] + offsets
    stamps = np.zeros((len(x), len(offsets), len(offsets)))
    for weight, sigma in _mixture(fwhm_px):
        across = _pixel_fractions(columns - x[:, None], sigma) * (weight * electrons)[:, None]
        stamps += _pixel_fractions(rows - y[:, None], sigma)[:, :, None] * across[:, None, :]
    row, column = np.broadcast_arrays(rows[:, :, None], columns[:, None, :])
    on = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    where = row[on] * width + column[on]
    image += np.bincount(where, weights=stamps[on], minlength=height * width).reshape(image.shape)


def _pixel_fractions(distance: Floats, sigma: float) -> Floats:
    """Part of a Gaussian of unit area that falls on pixels whose centres are `distance` away."""
    scale = 1.0 / (sigma * math.sqrt(2.0))
    fractions: Floats = 0.5 * (erf((distance + 0.5) * scale) - erf((distance - 0.5) * scale))
    return fractions


@functools.lru_cache(maxsize=64)
def _mixture(fwhm_px: float) -> tuple[tuple[float, float], ...]:
    """Weights, summing to 1, and standard deviations (px) of the Gaussians that make up the profile."""
    core = _core_px(fwhm_px)
    nodes, weights = roots_genlaguerre(_NODES, MOFFAT_BETA - 2.0)
    total = gamma(MOFFAT_BETA - 1.0)
    return tuple(
        (float(weight / total), float(core / math.sqrt(2.0 * node)))
        for node, weight in zip(nodes, weights, strict=True)
    )


def _core_px(fwhm_px: float) -> float:
    return fwhm_px / (2.0 * math.sqrt(2.0 ** (1.0 / MOFFAT_BETA) - 1.0))
