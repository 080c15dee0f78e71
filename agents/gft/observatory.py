"""The telescope's devices as the campaigns of one agent share them: one at a time, when it is safe."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import numpy as np

from followup.clock import Clock
from followup.devices import FrameType, RawFrame, Telescope
from followup.errors import DeviceError
from followup.site import Instrument
from voevent.packet import SkyPosition

T = TypeVar("T")

log = logging.getLogger(__name__)

STALE_WEATHER_S = 120.0
"""Weather older than this is bad weather."""
_RETRIES = 2
_BIASES = 5
_DARKS = 3
_DARK_EXPOSURE_S = 30.0
_FLATS = 3
_FLAT_EXPOSURE_S = 2.0
"""The first one; then as it takes to light the detector well."""
_SHORTEST_FLAT_S, _LONGEST_FLAT_S = 0.02, 60.0
_FLAT_LEVEL = (0.3, 0.5, 0.7)
"""Least, wanted and highest level of a flat field, as parts of the saturation level."""


class Observatory:
    """The devices, and whose turn it is.

    Parameters
    ----------
    telescope
        The devices.
    clock
        The sky clock.
    """

    def __init__(self, telescope: Telescope, clock: Clock) -> None:
        self.telescope = telescope
        self.clock = clock
        self.user = ""
        self.sheltered = False
        """Whether nothing has opened since the telescope was made safe; not known at first."""
        self.pointed_at: SkyPosition | None = None
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def turn(self, campaign: str) -> AsyncIterator[None]:
        """Have the telescope to oneself; in the order of asking."""
        async with self._turn:
            self.user = campaign
            try:
                yield
            finally:
                self.user = ""

    @property
    def busy(self) -> bool:
        """Whether a campaign has the telescope."""
        return self._turn.locked()

    async def unsafe(self) -> str:
        """Why it is not safe to observe now; empty when it is."""
        try:
            reading = await self.telescope.weather.reading()
        except DeviceError as error:
            return str(error)  # weather that nobody sees is bad weather
        age_s = (self.clock.now() - reading.time).total_seconds()
        if age_s > STALE_WEATHER_S:
            return f"the weather station's last reading is {age_s:.0f} s old"
        return "" if reading.safe else reading.reason or "the weather station says so"

    async def point(self, target: SkyPosition, *, aim: SkyPosition | None = None) -> None:
        """Point, and meanwhile open the dome there; again when the failure is one that allows it.

        Parameters
        ----------
        aim
            What the mount is told, when it is known to look beside it; the target when None.
        """
        self.pointed_at = None
        self.sheltered = False
        await _again("pointing", partial(self._point, aim or target))
        self.pointed_at = target

    async def expose(self, *, exposure_s: float, filter_name: str) -> RawFrame:
        """Take a frame of the sky through a filter; again when the failure is one that allows it."""
        try:
            return await _again("exposing", partial(self._expose, exposure_s, filter_name))
        except DeviceError:
            # Whatever it was, the mount may not be where it was: who comes next points anew.
            self.pointed_at = None
            raise

    async def halt(self) -> None:
        """Stop exposing and moving at once."""
        self.pointed_at = None
        # Together: a camera that answers late must not keep the mount moving.
        stops = (self.telescope.mount.stop(), self.telescope.camera.abort())
        for outcome in await asyncio.gather(*stops, return_exceptions=True):
            if isinstance(outcome, DeviceError):
                log.error("while stopping: %s", outcome)
            elif isinstance(outcome, BaseException):
                raise outcome

    async def shelter(self) -> None:
        """Make the telescope safe: park and close the dome."""
        self.pointed_at = None
        self.sheltered = True
        for step in (self.telescope.mount.park, self.telescope.dome.close):
            try:
                await step()
            except DeviceError as error:
                log.error("while sheltering: %s", error)  # noqa: TRY400

    async def calibration_frames(self, instrument: Instrument) -> list[RawFrame]:
        """Take bias, dark and flat frames; no darks with a detector that has no dark current."""
        camera, first = self.telescope.camera, instrument.filters[0]
        plan = [(FrameType.BIAS, 0.0)] * _BIASES
        if instrument.dark_current_e_s > 0.0:
            plan += [(FrameType.DARK, _DARK_EXPOSURE_S)] * _DARKS
        frames = [
            await camera.expose(frame_type=kind, exposure_s=exposure_s, filter_name=first)
            for kind, exposure_s in plan
        ]
        for name in instrument.filters:
            frames += await self._flats(name, instrument)
        return frames

    async def _flats(self, filter_name: str, instrument: Instrument) -> list[RawFrame]:
        """Take flat fields through a filter, exposed as long as the light there asks for."""
        await self.telescope.filter_wheel.select(filter_name)
        least, wanted, highest = (part * instrument.saturation_adu for part in _FLAT_LEVEL)
        exposure_s, frames = _FLAT_EXPOSURE_S, list[RawFrame]()
        while len(frames) < _FLATS:
            frame = await self.telescope.camera.expose(
                frame_type=FrameType.FLAT, exposure_s=exposure_s, filter_name=filter_name
            )
            level = float(np.median(frame.pixels))
            if least <= level <= highest:
                frames.append(frame)
                continue
            # A saturated frame does not say by how much.
            factor = wanted / max(level, 1.0) if level <= 2 * highest - wanted else 0.1
            longer_s = min(max(exposure_s * factor, _SHORTEST_FLAT_S), _LONGEST_FLAT_S)
            if longer_s == exposure_s:
                raise DeviceError(
                    "camera",
                    f"a flat field through {filter_name} of {exposure_s:g} s has a level of {level:.0f} ADU, "
                    f"not {least:.0f} to {highest:.0f}",
                    hint="dim or brighten the flat-field lamp",
                )
            exposure_s = longer_s
        return frames

    async def _point(self, target: SkyPosition) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.telescope.mount.slew(target))
                group.create_task(self._uncover(target))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _uncover(self, target: SkyPosition) -> None:
        dome = self.telescope.dome
        if not await dome.is_open():
            await dome.open()
        await dome.face(target)

    async def _expose(self, exposure_s: float, filter_name: str) -> RawFrame:
        await self.telescope.filter_wheel.select(filter_name)
        return await self.telescope.camera.expose(
            frame_type=FrameType.LIGHT, exposure_s=exposure_s, filter_name=filter_name
        )


async def _again(doing: str, work: Callable[[], Awaitable[T]]) -> T:
    for _ in range(_RETRIES):
        try:
            return await work()
        except DeviceError as error:
            if not error.retriable:
                raise
            log.warning("%s again after: %s", doing, error)
    return await work()
