"""A focuser over INDI: absolute positions, and the tube's temperature when it has a sensor."""

from __future__ import annotations

import asyncio

from agents.gft.indi.connection import Connection
from agents.gft.indi.device import Device
from agents.gft.indi.settings import IndiSettings
from followup.errors import DeviceError

_AT, _STEPS = "ABS_FOCUS_POSITION", "FOCUS_ABSOLUTE_POSITION"
_TEMPERATURE, _STOP = "FOCUS_TEMPERATURE", "FOCUS_ABORT_MOTION"


class IndiFocuser:
    """The `followup.devices.Focuser` of an INDI driver with absolute positions."""

    def __init__(self, connection: Connection, settings: IndiSettings) -> None:
        self.device = Device(connection, settings.focuser, "focuser", self._set_up)
        self._within_s = settings.focus_s

    async def limits(self) -> tuple[int, int]:
        """Give the lowest and the highest position."""
        await self.device.ready()
        return round(self.device.lowest(_AT, _STEPS)), round(self.device.highest(_AT, _STEPS))

    async def position(self) -> int:
        """Where it says it is now."""
        await self.device.ready()
        return round(self.device.number(_AT, _STEPS))

    async def move(self, position: int) -> None:
        """Return when it is there; whoever stops waiting stops it.

        Raises
        ------
        DeviceError
            When the position is beyond its limits, or it does not get there in time.
        """
        lowest, highest = await self.limits()
        if not lowest <= position <= highest:
            raise DeviceError(
                "focuser", f"it cannot go to {position}", hint=f"it goes from {lowest} to {highest}"
            )
        if await self.position() == position:
            return
        try:
            await self.device.tell(_AT, {_STEPS: position}, within_s=self._within_s)
        except asyncio.CancelledError:
            if self.device.has(_STOP):
                await asyncio.shield(self.device.tell(_STOP, {"ABORT": "On"}))
            raise
        if (there := await self.position()) != position:
            raise DeviceError(
                "focuser",
                f"it is at {there} after {position} was asked for",
                hint="does something block it? look at the driver's messages",
                retriable=True,
            )

    async def temperature(self) -> float | None:
        """Give the temperature of the tube in degrees Celsius; None when it has no sensor."""
        await self.device.ready()
        if not self.device.has(_TEMPERATURE):
            return None
        return self.device.number(_TEMPERATURE, "TEMPERATURE")

    async def _set_up(self) -> None:
        await self.device.wait(
            lambda: self.device.has(_AT), 10.0, f"it has no property {_AT}: it knows no absolute positions"
        )
