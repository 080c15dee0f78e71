"""Forced photometry: the light at one place of the sky on a frame, and means of several frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.gft.reduction.apertures import Light, measure
from agents.gft.reduction.astrometry import to_pixels
from agents.gft.reduction.image import AB_UJY, Neighbours, SkyImage
from agents.gft.reduction.profile import Floats
from agents.gft.reduction.sources import centroids
from voevent.packet import SkyPosition

_RECENTRE_SNR = 15.0
_MOST_LOST = 0.25
"""An aperture with more than this part masked says nothing."""
_SHAPE_MODEL_ERROR = 0.3
"""Relative error of the star profile in one pixel: undersampled stars change with their place on the grid."""
_SHAPE_LIMIT = 2.0
_BLEND = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Flux:
    """Flux density at one place, in microjansky.

    Attributes
    ----------
    ujy
        Above the sky and without the light of catalogue stars.
    sky_err_ujy
        Error from the sky (and the neighbours) alone: what weights means without favouring faint values.
    err_ujy
        Error with the photon noise of the source.
    scale_err_mag
        Error of the magnitude scale.
    scatter_mag
        What single stars on the frame differ by beyond their errors.
    starlike
        Whether the light has the shape of a star: a cosmic ray does not.
    blended
        Whether it lies upon a star of the catalogue: its shape is that of two then, and tells nothing.
    """

    ujy: float
    sky_err_ujy: float
    err_ujy: float
    scale_err_mag: float
    scatter_mag: float
    starlike: bool
    blended: bool

    @property
    def snr(self) -> float:
        """Significance above the sky's noise."""
        return self.ujy / self.sky_err_ujy


def measure_at(image: SkyImage, neighbours: Neighbours, position: SkyPosition) -> Flux | None:
    """Measure the light at a position; None where the image does not show it.

    A bright source is measured at its own centroid, as the stars that give the magnitude scale are.
    """
    x, y = to_pixels(image.wcs, np.array([position.ra_deg]), np.array([position.dec_deg]))
    radius, fwhm = image.shape.radius_px, image.shape.profile.fwhm_px

    def light_at() -> Light:
        return measure(image.pixels, image.masked, x, y, radius_px=radius, fwhm_px=fwhm)

    light = light_at()
    if not np.isfinite(light.flux[0]):
        return None
    foreign, foreign_err = (float(of[0]) for of in neighbours.light(x, y))
    if light.flux[0] - foreign > max(_RECENTRE_SNR * light.err[0], 5.0 * foreign):
        half = int(np.ceil(6 * fwhm))
        row, column = max(0, round(y[0]) - half), max(0, round(x[0]) - half)
        cut = image.pixels[row : row + 2 * half + 1, column : column + 2 * half + 1]
        moved = centroids(cut - np.float32(light.sky[0]), x - column, y - row, fwhm)
        x, y = moved[0] + column, moved[1] + row
        light = light_at()
        if not np.isfinite(light.flux[0]):
            return None
    if light.lost[0] > _MOST_LOST:
        return None
    kept = _kept(image, float(x[0]), float(y[0]), float(light.sky[0])) if light.lost[0] > 0.0 else (0.0, 1.0)
    flux = (light.flux[0] - kept[0]) / kept[1] - foreign
    sky_err = float(np.hypot(light.sky_err[0] * image.noise_factor, foreign_err)) / kept[1]
    err = float(np.sqrt(sky_err**2 + max(0.0, light.flux[0] / kept[1])))
    ujy = image.zero.ujy
    blended = bool(foreign > _BLEND * (flux + foreign))
    return Flux(
        ujy=float(flux) * ujy,
        sky_err_ujy=sky_err * ujy,
        err_ujy=err * ujy,
        scale_err_mag=image.zero.err,
        scatter_mag=image.zero.scatter,
        starlike=blended or _starlike(image, neighbours, (float(x[0]), float(y[0])), light, float(flux)),
        blended=blended,
    )


def mean(fluxes: Sequence[Flux]) -> Flux:
    """Weighted mean. What frames share (the scale, the field's scatter) does not shrink with their number."""
    weight = np.array([f.sky_err_ujy**-2 for f in fluxes])
    weight /= weight.sum()
    return Flux(
        ujy=float(np.sum(weight * [f.ujy for f in fluxes])),
        sky_err_ujy=float(np.sqrt(np.sum((weight * [f.sky_err_ujy for f in fluxes]) ** 2))),
        err_ujy=float(np.sqrt(np.sum((weight * [f.err_ujy for f in fluxes]) ** 2))),
        scale_err_mag=float(np.sum(weight * [f.scale_err_mag for f in fluxes])),
        scatter_mag=float(np.sum(weight * [f.scatter_mag for f in fluxes])),
        starlike=all(f.starlike for f in fluxes),
        blended=any(f.blended for f in fluxes),
    )


def to_magnitude(ujy: float) -> float:
    """AB magnitude of a flux density."""
    return AB_UJY - 2.5 * float(np.log10(ujy))


def limit_magnitude(err_ujy: float, sigma: float = 5.0) -> float:
    """AB magnitude of a source that stands out by so many standard deviations."""
    return to_magnitude(sigma * err_ujy)


def _kept(image: SkyImage, x: float, y: float, sky: float) -> tuple[float, float]:
    """Light that masked pixels of the aperture added, and the part of a star's light in the others."""
    radius = image.shape.radius_px
    cut, gx, gy = _cutout(image, x, y, radius + 1.0)
    distance = np.hypot(gx - x, gy - y)
    # Overlap of pixel and aperture, to first order.
    overlap = np.clip(radius - distance + 0.5, 0.0, 1.0)
    model = image.shape.profile(distance) * overlap
    masked = image.masked[cut]
    added = float(np.sum((image.pixels[cut][masked] - sky) * overlap[masked]))
    return added, float(1.0 - model[masked].sum() / model.sum())


def _starlike(
    image: SkyImage, neighbours: Neighbours, place: tuple[float, float], light: Light, flux: float
) -> bool:
    """Compare the pixels with a star of that flux and its neighbours, allowing for the profile's error."""
    radius = 1.6 * image.shape.radius_px
    cut, gx, gy = _cutout(image, *place, radius)
    distance = np.hypot(gx - place[0], gy - place[1])
    use = (distance <= radius) & ~image.masked[cut]
    if use.sum() < 5:
        return False
    total = flux / image.shape.profile.enclosed(image.shape.radius_px)
    own = total * image.shape.profile(distance[use])
    others = neighbours.picture(gx, gy)[use]
    model = own + others
    variance = light.noise[0] ** 2 + np.maximum(model, 0.0)
    variance += _SHAPE_MODEL_ERROR**2 * (own**2 + others**2)
    residual = image.pixels[cut][use] - light.sky[0] - model
    chi2 = float(np.sum(residual**2 / variance)) / int(use.sum())
    return chi2 < _SHAPE_LIMIT


def _cutout(
    image: SkyImage, x: float, y: float, radius_px: float
) -> tuple[tuple[slice, slice], Floats, Floats]:
    """Cut out the pixels around a place, with their coordinates."""
    half = int(np.ceil(radius_px))
    height, width = image.pixels.shape
    row, column = round(y), round(x)
    rows = slice(max(0, row - half), min(height, row + half + 1))
    columns = slice(max(0, column - half), min(width, column + half + 1))
    gy, gx = np.mgrid[rows, columns].astype(np.float64)
    return (rows, columns), gx, gy
