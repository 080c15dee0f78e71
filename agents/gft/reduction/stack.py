"""Frames of one field laid over each other, to see what none of them shows alone.

A stack serves to find and to show; light curves are measured on the single frames, whose noise is better
known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from agents.gft.reduction.apertures import aperture_radius_px
from agents.gft.reduction.astrometry import to_pixels, to_sky
from agents.gft.reduction.errors import ReductionError
from agents.gft.reduction.image import Shape, SkyImage
from agents.gft.reduction.sources import background, detect, measure_profile
from agents.gft.reduction.zeropoint import calibrate_magnitudes
from followup.catalogue import ReferenceStars

_ROWS = 64
"""Rows combined at a time: the working memory stays small."""
_CLIP_SIGMA = 6.0
_CLIP_RELATIVE = 1.5
"""A fading source differs from frame to frame: a cosmic ray exceeds the median by more than this multiple."""

Image = NDArray[np.float32]


def stack(images: Iterable[SkyImage], stars: ReferenceStars, filter_name: str) -> SkyImage:
    """Align images on the first one and average them, the best weighing most, without cosmic rays.

    Its pixels keep the first image's scale; the sky is 0. Its own star profile and zero point are measured.

    Raises
    ------
    ReductionError
        When there is no image, or no star on the stack can be measured.
    """
    first: SkyImage | None = None
    layers, noises, covers, widths = [], [], [], []
    for image in images:
        first = first or image
        sky = background(image.pixels, image.masked)
        # All on the flux scale of the first.
        factor = np.float32(10.0 ** (-0.4 * (image.zero.mag - first.zero.mag)))
        layer, cover = _aligned((image.pixels - sky.level) * factor, image.masked, image, first)
        layers.append(layer)
        covers.append(cover)
        noises.append(float(np.median(sky.noise)) * float(factor))
        widths.append(image.shape.profile.fwhm_px)
    if first is None:
        raise ReductionError("there is no frame to stack")
    noise = np.array(noises, np.float32)
    weight = 1.0 / noise**2
    pixels = np.zeros(first.pixels.shape, np.float32)
    masked = np.zeros(first.pixels.shape, np.bool_)
    for rows in _blocks(first.pixels.shape[0]):
        cube = np.stack([layer[rows] for layer in layers])
        valid = np.stack([cover[rows] for cover in covers])
        pixels[rows], masked[rows] = _clipped_mean(cube, valid, noise, weight)
    guess = float(np.mean(widths))
    sky = background(pixels, masked)
    found = detect(pixels - sky.level, sky.noise, guess, 8.0)
    profile = measure_profile(pixels - sky.level, masked, found, guess) or first.shape.profile
    shape = Shape(profile=profile, radius_px=aperture_radius_px(profile))
    zero = calibrate_magnitudes(
        pixels, masked, wcs=first.wcs, shape=shape, stars=stars, filter_name=filter_name
    )
    return SkyImage(pixels=pixels, masked=masked, wcs=first.wcs, shape=shape, zero=zero)


def _aligned(
    pixels: Image, masked: NDArray[np.bool_], image: SkyImage, target: SkyImage
) -> tuple[Image, NDArray[np.bool_]]:
    """Move the image to the target's pixels; say where it says something."""
    height, width = target.pixels.shape
    if image is target:
        return pixels, ~masked
    # A linear map fitted to a grid of places: over a field of a degree it is exact to a hundredth of a pixel.
    gy, gx = (g.ravel() for g in np.mgrid[0 : height - 1 : 5j, 0 : width - 1 : 5j])
    sky = [to_sky(target.wcs, float(x), float(y)) for x, y in zip(gx, gy, strict=True)]
    x, y = to_pixels(image.wcs, np.array([p.ra_deg for p in sky]), np.array([p.dec_deg for p in sky]))
    design = np.column_stack([gy, gx, np.ones(gx.size)])
    linear = np.linalg.lstsq(design, np.column_stack([y, x]), rcond=None)[0]
    matrix, offset = linear[:2].T, linear[2]
    # The nearest pixel, not an interpolation: noise stays independent, and a cosmic ray sharp enough to be
    # recognised. Stars become a twentieth wider.
    moved = ndimage.affine_transform(pixels, matrix, offset, order=0)
    return moved, ndimage.affine_transform(masked.view(np.uint8), matrix, offset, order=0, cval=1) == 0


def _clipped_mean(
    cube: Image, valid: NDArray[np.bool_], noise: NDArray[np.float32], weight: NDArray[np.float32]
) -> tuple[Image, NDArray[np.bool_]]:
    """Weighted mean of the valid values that do not stick out of the others."""
    # Of two that disagree the fainter is right: cosmic rays only add.
    middle = np.median(cube, axis=0) if len(cube) >= 3 else cube.min(axis=0)
    tolerance = _CLIP_SIGMA * noise[:, None, None] + _CLIP_RELATIVE * np.maximum(middle, 0.0)
    w = np.where(valid & (cube - middle <= tolerance), weight[:, None, None], np.float32(0.0))
    total = w.sum(axis=0)
    # A pixel that only a minor part of the frames saw has another noise than its neighbours.
    poor = total < 0.4 * weight.sum()
    return np.where(poor, cube.mean(axis=0), (w * cube).sum(axis=0) / np.where(total > 0.0, total, 1.0)), poor


def _blocks(height: int) -> Iterator[slice]:
    return (slice(start, min(height, start + _ROWS)) for start in range(0, height, _ROWS))
