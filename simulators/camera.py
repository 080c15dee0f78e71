"""A simulated camera with its filter wheel and the dome above it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from followup.clock import Clock
from followup.devices import FrameType, RawFrame
from followup.errors import DeviceError
from simulators.afterglow import SimulatedBurst
from simulators.focuser import SimulatedFocuser
from simulators.imager import Imager
from simulators.interruptible import interrupted
from simulators.mount import SimulatedMount
from simulators.sites import KnownTelescope
from voevent.packet import SkyPosition

_LONGEST_EXPOSURE_S = 3600.0


class Bursts(Protocol):
    """Knows what has gone off."""

    def bursts(self) -> Sequence[SimulatedBurst]:
        """All bursts whose light may be in a field now."""
        ...


class SimulatedFilterWheel:
    """The `followup.devices.FilterWheel` of a known telescope; its first filter is in the beam at first."""

    def __init__(self, model: KnownTelescope, clock: Clock) -> None:
        self._model = model
        self._clock = clock
        self.selected = model.instrument.filters[0]

    async def select(self, filter_name: str) -> None:
        """Put a filter into the beam.

        Raises
        ------
        DeviceError
            When it has none of that name.
        """
        filters = self._model.instrument.filters
        if filter_name not in filters:
            raise DeviceError(
                "filter wheel", f"there is no filter {filter_name}", hint=f"it has {', '.join(filters)}"
            )
        if filter_name != self.selected:
            await self._clock.sleep(self._model.mechanics.filter_change_s)
            self.selected = filter_name


class SimulatedDome:
    """The `followup.devices.Dome` of a known telescope, closed at the start."""

    def __init__(self, model: KnownTelescope, clock: Clock) -> None:
        self._model = model
        self._clock = clock
        self.opened = False

    async def open(self) -> None:
        """Open the shutter."""
        await self._move(opened=True)

    async def close(self) -> None:
        """Close the shutter."""
        await self._move(opened=False)

    async def is_open(self) -> bool:
        """Whether the shutter is open now."""
        return self.opened

    async def face(self, target: SkyPosition) -> None:
        """Do nothing: it folds away, and leaves the whole sky free."""

    async def _move(self, *, opened: bool) -> None:
        if self.opened is not opened:
            await self._clock.sleep(self._model.mechanics.dome_s)
            self.opened = opened


class SimulatedCamera:
    """The `followup.devices.Camera` of a known telescope.

    Under a closed dome its frames of the sky are dark. The flat-field screen is always at hand.

    Parameters
    ----------
    imager
        Draws the frames, in a thread, while the exposure lasts.
    sky
        The bursts that may be in the field.
    rng
        Each frame's noise comes from a child of it, so that a frame depends on its number alone.
    """

    def __init__(
        self,
        *,
        model: KnownTelescope,
        clock: Clock,
        imager: Imager,
        sky: Bursts,
        mount: SimulatedMount,
        wheel: SimulatedFilterWheel,
        dome: SimulatedDome,
        focuser: SimulatedFocuser,
        rng: np.random.Generator,
    ) -> None:
        self._model = model
        self._clock = clock
        self._imager = imager
        self._sky = sky
        self._mount = mount
        self._wheel = wheel
        self._dome = dome
        self._focuser = focuser
        self._rng = rng
        self._aborted: asyncio.Event | None = None

    async def expose(self, *, frame_type: FrameType, exposure_s: float, filter_name: str) -> RawFrame:
        """Expose and read out.

        Raises
        ------
        DeviceError
            When it exposes already, cannot expose that long, another filter is in the beam, the mount does
            not track, or the exposure is aborted.
        """
        self._check(frame_type, exposure_s, filter_name)
        dark = frame_type is FrameType.LIGHT and not self._dome.opened
        self._imager.show(self._sky.bursts())
        blur_arcsec = await self._focuser.blur_arcsec()
        self._aborted = aborted = asyncio.Event()
        try:
            drawing = asyncio.to_thread(
                self._imager.frame,
                frame_type=FrameType.DARK if dark else frame_type,
                start=self._clock.now(),
                exposure_s=exposure_s,
                filter_name=filter_name,
                pointing=self._mount.says(),
                rng=self._rng.spawn(1)[0],
                looks_at=self._mount.looks_at(),
                blur_arcsec=blur_arcsec,
                upside_down=self._mount.upside_down,
            )
            duration_s = exposure_s + self._model.instrument.readout_s
            frame, stopped = await asyncio.gather(drawing, interrupted(self._clock, duration_s, aborted))
        finally:
            self._aborted = None
        if stopped:
            raise DeviceError("camera", "the exposure was aborted")
        return dataclasses.replace(frame, frame_type=frame_type)

    async def abort(self) -> None:
        """End the exposure in progress, if there is one, without a frame."""
        if self._aborted is not None:
            self._aborted.set()

    def _check(self, frame_type: FrameType, exposure_s: float, filter_name: str) -> None:
        if self._aborted is not None:
            raise DeviceError("camera", "it is exposing already")
        if not 0.0 <= exposure_s <= _LONGEST_EXPOSURE_S:
            raise DeviceError(
                "camera", f"it cannot expose for {exposure_s:g} s", hint=f"0 to {_LONGEST_EXPOSURE_S:g} s"
            )
        if frame_type in {FrameType.LIGHT, FrameType.FLAT} and filter_name != self._wheel.selected:
            raise DeviceError(
                "camera",
                f"filter {self._wheel.selected} is in the beam, not {filter_name}",
                hint="select the filter first",
            )
        if frame_type is FrameType.LIGHT:
            self._mount.check_tracking()
