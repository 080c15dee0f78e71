"""Finding the stars of a frame: background, detection, positions, shape.

References
----------
Bertin, E., Arnouts, S., 1996, A&AS 117, 393 (background and windowed positions).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from astropy.stats import SigmaClip
from numpy.typing import NDArray
from photutils.background import Background2D
from photutils.detection import find_peaks
from photutils.utils.exceptions import NoDetectionsWarning
from scipy import ndimage

from agents.gft.reduction.profile import Floats, StarProfile, fit_profile

_BOX_PX = 64
"""Size of the boxes of the background map: much larger than a star, smaller than vignetting."""
_PROFILE_STARS = 40

Image = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Background:
    """The sky of a frame: level and noise per pixel, both of the frame's shape."""

    level: Image
    noise: Image


@dataclass(frozen=True, kw_only=True, slots=True)
class Detections:
    """Things found on a frame, the most significant first. All arrays have shape (n,).

    Attributes
    ----------
    x, y
        Pixel coordinates, 0 at the centre of the first pixel.
    peak
        Height of the highest pixel above the sky.
    snr
        Significance through a Gaussian matched filter.
    """

    x: Floats
    y: Floats
    peak: Floats
    snr: Floats

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Detections:
        """Pick some of them."""
        return Detections(x=self.x[which], y=self.y[which], peak=self.peak[which], snr=self.snr[which])


def background(pixels: Image, mask: NDArray[np.bool_]) -> Background:
    """Map the sky, leaving out the stars by clipping.

    Every second row and column is enough for a map this coarse, and takes a fifth of the time.
    """
    size = _BOX_PX // 2
    coarse = Background2D(
        pixels[::2, ::2],
        size,
        mask=mask[::2, ::2],
        filter_size=1,
        sigma_clip=SigmaClip(sigma=3.0, maxiters=5),
        exclude_percentile=80.0,
    )
    noise = _expanded(coarse.background_rms_mesh, pixels.shape)
    floor = np.float32(max(float(np.median(noise[::8, ::8])) * 0.1, 1e-6))
    level = _expanded(coarse.background_mesh, pixels.shape)
    return Background(level=level, noise=np.maximum(noise, floor, out=noise))


def _expanded(mesh: NDArray[np.floating], shape: tuple[int, ...]) -> Image:
    """Smooth the boxes by a median of nine, and interpolate linearly between their middles."""
    mesh = ndimage.median_filter(mesh, 3, mode="nearest")
    across = [
        # Linear interpolation is a matrix, and two small matrix products are faster than any filter.
        np.array(
            [np.interp(np.arange(n), (np.arange(m) + 0.5) * _BOX_PX - 0.5, row) for row in np.eye(m)],
            np.float32,
        )
        for n, m in zip(shape, mesh.shape, strict=True)
    ]
    return np.ascontiguousarray(across[0].T @ mesh.astype(np.float32) @ across[1])


def detect(sky_free: Image, noise: Image, fwhm_px: float, threshold: float) -> Detections:
    """Find the peaks of the frame through a Gaussian matched filter.

    Parameters
    ----------
    sky_free, noise
        The frame without its background, and the noise per pixel.
    fwhm_px
        Of the filter.
    threshold
        Least significance, in standard deviations of the filtered background.
    """
    sigma = fwhm_px / 2.3548
    significance = ndimage.gaussian_filter(sky_free, sigma, mode="nearest", truncate=3.0)
    # Norm of the filter: the noise of independent pixels shrinks by this factor.
    significance *= np.float32(2.0 * np.sqrt(np.pi) * sigma) / noise
    with warnings.catch_warnings():
        # That there is nothing to see is said by what is returned.
        warnings.simplefilter("ignore", NoDetectionsWarning)
        peaks = find_peaks(significance, threshold, box_size=2 * max(1, round(0.7 * fwhm_px)) + 1)
    if peaks is None:
        nothing = np.empty(0)
        return Detections(x=nothing, y=nothing, peak=nothing, snr=nothing)
    x, y = np.asarray(peaks["x_peak"], np.float64), np.asarray(peaks["y_peak"], np.float64)
    snr = np.asarray(peaks["peak_value"], np.float64)
    order = np.argsort(-snr)
    x, y, snr = x[order], y[order], snr[order]
    peak = np.asarray(sky_free[y.astype(np.intp), x.astype(np.intp)], np.float64)
    x, y = centroids(sky_free, x, y, fwhm_px)
    return Detections(x=x, y=y, peak=peak, snr=snr)


def centroids(sky_free: Image, x: Floats, y: Floats, fwhm_px: float) -> tuple[Floats, Floats]:
    """Improve positions by Gaussian-windowed first moments.

    A position that runs away by more than half the width was no star's and stays where it was.
    """
    if not len(x):
        return x, y
    sigma = fwhm_px / 2.3548
    height, width = sky_free.shape
    half = int(np.ceil(3.0 * sigma)) + 1
    offset = np.arange(-half, half + 1)
    column = np.clip(np.rint(x).astype(np.intp), half, max(half, width - half - 1))
    row = np.clip(np.rint(y).astype(np.intp), half, max(half, height - half - 1))
    gx = column[:, None, None] + offset[None, None, :]
    gy = row[:, None, None] + offset[None, :, None]
    light = sky_free[np.clip(gy, 0, height - 1), np.clip(gx, 0, width - 1)].astype(np.float64)
    cx, cy = x.copy(), y.copy()
    for _ in range(5):
        dx, dy = gx - cx[:, None, None], gy - cy[:, None, None]
        weighted = light * np.exp(-(dx**2 + dy**2) / (2.0 * sigma**2))
        total = weighted.sum(axis=(1, 2))
        total = np.where(total > 0.0, total, np.inf)
        # A Gaussian window halves the displacement it sees: hence the factor 2.
        cx = cx + 2.0 * (weighted * dx).sum(axis=(1, 2)) / total
        cy = cy + 2.0 * (weighted * dy).sum(axis=(1, 2)) / total
    lost = ~(np.hypot(cx - x, cy - y) <= max(1.0, 0.5 * fwhm_px))
    return np.where(lost, x, cx), np.where(lost, y, cy)


def measure_profile(
    sky_free: Image, masked: NDArray[np.bool_], stars: Detections, guess_fwhm_px: float
) -> StarProfile | None:
    """Fit the common profile to the brightest unsaturated, isolated detections.

    Returns
    -------
    StarProfile or None
        None when fewer than three detections will do.
    """
    height, width = sky_free.shape
    reach = int(np.ceil(4.0 * guess_fwhm_px))
    inside = (
        (stars.x > reach) & (stars.x < width - reach - 1) & (stars.y > reach) & (stars.y < height - reach - 1)
    )
    good = inside & (stars.snr > 30.0)
    candidates = np.nonzero(good)[0]
    offset = np.arange(-reach, reach + 1)
    radii: list[Floats] = []
    lights: list[Floats] = []
    for i in candidates:
        apart = np.hypot(stars.x - stars.x[i], stars.y - stars.y[i])
        apart[i] = np.inf
        # A neighbour spoils the wings unless it is far away or faint.
        if np.any((apart < 2.0 * reach) & (stars.snr > 0.05 * stars.snr[i])):
            continue
        column, row = round(stars.x[i]), round(stars.y[i])
        cut = np.s_[row - reach : row + reach + 1, column - reach : column + reach + 1]
        if masked[cut].any():
            continue
        radius = np.hypot(offset[None, :] + column - stars.x[i], offset[:, None] + row - stars.y[i])
        light = sky_free[cut].astype(np.float64)
        total = light[radius < 1.5 * guess_fwhm_px].sum()
        # A cosmic ray puts most of its light into one pixel, a star never does.
        if not total > 0.0 or light.max() > 0.6 * total:
            continue
        radii.append(radius.ravel())
        lights.append((light / total).ravel())
        if len(radii) == _PROFILE_STARS:
            break
    if len(radii) < 3:
        return None
    return fit_profile(np.concatenate(radii), np.concatenate(lights), guess_fwhm_px)
