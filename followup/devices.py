"""Ports to the devices of a telescope. A simulated telescope and INDI stand behind them alike.

Every method may raise `followup.errors.DeviceError`. Times are on the telescope's (sky) clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voevent.packet import SkyPosition


class FrameType(StrEnum):
    """What an exposure is for."""

    LIGHT = "light"
    """The sky."""
    BIAS = "bias"
    """Read-out of nothing."""
    DARK = "dark"
    """Shutter closed."""
    FLAT = "flat"
    """An evenly lit field."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RawFrame:
    """A frame as the camera gave it.

    Attributes
    ----------
    pixels
        Shape (height, width), unsigned 16-bit ADU, row 0 at the bottom of the sky image as FITS has it.
    date_obs
        Start of the exposure, UTC.
    pointing
        Where the mount says the centre of the detector looks, ICRS.
    header
        Further cards the driver knows (CCD temperature, gain, …).
    """

    pixels: NDArray[np.uint16]
    frame_type: FrameType
    date_obs: datetime
    exposure_s: float
    filter: str
    pointing: SkyPosition
    header: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class WeatherReading:
    """The weather as one station last saw it; `reason` says what is wrong when it is not safe."""

    time: datetime
    safe: bool
    reason: str = ""
    values: Mapping[str, float] = field(default_factory=dict)


class Mount(Protocol):
    """Points the telescope."""

    async def slew(self, target: SkyPosition) -> None:
        """Point at an ICRS position; return when tracking there.

        Raises
        ------
        SlewRefusedError
            When the mount will not point there.
        """
        ...

    async def position(self) -> SkyPosition:
        """Where it points now, ICRS."""
        ...

    async def flip_due(self) -> bool:
        """Whether it must swing to the other side of its pier, which slewing to the same place again does."""
        ...

    async def stop(self) -> None:
        """Stop moving at once; tracking ends."""
        ...

    async def park(self) -> None:
        """Go to the park position and stay."""
        ...


class Camera(Protocol):
    """Takes frames."""

    async def expose(self, *, frame_type: FrameType, exposure_s: float, filter_name: str) -> RawFrame:
        """Expose and read out."""
        ...

    async def abort(self) -> None:
        """End the exposure in progress without a frame: its `expose` raises DeviceError."""
        ...


class FilterWheel(Protocol):
    """Puts a filter into the beam."""

    async def select(self, filter_name: str) -> None:
        """Return when that filter is in the beam."""
        ...


class Focuser(Protocol):
    """Moves the focus. Positions are steps, as its maker counts them."""

    async def limits(self) -> tuple[int, int]:
        """Give the lowest and the highest position."""
        ...

    async def position(self) -> int:
        """Where it is now."""
        ...

    async def move(self, position: int) -> None:
        """Return when it is there; whoever stops waiting stops it."""
        ...

    async def temperature(self) -> float | None:
        """Give the temperature of the telescope's tube in degrees Celsius; None when it has no sensor."""
        ...


class Dome(Protocol):
    """Opens and closes."""

    async def open(self) -> None:
        """Return when the shutter is open."""
        ...

    async def close(self) -> None:
        """Return when the shutter is closed."""
        ...

    async def is_open(self) -> bool:
        """Whether the shutter is open now."""
        ...

    async def face(self, target: SkyPosition) -> None:
        """Return when the opening is before an ICRS position."""
        ...


class WeatherStation(Protocol):
    """Tells whether it is safe to open."""

    async def reading(self) -> WeatherReading:
        """Read the station."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Telescope:
    """The devices of one telescope; `focuser` is None when it has none."""

    mount: Mount
    camera: Camera
    filter_wheel: FilterWheel
    dome: Dome
    weather: WeatherStation
    focuser: Focuser | None = None
