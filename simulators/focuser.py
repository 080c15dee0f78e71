"""A simulated focuser: the focus wanders with the tube's temperature, and the drive has backlash."""

from __future__ import annotations

import asyncio

from followup.clock import Clock
from followup.devices import WeatherStation
from followup.errors import DeviceError

LIMITS = (0, 50_000)
IN_FOCUS = 25_000
"""Where the focus is when the tube has the temperature at which it was adjusted."""
_ADJUSTED_AT_C = 8.0
_STEPS_PER_C = -60.0
_BLUR_ARCSEC_PER_STEP = 0.0015
_BACKLASH = 80
_STEPS_PER_S = 1000.0


class SimulatedFocuser:
    """The `followup.devices.Focuser` of every simulated telescope; in focus at first.

    Parameters
    ----------
    weather
        Its ``temperature_c`` is that of the tube.
    """

    def __init__(self, clock: Clock, weather: WeatherStation) -> None:
        self._clock = clock
        self._weather = weather
        self._at = IN_FOCUS
        self._optics = float(IN_FOCUS)

    async def limits(self) -> tuple[int, int]:
        """Give the lowest and the highest position."""
        return LIMITS

    async def position(self) -> int:
        """Where its motor is now."""
        return self._at

    async def move(self, position: int) -> None:
        """Go there; whoever stops waiting stops it on the way.

        Raises
        ------
        DeviceError
            When the position is beyond its limits.
        """
        lowest, highest = LIMITS
        if not lowest <= position <= highest:
            raise DeviceError(
                "focuser", f"it cannot go to {position}", hint=f"it goes from {lowest} to {highest}"
            )
        start, began = self._at, self._clock.now()
        try:
            await self._clock.sleep(abs(position - start) / _STEPS_PER_S)
        except asyncio.CancelledError:
            gone = _STEPS_PER_S * (self._clock.now() - began).total_seconds()
            way = position - start
            self._turn_to(start + round(max(-gone, min(gone, way))))
            raise
        self._turn_to(position)

    async def temperature(self) -> float:
        """Give the temperature of the tube in degrees Celsius."""
        reading = await self._weather.reading()
        return reading.values.get("temperature_c", _ADJUSTED_AT_C)

    async def blur_arcsec(self) -> float:
        """How wide the focus makes the image of a star, beside all else that does."""
        best = IN_FOCUS + _STEPS_PER_C * (await self.temperature() - _ADJUSTED_AT_C)
        return abs(self._optics - best) * _BLUR_ARCSEC_PER_STEP

    def _turn_to(self, position: int) -> None:
        """Move the motor; the optics follow once the slack of the drive is taken up."""
        self._at = position
        half = _BACKLASH / 2
        self._optics = min(max(self._optics, position - half), position + half)
