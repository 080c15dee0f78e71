"""Light in apertures, with the local sky and an honest error.

References
----------
Howell, S. B., 1989, PASP 101, 616 (apertures about as wide as the star are the best ones).
Merline, W. J., Howell, S. B., 1995, Exp. Astron. 6, 163 (the error, with the sky's own).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from photutils.aperture import CircularAperture

from agents.gft.reduction.profile import Floats, StarProfile

_APERTURE_FWHM = 0.85
"""Radius in units of the width: close to the best signal-to-noise, and forgiving of a moving seeing."""
_ANNULUS_FWHM = (4.0, 7.0)
_LEAST_RADIUS_PX = 2.0

Image = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Light:
    """Light measured at n places. All arrays have shape (n,), in the image's units.

    Attributes
    ----------
    flux
        In the aperture, above the local sky; not-a-number where the aperture leaves the image.
    sky_err
        Error of `flux` from the sky alone, at the place.
    sky, noise
        Local level and noise per pixel.
    lost
        Fraction of the aperture's area that is masked.
    """

    flux: Floats
    sky_err: Floats
    sky: Floats
    noise: Floats
    lost: Floats

    @property
    def err(self) -> Floats:
        """Error with the photon noise of the source, for an image in electrons."""
        return np.sqrt(self.sky_err**2 + np.maximum(self.flux, 0.0))


def aperture_radius_px(profile: StarProfile) -> float:
    """Radius to measure stars of this shape with."""
    return max(_LEAST_RADIUS_PX, _APERTURE_FWHM * profile.fwhm_px)


def measure(
    pixels: Image, masked: NDArray[np.bool_], x: Floats, y: Floats, *, radius_px: float, fwhm_px: float
) -> Light:
    """Sum the light in circular apertures above the clipped median of an annulus around each.

    Parameters
    ----------
    pixels, masked
        The image with its sky, and which of its pixels not to trust.
    x, y
        Shape (n,), 0 at the centre of the first pixel.
    """
    height, width = pixels.shape
    inside = (x > radius_px) & (x < width - 1 - radius_px) & (y > radius_px) & (y < height - 1 - radius_px)
    safe_x, safe_y = np.where(inside, x, width / 2.0), np.where(inside, y, height / 2.0)
    sky, noise, count = _local_sky(pixels, masked, safe_x, safe_y, fwhm_px)
    aperture = CircularAperture(np.column_stack([safe_x, safe_y]), radius_px)
    total = np.atleast_1d(aperture.do_photometry(pixels)[0])
    hidden = np.atleast_1d(aperture.do_photometry(masked.astype(np.float32))[0])
    area = np.pi * radius_px**2
    flux = np.where(inside, total - area * sky, np.nan)
    # The second term is the error of a median of the annulus, over the whole aperture.
    sky_err = noise * np.sqrt(area + area**2 * (np.pi / 2.0) / np.maximum(count, 1))
    return Light(flux=flux, sky_err=sky_err, sky=sky, noise=noise, lost=hidden / area)


def _local_sky(
    pixels: Image, masked: NDArray[np.bool_], x: Floats, y: Floats, fwhm_px: float
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Level, noise and number of pixels of the annulus around each place."""
    inner, outer = (f * max(fwhm_px, 1.5) for f in _ANNULUS_FWHM)
    reach = int(np.ceil(outer))
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    ring = (np.hypot(dx, dy) >= inner) & (np.hypot(dx, dy) <= outer)
    height, width = pixels.shape
    column = np.rint(x).astype(np.intp)[:, None] + dx[ring]
    row = np.rint(y).astype(np.intp)[:, None] + dy[ring]
    outside = (column < 0) | (column >= width) | (row < 0) | (row >= height)
    column, row = np.clip(column, 0, width - 1), np.clip(row, 0, height - 1)
    values = pixels[row, column].astype(np.float64)
    # Unwanted values sort to the end, and a count says where they begin: many times faster than nanmedian.
    values[outside | masked[row, column]] = np.inf
    values.sort(axis=1)
    count = np.isfinite(values).sum(axis=1)
    for _ in range(2):
        level = _median(values, count)
        apart = np.abs(values - level[:, None])
        spread = 1.4826 * _median(np.sort(apart, axis=1), count)
        values[apart > 3.0 * spread[:, None]] = np.inf
        values.sort(axis=1)
        count = np.isfinite(values).sum(axis=1)
    level = _median(values, count)
    kept = np.where(np.isfinite(values), values - level[:, None], 0.0)
    # Clipping at 3 sigma takes 1.5 % off a Gaussian's width.
    noise = 1.015 * np.sqrt((kept**2).sum(axis=1) / np.maximum(count, 1))
    return level, noise, count


def _median(ascending: Floats, count: NDArray[np.int64]) -> Floats:
    """Median of the first `count` values of each row; 0 where there are none."""
    last = np.maximum(count - 1, 0)
    rows = np.arange(len(ascending))
    middle = 0.5 * (ascending[rows, last // 2] + ascending[rows, (last + 1) // 2])
    return np.where(count > 0, middle, 0.0)
