"""The sky's clock of a replay at full speed: it stands while anybody works, and jumps while all wait."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import datetime, timedelta

from followup.clock import WallClock

LONGEST_MOMENT_S = 1.0


class JumpingClock:
    """Implements `followup.clock.Clock`; somebody has to call `jump`.

    Work takes no time of this clock, so that what happens when is the same in every replay, on a fast machine
    and on a slow one.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._count = itertools.count()
        self._lookers: list[asyncio.Future[None]] = []

    def now(self) -> datetime:
        """Present time."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds of this clock."""
        if seconds <= 0.0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + timedelta(seconds=seconds), next(self._count), woken))
        await woken

    def next(self) -> datetime | None:
        """When the next sleeper is to wake; None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def jump(self) -> bool:
        """Go on to when the next one wakes, and wake it alone; False when nobody sleeps.

        One at a time, in the order in which they went to sleep: two that wake together do not race.
        """
        if self.next() is None:
            return False
        time, _, woken = heapq.heappop(self._sleepers)
        self._now = max(self._now, time)
        woken.set_result(None)
        lookers, self._lookers = self._lookers, []
        for looker in lookers:
            if not looker.done():
                looker.set_result(None)
        return True

    async def jumped(self) -> None:
        """Return after the next jump."""
        looker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lookers.append(looker)
        await looker


class LookingClock(WallClock):
    """The machine's clock for an agent whose sky's clock jumps: who looks all the time looks after each jump.

    So the safety watch, which looks several times a second, sees every time of the sky's clock there is, the
    same ones in each replay.
    """

    def __init__(self, sky: JumpingClock) -> None:
        self._sky = sky

    async def sleep(self, seconds: float) -> None:
        """Sleep until the next jump if it is for a moment only; longer, as the machine's clock does."""
        if seconds <= LONGEST_MOMENT_S:
            await self._sky.jumped()
        else:
            await super().sleep(seconds)
