"""Time as an argument: the sky's clock, which may run faster in simulations, and the wall's, which cannot."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Gives now (aware, UTC) and sleep."""

    def now(self) -> datetime:
        """Present time."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds of this clock."""
        ...


class WallClock:
    """The machine's own clock. Transport (time-outs, back-off, receipts' delays) always uses this one."""

    def now(self) -> datetime:
        """Present time of the machine."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Sleep so many real seconds."""
        await asyncio.sleep(max(0.0, seconds))


class SkyClock:
    """A clock that showed `sky_epoch` when the wall's showed `wall_epoch` and runs `rate` times as fast.

    Processes given the same three values agree on the time without talking to each other.
    """

    def __init__(self, *, sky_epoch: datetime, wall_epoch: datetime, rate: float, wall: Clock) -> None:
        self.sky_epoch = sky_epoch
        self.wall_epoch = wall_epoch
        self.rate = rate
        self.wall = wall

    def set(self, sky_epoch: datetime, wall_epoch: datetime) -> None:
        """Have it show `sky_epoch` when the wall's shows `wall_epoch`, from now on."""
        self.sky_epoch, self.wall_epoch = sky_epoch, wall_epoch

    def now(self) -> datetime:
        """Present sky time."""
        return self.sky_at(self.wall.now())

    def wall_at(self, time: datetime) -> datetime:
        """Tell what the wall's clock shows when this one shows `time`."""
        return self.wall_epoch + (time - self.sky_epoch) / self.rate

    def sky_at(self, wall_time: datetime) -> datetime:
        """Tell what this clock shows when the wall's shows `wall_time`."""
        return self.sky_epoch + (wall_time - self.wall_epoch) * self.rate

    async def sleep(self, seconds: float) -> None:
        """Sleep so many seconds of sky time."""
        await self.wall.sleep(max(0.0, seconds) / self.rate)
