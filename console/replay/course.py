"""How a replay goes on: its clock, from the first word to the last."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from console.replay.clock import JumpingClock
from console.replay.errors import ReplayError
from console.replay.heard import Heard
from console.replay.stillness import CountedJournal, CountingLoop, Stillness
from followup.clock import Clock, SkyClock, WallClock

S = TypeVar("S")
T = TypeVar("T")

BEFORE = timedelta(seconds=60)
"""The sky's clock stands so much earlier than the first word while everything starts."""
_PATIENCE_S = 300.0
_POLL_S = 0.1
_LOOK_S = 0.001
_TICK_S = 30.0
"""The sky's clock jumps no farther than this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """What the clock of a replay goes by.

    Attributes
    ----------
    journal
        That of the party under test.
    heard
        What was heard of it so far.
    busy
        Whether the played parties wait for an answer, or are about to give one.
    unanswered
        Whether the packet of that digest, of the party under test, is to be waited for now.
    over
        Whether all has been said.
    changes
        Times at which a clock that jumps must stop.
    last
        When the last thing that comes by itself was recorded: with a clock that runs, it is not over before.
    until
        When a campaign that does not end is given up.
    """

    journal: CountedJournal
    heard: Sequence[Heard]
    busy: Callable[[], bool]
    unanswered: Callable[[str], bool]
    over: Callable[[], bool]
    changes: tuple[datetime, ...] = ()
    last: datetime
    until: datetime


def run_through(
    staged: Callable[[Clock], AbstractAsyncContextManager[S]],
    *,
    begin: Callable[[S], Course],
    outcome: Callable[[S, bool], Awaitable[T]],
    start: datetime,
    speed: float | None,
) -> T:
    """Set a stage up, have everything go on until it is over, and tell what came of it (blocking).

    Parameters
    ----------
    staged
        Sets the stage up for a clock of the sky, and takes it down.
    begin
        Begins to play.
    outcome
        Tells what came of it, with everything still there, from whether it came to its end.
    start
        Of the sky's clock.
    speed
        How many times faster than the sky; None for as fast as the party under test answers.

    Raises
    ------
    ReplayError
        When the party under test answers no more.
    """
    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        return runner.run(_run_through(staged, begin=begin, outcome=outcome, start=start, speed=speed))


async def _run_through(
    staged: Callable[[Clock], AbstractAsyncContextManager[S]],
    *,
    begin: Callable[[S], Course],
    outcome: Callable[[S, bool], Awaitable[T]],
    start: datetime,
    speed: float | None,
) -> T:
    jumping = JumpingClock(start)
    sky: Clock = jumping
    if speed is not None:
        wall = WallClock()
        sky = SkyClock(sky_epoch=start, wall_epoch=wall.now(), rate=speed, wall=wall)
    running_out: asyncio.Task[None] | None = None
    try:
        async with staged(sky) as stage:
            if isinstance(sky, SkyClock):
                sky.set(start, sky.wall.now())  # the start took its time
            course = begin(stage)
            try:
                ended = await (_run_down(course, sky) if speed else _jump_on(course, jumping))
                return await outcome(stage, ended)
            finally:
                # Who ends makes the telescope safe first, which takes its time by the sky's clock.
                running_out = asyncio.create_task(_run_out(jumping))
    finally:
        if running_out is not None:
            running_out.cancel()
            await asyncio.gather(running_out, return_exceptions=True)


async def _run_out(sky: JumpingClock) -> None:
    """Have the clock jump for whoever still waits for it."""
    while True:
        await asyncio.sleep(_LOOK_S)
        sky.jump()


async def _jump_on(course: Course, sky: JumpingClock) -> bool:
    """Have the clock jump whenever nobody works; tell whether the campaign came to its end."""
    stillness = _stillness(course)
    marks = [asyncio.create_task(_tick(sky))]
    marks += [asyncio.create_task(_mark(sky, time)) for time in course.changes]
    try:
        while True:
            await _watched(course, stillness)
            if course.over():
                return True
            if sky.now() > course.until or not sky.jump():
                return False
    finally:
        for mark in marks:
            mark.cancel()
        await asyncio.gather(*marks, return_exceptions=True)


async def _tick(sky: JumpingClock) -> None:
    """Have the clock stop now and then, so that who looks around sees the time go by."""
    while True:
        await sky.sleep(_TICK_S)


async def _mark(sky: JumpingClock, time: datetime) -> None:
    """Have the clock stop at a time."""
    await sky.sleep((time - sky.now()).total_seconds())


async def _run_down(course: Course, sky: Clock) -> bool:
    """Let the clock run; tell whether the campaign came to its end."""
    while sky.now() <= course.until:
        if course.over() and sky.now() > course.last:
            await _watched(course, _stillness(course))  # what was heard last is dealt with
            return True
        await asyncio.sleep(_POLL_S)
    return False


def _stillness(course: Course) -> Stillness:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, CountingLoop):
        raise TypeError("a replay needs an event loop that counts")
    return Stillness(loop, course.journal, course.busy)


async def _watched(course: Course, stillness: Stillness) -> None:
    """Wait until nobody works, as long as anything goes on.

    Raises
    ------
    ReplayError
        When nothing has happened for too long.
    """
    task = asyncio.ensure_future(stillness.reached(unanswered=course.unanswered))
    seen: tuple[int, ...] = ()
    while not task.done():
        await asyncio.wait({task}, timeout=_PATIENCE_S)
        now = (course.journal.written, len(course.heard))
        if not task.done() and now == seen:
            task.cancel()
            raise ReplayError(
                f"the agent has said and done nothing for {_PATIENCE_S:.0f} s with something unanswered"
            )
        seen = now
    task.result()
