"""The conditions at a telescope, looked at anew each time: weather, Sun, power, disk."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from followup.clock import Clock
from followup.devices import WeatherReading
from followup.errors import DeviceError
from followup.limits import Limits
from followup.safety import (
    Breach,
    Rule,
    disk_breaches,
    power_breaches,
    sun_breaches,
    unmeasured,
    weather_breaches,
)
from followup.site import Site
from followup.sun import sun_altitude_deg

T = TypeVar("T")

_ANSWERS_S = 0.2
_FIRST_S = 10.0


class Question(Generic[T]):
    """Something asked again and again of a device that may be slow to answer: the last answer counts.

    Parameters
    ----------
    ask
        Asks once; its DeviceError is an answer, too.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._asking: asyncio.Future[T] | None = None
        self._answer: T | None = None
        self._failure: DeviceError | None = None

    async def answer(self) -> T | None:
        """Give the last answer, waiting a little for a new one, longer for the first; None before that.

        Raises
        ------
        DeviceError
            When that was the last answer.
        """
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._ask())
        known = self._answer is not None or self._failure is not None
        done, _ = await asyncio.wait({self._asking}, timeout=_ANSWERS_S if known else _FIRST_S)
        if done:
            asked, self._asking = self._asking, None
            try:
                self._answer, self._failure = asked.result(), None
            except DeviceError as error:
                self._failure = error
        if self._failure is not None:
            raise self._failure
        return self._answer

    async def drop(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
            self._asking = None


class Conditions:
    """What a telescope's surroundings allow.

    Parameters
    ----------
    reading
        Reads the weather station.
    folder
        The site's folder: its disk is looked after, and the flag of lost power lies there.

    Attributes
    ----------
    weather
        The last reading; None before the first.
    """

    def __init__(
        self,
        reading: Callable[[], Awaitable[WeatherReading]],
        *,
        site: Site,
        limits: Limits,
        folder: Path,
        sky: Clock,
        wall: Clock,
    ) -> None:
        self.weather: WeatherReading | None = None
        self._read = reading
        self._reading = Question(self._ask)
        self._asked = sky.now(), wall.now()
        self._site = site
        self._limits = limits
        self._folder = folder
        self._sky = sky
        self._wall = wall

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """Rules for which the weather station measures nothing."""
        return unmeasured(self.weather) if self.weather is not None else ()

    async def breaches(self) -> tuple[Breach, ...]:
        """Say what is not as it must be for a telescope to stand open."""
        return (
            *await self._weather(),
            *sun_breaches(sun_altitude_deg(self._site, self._sky.now()), self._site),
            *self._power(),
            *self._disk(),
        )

    async def close(self) -> None:
        """Ask no more."""
        await self._reading.drop()

    async def _ask(self) -> tuple[WeatherReading, tuple[datetime, datetime]]:
        asked = self._sky.now(), self._wall.now()
        return await self._read(), asked

    async def _weather(self) -> tuple[Breach, ...]:
        try:
            if answer := await self._reading.answer():
                self.weather, self._asked = answer
        except DeviceError as error:
            return (Breach(Rule.STALE, str(error), "it must be seen"),)
        if self.weather is None:
            return (Breach(Rule.STALE, "no reading yet", f"{self._limits.max_weather_age_s:g} s"),)
        # What passes between the question and now is the machine's time: a simulated sky may run faster.
        sky, wall = self._asked
        return weather_breaches(self.weather, self._limits, now=sky + (self._wall.now() - wall))

    def _power(self) -> tuple[Breach, ...]:
        flag = self._folder / self._limits.power_lost_file
        try:
            raised = flag.exists()
        except OSError:
            raised = True  # one that cannot be looked for might be there
        return power_breaches(flag, raised=raised)

    def _disk(self) -> tuple[Breach, ...]:
        try:
            return disk_breaches(shutil.disk_usage(self._folder).free, self._limits)
        except OSError as error:
            return (Breach(Rule.DISK, f"it cannot be looked at: {error.strerror}", "it must be seen"),)
