"""The shape of a star on a frame.

References
----------
Moffat, A. F. J., 1969, A&A 3, 455 (the profile); Trujillo, I., et al., 2001, MNRAS 328, 977 (its wings).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

Floats = NDArray[np.float64]

_STEPS = 24
"""Samples per aperture diameter in the numerical integral of displaced apertures: good to 0.5 %."""


@dataclass(frozen=True, slots=True)
class StarProfile:
    """A round Moffat profile as sampled by the pixels, of total flux 1.

    Attributes
    ----------
    fwhm_px
        Full width at half maximum, in pixels.
    beta
        Exponent of the wings; 2.5 to 4.8 under a real sky.
    """

    fwhm_px: float
    beta: float

    def __call__(self, radius_px: NDArray[np.floating]) -> Floats:
        """Flux in a pixel whose centre is so far from the star's, for a star of flux 1."""
        core = self._core_px
        norm = (self.beta - 1.0) / (np.pi * core**2)
        return np.asarray(norm * (1.0 + (radius_px / core) ** 2) ** -self.beta, np.float64)

    def enclosed(self, radius_px: float) -> float:
        """Fraction of the flux within a centred aperture."""
        return 1.0 - float((1.0 + (radius_px / self._core_px) ** 2) ** (1.0 - self.beta))

    def captured(self, distance_px: NDArray[np.floating], radius_px: float) -> Floats:
        """Fraction of the flux that an aperture takes in at some distance from the star."""
        grid, fraction = _capture_table(self, radius_px)
        return np.asarray(np.interp(distance_px, grid, fraction, right=0.0), np.float64)

    @property
    def _core_px(self) -> float:
        return self.fwhm_px / (2.0 * math.sqrt(2.0 ** (1.0 / self.beta) - 1.0))


@lru_cache(maxsize=64)
def _capture_table(profile: StarProfile, radius_px: float) -> tuple[Floats, Floats]:
    """Fractions captured at distances out to where nothing of a star matters any more."""
    half = (np.arange(_STEPS) + 0.5) / _STEPS * 2.0 - 1.0
    dx, dy = (o.ravel() * radius_px for o in np.meshgrid(half, half))
    inside = dx**2 + dy**2 <= radius_px**2
    dx, dy = dx[inside], dy[inside]
    area = np.pi * radius_px**2
    distances = (
        np.concatenate([np.linspace(0.0, 4.0, 33), np.geomspace(4.2, 60.0, 40)]) * profile.fwhm_px / 3.0
    )
    fraction = np.array([profile(np.hypot(dx - d, dy)).mean() * area for d in distances])
    return distances, fraction


def fit_profile(radius_px: Floats, light: Floats, guess_fwhm_px: float) -> StarProfile | None:
    """Fit the profile to pixels pooled from several stars.

    Parameters
    ----------
    radius_px, light
        Shape (n,): distance of each pixel from its star, and its share of that star's flux in arbitrary
        but common units.
    guess_fwhm_px
        Where to start.

    Returns
    -------
    StarProfile or None
        None when the pixels do not look like stars.
    """

    def residuals(p: Floats) -> Floats:
        shape = StarProfile(p[0], p[1])
        return np.asarray((p[2] * shape(radius_px) - light) / spread, np.float64)

    scale = float(np.sum(light[radius_px < 2.0 * guess_fwhm_px])) or 1.0
    spread = max(float(np.std(light[radius_px > 2.0 * guess_fwhm_px])), 1e-9)
    start = np.array([guess_fwhm_px, 3.5, scale / max(1.0, float(np.sum(radius_px < 0.5)))])
    fit = least_squares(
        residuals,
        start,
        bounds=([0.8, 1.6, 0.0], [40.0, 12.0, np.inf]),
        loss="soft_l1",
        x_scale=[1.0, 1.0, max(start[2], 1e-9)],
        max_nfev=60,
    )
    fwhm, beta, _ = fit.x
    # A fit at the edge of what is allowed saw cosmic rays or nothing at all.
    if not fit.success or fwhm < 0.9 or fwhm > 39.0:
        return None
    return StarProfile(float(fwhm), float(beta))
