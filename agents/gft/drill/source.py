"""A fading source that is put into the frames of the real camera, before anybody else sees them.

Only what is here knows where it is and how bright. How a star looks on the frame, and how bright one of a
known magnitude is there, is measured on the frame's own stars.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

from agents.gft.reduction.apertures import measure
from agents.gft.reduction.astrometry import to_pixels
from agents.gft.reduction.calibration import Masters, calibrate
from agents.gft.reduction.exposure import measure_exposure
from agents.gft.reduction.frame import ReducedFrame
from followup.catalogue import ReferenceCatalogue, ReferenceStars
from followup.devices import Camera, FrameType, RawFrame
from followup.site import Instrument
from voevent.packet import SkyPosition

log = logging.getLogger(__name__)

CARD = "DRILLSRC"
"""Header card of a frame that shows a source which does not exist."""

_REFERENCE_S = 60.0
_EARLIEST_S = 1.0
_REACH_FWHM = 8.0
_POINTING_ERROR_DEG = 0.15


@dataclass(frozen=True, kw_only=True, slots=True)
class FadingSource:
    """What is put into the sky.

    Attributes
    ----------
    magnitude
        AB, in every filter, one minute after `began`.
    fading
        Index of the power law of time by which its light decays.
    """

    position: SkyPosition
    began: datetime
    magnitude: float
    fading: float

    def magnitude_at(self, t_s: float) -> float:
        """AB magnitude so long after it began."""
        return self.magnitude + 2.5 * self.fading * math.log10(max(t_s, _EARLIEST_S) / _REFERENCE_S)


@dataclass(frozen=True, kw_only=True, slots=True)
class Optics:
    """What it takes to draw a star on a raw frame."""

    masters: Masters
    instrument: Instrument
    catalogue: ReferenceCatalogue


class DrillCamera:
    """The telescope's camera; while a drill is on, its frames of the sky show the source.

    Attributes
    ----------
    shown
        Frames into which it was put, of the drill that is on.
    missed
        Why it could not be put into others.
    """

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._source: FadingSource | None = None
        self._optics: Optics | None = None
        self._wanted: Callable[[], bool] = lambda: False
        self.shown = 0
        self.missed: list[str] = []

    def show(self, source: FadingSource, optics: Optics, wanted: Callable[[], bool]) -> None:
        """Put a source into frames from now on, whenever `wanted` says so as their exposure begins."""
        self._source, self._optics, self._wanted = source, optics, wanted
        self.shown, self.missed = 0, []

    def hide(self) -> None:
        """Leave frames as they are from now on."""
        self._source = None

    async def expose(self, *, frame_type: FrameType, exposure_s: float, filter_name: str) -> RawFrame:
        """Expose and read out."""
        source, optics = self._source, self._optics
        wanted = frame_type is FrameType.LIGHT and self._wanted()
        raw = await self._camera.expose(frame_type=frame_type, exposure_s=exposure_s, filter_name=filter_name)
        if source is None or optics is None or not wanted or self._source is not source:
            return raw
        drawn, problem = await asyncio.to_thread(partial(with_source, raw, source, optics))
        if problem:
            self.missed.append(problem)
            log.warning("the drill's source is not on this frame: %s", problem)
        else:
            self.shown += 1
        return drawn

    async def abort(self) -> None:
        """End the exposure in progress, if there is one, without a frame."""
        await self._camera.abort()


def with_source(raw: RawFrame, source: FadingSource, optics: Optics) -> tuple[RawFrame, str]:
    """Draw the source on a frame (blocking); the frame as it is, and why, when that cannot be done."""
    instrument, masters = optics.instrument, optics.masters
    pixels, mask, _ = calibrate(raw, masters, instrument)
    blank = ReducedFrame.unmeasured(raw, path=Path("drill"), task="", number=0)

    def stars(pointing: SkyPosition) -> ReferenceStars:
        side_px = math.hypot(instrument.width_px, instrument.height_px)
        reach_deg = side_px * instrument.pixel_scale_arcsec / 3600.0 / 2.0 + _POINTING_ERROR_DEG
        return optics.catalogue.cone(pointing, reach_deg)

    measured = measure_exposure(
        blank, raw, pixels, mask != 0, instrument=instrument, stars=stars,
        circle=raw.pointing, radius_deg=0.01,
    ).frame  # fmt: skip
    if measured.problem or measured.wcs is None or measured.shape is None or measured.zero is None:
        return raw, measured.problem or "its stars cannot be measured"
    (x,), (y,) = to_pixels(
        measured.wcs, np.array([source.position.ra_deg]), np.array([source.position.dec_deg])
    )
    profile, radius_px = measured.shape.profile, measured.shape.radius_px
    reach = math.ceil(_REACH_FWHM * profile.fwhm_px)
    height, width = raw.pixels.shape
    if not (reach < x < width - reach - 1 and reach < y < height - reach - 1):
        return raw, f"the source falls beside the detector, at {x:.0f} {y:.0f}"
    t_s = (raw.date_obs - source.began).total_seconds() + raw.exposure_s / 2.0
    in_aperture = 10.0 ** (0.4 * (measured.zero.mag - source.magnitude_at(t_s)))
    column, row = round(float(x)), round(float(y))
    offset = np.arange(-reach, reach + 1)
    distance = np.hypot(offset[None, :] + column - x, offset[:, None] + row - y)
    part = np.s_[row - reach : row + reach + 1, column - reach : column + reach + 1]
    star = profile(distance).astype(np.float32)
    # Through the aperture it must be as bright as it is: pixels see a narrow star coarsely.
    seen = measure(
        star, np.zeros(star.shape, np.bool_), np.array([x - column + reach]), np.array([y - row + reach]),
        radius_px=radius_px, fwhm_px=profile.fwhm_px,
    ).flux[0]  # fmt: skip
    electrons = in_aperture / seen * star
    flat = masters.flats.get(raw.filter)
    if flat is not None:
        electrons = electrons * flat[part]
    # Its photons arrive as at random as any others.
    rng = np.random.default_rng([column, row, int(raw.date_obs.timestamp())])
    adu = rng.poisson(electrons) / instrument.gain_e_adu
    drawn = raw.pixels.copy()
    top = np.iinfo(np.uint16).max
    drawn[part] = np.clip(np.rint(raw.pixels[part] + adu), 0, top).astype(np.uint16)
    return dataclasses.replace(raw, pixels=drawn, header={**raw.header, CARD: True}), ""
