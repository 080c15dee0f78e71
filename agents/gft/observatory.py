"""The telescope's devices as the campaigns of one agent share them: one at a time, when it is safe."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import numpy as np

from agents.gft.gate import HALT, LIMITS, SAFETY, TAKEOVER, Gate, ShutError
from agents.gft.stowing import stow
from agents.gft.turns import Turns
from followup.clock import Clock
from followup.devices import FrameType, RawFrame, Telescope
from followup.errors import DeviceError, SlewRefusedError
from followup.site import Instrument
from voevent.packet import SkyPosition

T = TypeVar("T")

log = logging.getLogger(__name__)

_FORBID = (SAFETY, LIMITS, HALT, TAKEOVER)
"""Keepers of the gate for whom what is under way is given up at once."""
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
    park_before_closing
        Whether the roof would hit a telescope that is not parked.

    Attributes
    ----------
    gate
        What keeps the telescope from observing. It is shut until somebody has looked at the conditions.
    look
        Looks at the conditions now, before anything opens.
    turns
        Whose turn it is.
    opened
        Whether the dome was opened here, and not closed since.
    sheltered
        Whether nothing has opened since the telescope was made safe; not known at first.
    trouble
        What failed when it was to be made safe; empty when nothing did.
    to_park
        Whether a person wants it parked and closed.
    pointed_at
        Where it looks, for who wants to expose there; None when it has to be pointed first.
    tracks_at
        What the mount may be following, trusted or not, for who minds its limits; None once it has stopped.
    unknown
        Whether it has neither been pointed nor made safe since it was found, or given back by a person.
    """

    def __init__(self, telescope: Telescope, clock: Clock, *, park_before_closing: bool = False) -> None:
        self.telescope = telescope
        self.clock = clock
        self.park_before_closing = park_before_closing
        self.gate = Gate()
        self.gate.shut(SAFETY, "nobody has looked at the conditions yet")
        self.look: Callable[[], Awaitable[None]] = _nobody_looks
        self.turns = Turns()
        self.opened = False
        self.sheltered = False
        self.trouble = ""
        self._sheltering = asyncio.Lock()
        self._doing: set[asyncio.Future[Any]] = set()
        self.to_park = False
        self.pointed_at: SkyPosition | None = None
        self.tracks_at: SkyPosition | None = None
        self.unknown = True
        self._to_put_right: Callable[[], Awaitable[None]] | None = None

    def turn(
        self, campaign: str, *, priority: int = 0, give_way: Callable[[], None] | None = None
    ) -> AbstractAsyncContextManager[None]:
        """Have the telescope to oneself (see `agents.gft.turns`)."""
        return self.turns.turn(campaign, priority=priority, give_way=give_way)

    @property
    def user(self) -> str:
        """Who has the telescope; empty when nobody does."""
        return self.turns.user

    @property
    def busy(self) -> bool:
        """Whether somebody has the telescope who does not give way."""
        return self.turns.busy_for("")

    @property
    def idle(self) -> bool:
        """Whether nobody has the telescope."""
        return not self.turns.taken

    @property
    def moving(self) -> bool:
        """Whether a slew or an exposure is in flight, or the telescope is being made safe."""
        return bool(self._doing) or self.sheltering

    @property
    def sheltering(self) -> bool:
        """Whether it is being made safe."""
        return self._sheltering.locked()

    def out_of_hand(self) -> None:
        """Somebody else moves it from now on, or has until now: nothing that was known of it is."""
        self.pointed_at = None
        self.opened = self.sheltered = False
        self.unknown = True

    def put_right_later(self, work: Callable[[], Awaitable[None]]) -> None:
        """Have something put right while the telescope next slews, or else before the next exposure."""
        self._to_put_right = work

    async def mind_the_pier(self) -> bool:
        """Whether the mount must swing to the other side of its pier: then who points next points anew."""
        if self.pointed_at is None or not await self.telescope.mount.flip_due():
            return False
        self.pointed_at = None
        return True

    async def unsafe(self) -> str:
        """Why it is not safe to observe now; empty when it is."""
        return self.gate.reasons.get(SAFETY, "")

    async def point(self, target: SkyPosition, *, aim: SkyPosition | None = None) -> None:
        """Point, and meanwhile open the dome there; again when the failure is one that allows it.

        Parameters
        ----------
        aim
            What the mount is told, when it is known to look beside it; the target when None.

        Raises
        ------
        ShutError
            When it is not safe, or becomes unsafe meanwhile, or a person has the telescope.
        """
        self.pointed_at = None
        await self.look()
        await _again("pointing", lambda: self._while_free(self._point(aim or target)))
        self.pointed_at = target

    async def expose(self, *, exposure_s: float, filter_name: str) -> RawFrame:
        """Take a frame of the sky through a filter; again when the failure is one that allows it.

        Raises
        ------
        ShutError
            When it is not safe, or becomes unsafe meanwhile, or a person has the telescope.
        """
        try:
            return await _again("exposing", lambda: self._while_free(self._expose(exposure_s, filter_name)))
        except DeviceError:
            # Whatever it was, the mount may not be where it was: who comes next points anew.
            self.pointed_at = None
            raise

    async def halt(self) -> None:
        """Stop exposing and moving at once."""
        self.pointed_at = None
        if self.gate.shut_by(SAFETY) or self.sheltering:
            return  # nothing moves but what makes it safe, and that must not be stopped
        if self.gate.shut_by(TAKEOVER):
            return  # who has taken it over moves it
        # Together: a camera that answers late must not keep the mount moving.
        stops = (self._stop(), self.telescope.camera.abort())
        for outcome in await asyncio.gather(*stops, return_exceptions=True):
            if isinstance(outcome, DeviceError):
                log.error("while stopping: %s", outcome)
            elif isinstance(outcome, BaseException):
                raise outcome

    async def shelter(self) -> bool:
        """Make the telescope safe: end the exposure, park and close the dome; False when something failed."""
        async with self._sheltering:
            self.pointed_at = None
            self.opened = False
            failed = await stow(
                mount=self.telescope.mount,
                dome=self.telescope.dome,
                end_exposure=self.telescope.camera.abort,
                park_before_closing=self.park_before_closing,
                ending=tuple(self._doing),
                stop_first=bool(self.trouble),
            )
            for each in failed:
                log.error("while sheltering: %s", each, extra={"event": "telescope.in-danger"})
            self.trouble = "; ".join(failed)
            self.sheltered = not failed
            if self.sheltered:
                self.tracks_at, self.unknown = None, False
            return self.sheltered

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

    async def _while_free(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something with the devices, and give it up as soon as it may not be done any more."""
        if self.gate.shut_by(*_FORBID):
            work.close()
            raise ShutError(self.gate)
        doing = asyncio.ensure_future(work)
        forbidden = asyncio.ensure_future(self.gate.shuts(*_FORBID))
        self._doing.add(doing)
        doing.add_done_callback(self._doing.discard)
        try:
            await asyncio.wait({doing, forbidden}, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                doing.cancel()
                await asyncio.wait({doing})
            if doing.cancelled():
                raise ShutError(self.gate)
            failure = doing.exception()
            if forbidden.done() and isinstance(failure, DeviceError):
                raise ShutError(self.gate) from failure
            return doing.result()
        except asyncio.CancelledError:
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
            raise
        finally:
            forbidden.cancel()

    async def _point(self, target: SkyPosition) -> None:
        self.sheltered = False
        self.trouble = ""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._slew(target))
                group.create_task(self._uncover(target))
                group.create_task(self._put_right())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _slew(self, target: SkyPosition) -> None:
        before, self.tracks_at, self.unknown = self.tracks_at, target, False
        try:
            await self.telescope.mount.slew(target)
        except SlewRefusedError:
            self.tracks_at = before
            raise

    async def _stop(self) -> None:
        await self.telescope.mount.stop()
        self.tracks_at = None

    async def _put_right(self) -> None:
        if self._to_put_right is not None:
            await self._to_put_right()
            self._to_put_right = None

    async def _uncover(self, target: SkyPosition) -> None:
        dome = self.telescope.dome
        if not await dome.is_open():
            await dome.open()
        self.opened = True
        await dome.face(target)

    async def _expose(self, exposure_s: float, filter_name: str) -> RawFrame:
        await self._put_right()
        await self.telescope.filter_wheel.select(filter_name)
        return await self.telescope.camera.expose(
            frame_type=FrameType.LIGHT, exposure_s=exposure_s, filter_name=filter_name
        )


async def _nobody_looks() -> None:
    """Change nothing: the gate stays shut until somebody has looked."""


async def _again(doing: str, work: Callable[[], Awaitable[T]]) -> T:
    for _ in range(_RETRIES):
        try:
            return await work()
        except DeviceError as error:
            if not error.retriable:
                raise
            log.warning("%s again after: %s", doing, error)
    return await work()
