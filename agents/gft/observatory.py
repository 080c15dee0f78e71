"""The telescope's devices as the campaigns of one agent share them: one at a time, when it is safe."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from followup.clock import Clock
from followup.devices import FrameType, RawFrame, Telescope
from followup.errors import DeviceError
from voevent.packet import SkyPosition

log = logging.getLogger(__name__)

STALE_WEATHER_S = 120.0
"""Weather older than this is bad weather."""
_RETRIES = 2
_CALIBRATION_PLAN = ((FrameType.BIAS, 0.0, 5), (FrameType.DARK, 30.0, 3))
_FLATS = 3
_FLAT_EXPOSURE_S = 2.0


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

    async def point(self, target: SkyPosition) -> None:
        """Open the dome and point; asks again when the failure is one that allows it."""
        self.pointed_at = None
        if not await self.telescope.dome.is_open():
            await self.telescope.dome.open()
        for attempt in range(_RETRIES + 1):
            try:
                await self.telescope.mount.slew(target)
            except DeviceError as error:
                if not error.retriable or attempt == _RETRIES:
                    raise
                log.warning("slewing again after: %s", error)
            else:
                self.pointed_at = target
                return

    async def expose(self, *, exposure_s: float, filter_name: str) -> RawFrame:
        """Take a frame of the sky through a filter."""
        await self.telescope.filter_wheel.select(filter_name)
        return await self.telescope.camera.expose(
            frame_type=FrameType.LIGHT, exposure_s=exposure_s, filter_name=filter_name
        )

    async def halt(self) -> None:
        """Stop exposing and moving at once."""
        self.pointed_at = None
        for stop in (self.telescope.camera.abort, self.telescope.mount.stop):
            try:
                await stop()
            except DeviceError as error:
                log.error("while stopping: %s", error)  # noqa: TRY400 - the sentence is all there is

    async def shelter(self) -> None:
        """Make the telescope safe: park and close the dome."""
        self.pointed_at = None
        for step in (self.telescope.mount.park, self.telescope.dome.close):
            try:
                await step()
            except DeviceError as error:
                log.error("while sheltering: %s", error)  # noqa: TRY400

    async def calibration_frames(self, filters: tuple[str, ...]) -> list[RawFrame]:
        """Take bias, dark and flat frames."""
        camera = self.telescope.camera
        frames = [
            await camera.expose(frame_type=kind, exposure_s=exposure_s, filter_name=filters[0])
            for kind, exposure_s, count in _CALIBRATION_PLAN
            for _ in range(count)
        ]
        for name in filters:
            await self.telescope.filter_wheel.select(name)
            frames += [
                await camera.expose(frame_type=FrameType.FLAT, exposure_s=_FLAT_EXPOSURE_S, filter_name=name)
                for _ in range(_FLATS)
            ]
        return frames
