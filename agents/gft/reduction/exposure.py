"""From one raw frame to a calibrated one: detector, stars, astrometry, magnitude scale, depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agents.gft.reduction.apertures import aperture_radius_px
from agents.gft.reduction.astrometry import Solution, solve
from agents.gft.reduction.errors import ReductionError, UnsolvedError
from agents.gft.reduction.flux import limit_magnitude
from agents.gft.reduction.frame import ReducedFrame
from agents.gft.reduction.image import Neighbours, Shape, SkyImage
from agents.gft.reduction.sources import Detections, background, detect, measure_profile
from agents.gft.reduction.transient import DETECTION_SIGMA, empty_sky
from agents.gft.reduction.zeropoint import calibrate_magnitudes, magnitudes
from followup.catalogue import ReferenceStars
from followup.devices import RawFrame
from followup.site import Instrument
from voevent.packet import SkyPosition

_TYPICAL_SEEING_ARCSEC = 2.0
_STAR_SIGMA = 6.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What the stars of a frame tell: the frame with its measurements, and a line about them."""

    frame: ReducedFrame
    solution: Solution | None


def found_on(
    pixels: NDArray[np.float32], masked: NDArray[np.bool_], instrument: Instrument
) -> tuple[NDArray[np.float32], float, Detections]:
    """Find the stars of a calibrated frame: the frame without its sky, how wide a star may be (px), stars."""
    sky = background(pixels, masked)
    flat = pixels - sky.level
    guess = max(1.6, _TYPICAL_SEEING_ARCSEC / instrument.pixel_scale_arcsec)
    return flat, guess, detect(flat, sky.noise, guess, _STAR_SIGMA)


def measure_exposure(
    frame: ReducedFrame,
    raw: RawFrame,
    pixels: NDArray[np.float32],
    masked: NDArray[np.bool_],
    *,
    instrument: Instrument,
    stars: Callable[[SkyPosition], ReferenceStars],
    circle: SkyPosition,
    radius_deg: float,
) -> Outcome:
    """Fill in the astrometry, star shape, zero point and limit of a frame.

    A frame whose stars cannot be made out is no error: it comes back with `problem` filled.

    Parameters
    ----------
    pixels, masked
        The calibrated frame.
    stars
        Gives the catalogue's stars around a pointing.
    circle, radius_deg
        Where the frame's depth matters.
    """
    flat, guess, found = found_on(pixels, masked, instrument)
    known = stars(raw.pointing)
    try:
        solution = solve(
            found,
            known.ra_deg,
            known.dec_deg,
            magnitudes(known, raw.filter),
            pointing=raw.pointing,
            scale_arcsec=instrument.pixel_scale_arcsec,
            shape=(instrument.height_px, instrument.width_px),
        )
    except ReductionError as error:
        return Outcome(frame=replace(frame, problem=str(error)), solution=None)
    profile = measure_profile(flat, masked, found, guess)
    if profile is None:
        problem = "too few unsaturated, isolated stars to measure their shape"
        return Outcome(frame=replace(frame, wcs=solution.wcs, problem=problem), solution=solution)
    shape = Shape(profile=profile, radius_px=aperture_radius_px(profile))
    try:
        zero = calibrate_magnitudes(
            pixels, masked, wcs=solution.wcs, shape=shape, stars=known, filter_name=raw.filter
        )
    except UnsolvedError as error:
        return Outcome(
            frame=replace(frame, wcs=solution.wcs, shape=shape, problem=str(error)), solution=solution
        )
    image = SkyImage(pixels=pixels, masked=masked, wcs=solution.wcs, shape=shape, zero=zero)
    neighbours = Neighbours(known, raw.filter, solution.wcs, shape, zero)
    noise_factor, err_ujy = empty_sky(image, neighbours, circle, radius_deg)
    return Outcome(
        frame=replace(
            frame,
            wcs=solution.wcs,
            shape=shape,
            zero=zero,
            noise_factor=noise_factor,
            limit_mag=limit_magnitude(err_ujy, DETECTION_SIGMA),
        ),
        solution=solution,
    )
