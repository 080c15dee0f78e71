"""The usable frames of a campaign, and what can be measured on them: stacks, and the light at a place.

The name is the old one for what an archive of the sky consists of.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from agents.gft.reduction.astrometry import to_pixels
from agents.gft.reduction.flux import Flux, measure_at
from agents.gft.reduction.frame import ReducedFrame
from agents.gft.reduction.image import Neighbours, SkyImage
from agents.gft.reduction.lightcurve import Measured
from agents.gft.reduction.stack import stack
from followup.catalogue import ReferenceCatalogue, ReferenceStars
from followup.progress import separation_deg
from followup.site import Instrument
from voevent.packet import SkyPosition

_POINTING_ERROR_DEG = 0.15
_SAME_POINTING_DEG = 0.05
_CHUNK = 12
"""Frames stacked at a time, so that long series do not fill the memory."""

Group = tuple[str, str]
"""A task and a filter."""


class Plates:
    """Frames on the disk with the catalogue's stars around them.

    Parameters
    ----------
    trigger_time
        Zero of the times given; a later trigger may change it.
    """

    def __init__(
        self, *, instrument: Instrument, catalogue: ReferenceCatalogue, trigger_time: datetime
    ) -> None:
        self._instrument = instrument
        self._catalogue = catalogue
        self.trigger_time = trigger_time
        self._target: SkyPosition | None = None
        self._frames: dict[Path, ReducedFrame] = {}
        self._stars: list[tuple[SkyPosition, ReferenceStars]] = []
        self._fluxes: dict[tuple[Path, SkyPosition], Flux | None] = {}

    @property
    def frames(self) -> tuple[ReducedFrame, ...]:
        """All frames, in order of time."""
        return tuple(sorted(self._frames.values(), key=lambda f: f.start))

    def add(self, frame: ReducedFrame) -> None:
        """Add a frame, or put it in the place of the one of the same file."""
        self._frames[frame.path] = frame
        for key in [k for k in self._fluxes if k[0] == frame.path]:
            del self._fluxes[key]

    def look_at(self, target: SkyPosition | None) -> None:
        """Measure only frames that show this place from now on; all of them when None."""
        self._target = target

    def groups(self) -> list[Group]:
        """Tasks and filters with usable frames, in order of their first one."""
        return list(dict.fromkeys((f.task, f.filter) for f in self.frames if self._shows_target(f)))

    def of(self, group: Group) -> list[ReducedFrame]:
        """Usable frames of a group that show the target, in order of time."""
        return [f for f in self.frames if (f.task, f.filter) == group and self._shows_target(f)]

    def times_s(self, frames: Sequence[ReducedFrame]) -> list[tuple[float, float]]:
        """Start since the trigger time, and exposure, of each frame."""
        return [((f.start - self.trigger_time).total_seconds(), f.exposure_s) for f in frames]

    def combined(self, group: Group) -> SkyImage:
        """All usable frames of the group as one image.

        Raises
        ------
        ReductionError
            When there is none, or they cannot be stacked.
        """
        frames = self.of(group)
        images: Iterator[SkyImage] = (frame.image() for frame in frames)
        if len(frames) == 1:
            return next(images)
        stars = self.stars_on(frames[0])
        if len(frames) <= _CHUNK:
            return stack(images, stars, group[1])
        chunks = np.array_split(np.arange(len(frames)), math.ceil(len(frames) / _CHUNK))
        stacks = (stack((frames[i].image() for i in chunk), stars, group[1]) for chunk in chunks)
        return stack(stacks, stars, group[1])

    def measured(self, group: Group, position: SkyPosition) -> list[Measured]:
        """Measure each frame that shows the place; leave out those that a cosmic ray hit just there."""
        frames = self.of(group)
        found = []
        for frame, (start_s, exposure_s) in zip(frames, self.times_s(frames), strict=True):
            flux = self._flux(frame, position)
            if flux is not None:
                found.append(Measured(start_s=start_s, exposure_s=exposure_s, flux=flux))
        clean = [m for m in found if m.flux.starlike]
        # When most look wrong it is the star profile that is wrong, not the source.
        return clean if 2 * len(clean) >= len(found) else found

    def stars_on(self, frame: ReducedFrame) -> ReferenceStars:
        """Catalogue stars on and around a solved frame."""
        return self.stars_around(frame.centre)

    def stars_around(self, pointing: SkyPosition) -> ReferenceStars:
        """Catalogue stars of a field, asked for once per pointing."""
        for centre, stars in self._stars:
            if separation_arcsec(centre, pointing) < _SAME_POINTING_DEG * 3600.0:
                return stars
        side_px = math.hypot(self._instrument.width_px, self._instrument.height_px)
        half_diagonal_deg = side_px * self._instrument.pixel_scale_arcsec / 3600.0 / 2.0
        reach_deg = half_diagonal_deg + _POINTING_ERROR_DEG + _SAME_POINTING_DEG
        stars = self._catalogue.cone(pointing, reach_deg)
        self._stars.append((pointing, stars))
        return stars

    def _shows_target(self, frame: ReducedFrame) -> bool:
        if not frame.usable or self._target is None or frame.wcs is None:
            return frame.usable
        x, y = to_pixels(frame.wcs, np.array([self._target.ra_deg]), np.array([self._target.dec_deg]))
        width, height = self._instrument.width_px, self._instrument.height_px
        return bool(0.0 <= x[0] < width and 0.0 <= y[0] < height)

    def _flux(self, frame: ReducedFrame, position: SkyPosition) -> Flux | None:
        key = (frame.path, position)
        if key not in self._fluxes:
            image = frame.image()
            neighbours = Neighbours(self.stars_on(frame), frame.filter, image.wcs, image.shape, image.zero)
            self._fluxes[key] = measure_at(image, neighbours, position)
        return self._fluxes[key]


def separation_arcsec(a: SkyPosition, b: SkyPosition) -> float:
    """Angle between two positions."""
    return 3600.0 * separation_deg(a, b)
