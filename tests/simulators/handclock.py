"""A clock that moves when it is told to."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
"""Night at San Pedro Mártir."""


class HandClock:
    """Sleepers wake in order when `advance` or `finish` gets to them."""

    def __init__(self, time: datetime = START) -> None:
        self._time = time
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._number = itertools.count()

    def now(self) -> datetime:
        return self._time

    def since_start(self) -> float:
        return (self._time - START).total_seconds()

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._time + timedelta(seconds=seconds), next(self._number), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        await self._settle()
        end = self._time + timedelta(seconds=seconds)
        while self._sleepers and self._sleepers[0][0] <= end:
            await self._wake_next()
        self._time = end

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Move on as fast as the work allows, until it is done."""
        task = asyncio.ensure_future(work)
        while not task.done():
            await self._settle()
            if self._sleepers:
                await self._wake_next()
            elif not task.done():
                await asyncio.wait({task}, timeout=0.005)  # a thread is at work
        return task.result()

    async def _wake_next(self) -> None:
        time, _, woken = heapq.heappop(self._sleepers)
        if not woken.done():
            self._time = max(self._time, time)
            woken.set_result(None)
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
