"""A new source among the known stars: what may be the afterglow, and how deep the search went."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from agents.gft.reduction.apertures import measure
from agents.gft.reduction.astrometry import to_pixels, to_sky
from agents.gft.reduction.flux import limit_magnitude, measure_at, to_magnitude
from agents.gft.reduction.image import Neighbours, SkyImage
from agents.gft.reduction.profile import Floats
from agents.gft.reduction.sources import background, detect
from followup.catalogue import ReferenceStars
from voevent.packet import SkyPosition

DETECTION_SIGMA = 5.0
"""A new source must stand out by so many standard deviations."""

_PEAK_SIGMA = 3.5
"""Peaks of the matched filter that are looked at; the aperture decides."""
_CATALOGUE_MARGIN_MAG = 0.3
_LOOK_SIGMA = 4.0
_LOSS_MAG = 0.07
"""What centring on a noisy peak and nearby stars cost: half of the sources at the limit are found."""
_PROBES = 400
_LEAST_PROBES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A source that no catalogue star explains.

    Attributes
    ----------
    position
        ICRS, with its 1-sigma radius.
    snr
        Significance against the measured noise of empty apertures.
    blended
        Whether it lies upon a star of the catalogue, so that its shape tells nothing.
    """

    position: SkyPosition
    snr: float
    blended: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What a search found, the most significant first, and its limit (AB, 5 sigma)."""

    candidates: tuple[Candidate, ...]
    limit_mag: float


def search(
    image: SkyImage, stars: ReferenceStars, filter_name: str, circle: SkyPosition, radius_deg: float
) -> Search:
    """Look for new sources within a circle.

    A candidate has the shape of a star. Less the light that the catalogue's stars send to its place, with
    the error of that, it outshines by `DETECTION_SIGMA` the noise of empty apertures on the same image, which
    knows about correlated pixels and faint background sources. Where the catalogue ends nothing can be
    called new.
    """
    neighbours = Neighbours(stars, filter_name, image.wcs, image.shape, image.zero)
    noise_factor, typical_err = empty_sky(image, neighbours, circle, radius_deg)
    image = replace(image, noise_factor=noise_factor)
    depth = _catalogue_depth(stars, filter_name)
    limit = min(limit_magnitude(typical_err, DETECTION_SIGMA) - _LOSS_MAG, depth)

    sky = background(image.pixels, image.masked)
    found = detect(image.pixels - sky.level, sky.noise, image.shape.profile.fwhm_px, _PEAK_SIGMA)
    x0, y0 = to_pixels(image.wcs, np.array([circle.ra_deg]), np.array([circle.dec_deg]))
    scale = _scale_deg(image)
    found = found[np.hypot(found.x - x0[0], found.y - y0[0]) * scale <= radius_deg]
    radius_px, fwhm_px = image.shape.radius_px, image.shape.profile.fwhm_px
    light = measure(image.pixels, image.masked, found.x, found.y, radius_px=radius_px, fwhm_px=fwhm_px)
    foreign, foreign_err = neighbours.light(found.x, found.y)
    # Most of what was found are the catalogue's stars; the few others are worth a closer look.
    found = found[light.flux - foreign > _LOOK_SIGMA * np.hypot(light.sky_err, foreign_err)]
    candidates = []
    for x, y in zip(found.x, found.y, strict=True):
        position = to_sky(image.wcs, float(x), float(y))
        flux = measure_at(image, neighbours, position)
        if flux is None or not flux.starlike or flux.snr < DETECTION_SIGMA:
            continue
        if to_magnitude(flux.ujy) > depth:
            continue
        error = np.hypot(0.6 * image.shape.profile.fwhm_px / flux.snr, 0.05) * scale
        candidates.append(
            Candidate(
                position=SkyPosition(
                    ra_deg=position.ra_deg, dec_deg=position.dec_deg, error_radius_deg=float(error)
                ),
                snr=flux.snr,
                blended=flux.blended,
            )
        )
    return Search(candidates=tuple(sorted(candidates, key=lambda c: -c.snr)), limit_mag=limit)


def empty_sky(
    image: SkyImage, neighbours: Neighbours, circle: SkyPosition, radius_deg: float
) -> tuple[float, float]:
    """Measure apertures where no star is.

    Returns
    -------
    factor : float
        By how much their scatter exceeds what single pixels suggest; at least 1.
    err_ujy : float
        That scatter: the error of a faint source's flux at a typical place of the circle.
    """
    x, y = _probes(image, neighbours, circle, radius_deg)
    radius, fwhm = image.shape.radius_px, image.shape.profile.fwhm_px
    light = measure(image.pixels, image.masked, x, y, radius_px=radius, fwhm_px=fwhm)
    good = np.isfinite(light.flux) & (light.lost == 0.0) & (light.sky_err > 0.0)
    if good.sum() < _LEAST_PROBES:
        middle = float(np.median(light.sky_err))
        return 1.0, middle * image.zero.ujy
    pull = light.flux[good] / light.sky_err[good]
    factor = max(1.0, 1.4826 * float(np.median(np.abs(pull - np.median(pull)))))
    return factor, factor * float(np.median(light.sky_err[good])) * image.zero.ujy


def _probes(
    image: SkyImage, neighbours: Neighbours, circle: SkyPosition, radius_deg: float
) -> tuple[Floats, Floats]:
    """Places spread evenly over the circle and away from stars (a sunflower's pattern)."""
    height, width = image.pixels.shape
    x0, y0 = to_pixels(image.wcs, np.array([circle.ra_deg]), np.array([circle.dec_deg]))
    n = np.arange(_PROBES) + 0.5
    reach = max(radius_deg / _scale_deg(image), 60.0)
    distance, angle = reach * np.sqrt(n / _PROBES), n * np.pi * (3.0 - np.sqrt(5.0))
    x, y = x0[0] + distance * np.cos(angle), y0[0] + distance * np.sin(angle)
    margin = 8.0 * image.shape.profile.fwhm_px
    inside = (x > margin) & (x < width - margin) & (y > margin) & (y < height - margin)
    x, y = x[inside], y[inside]
    if not x.size:
        return x, y
    # The wings of bright stars are no empty sky: the quieter half of the places is.
    starlight, _ = neighbours.light(x, y)
    quiet = starlight <= np.median(starlight)
    return x[quiet], y[quiet]


def _catalogue_depth(stars: ReferenceStars, filter_name: str) -> float:
    """Magnitude to which the catalogue can be taken as complete.

    Star counts grow towards the faint end until the survey stops: nine of ten stars are brighter than where
    it begins to miss some.
    """
    mags = stars.mags[filter_name]
    mags = mags[np.isfinite(mags)]
    if not mags.size:
        return -np.inf
    return float(np.quantile(mags, 0.95)) - _CATALOGUE_MARGIN_MAG


def _scale_deg(image: SkyImage) -> float:
    """Size of a pixel."""
    return float(np.sqrt(abs(np.linalg.det(image.wcs.pixel_scale_matrix))))
