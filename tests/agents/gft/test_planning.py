import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from agents.gft.planning import Planner
from followup.limits import Limits
from followup.plan import Plan
from followup.strategy import default_strategies
from tests.followup.builders import MIDNIGHT, instrument, position, site, trigger


@dataclass
class SetClock:
    """A clock that stands still: who sleeps is in `sleepers` until let `go`, and then time has passed."""

    time: datetime = MIDNIGHT
    sleepers: asyncio.Queue[float] = field(default_factory=asyncio.Queue)
    go: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        await self.sleepers.put(seconds)
        await self.go.acquire()
        self.time += timedelta(seconds=seconds)


def planner(clock: SetClock) -> Planner:
    return Planner(
        site=site(),
        limits=Limits(),
        instrument=instrument(),
        strategies=default_strategies(),
        clock=clock,
    )


async def test_answer_plan_and_picture() -> None:
    mine = planner(SetClock())
    await mine.warm()
    said = await mine.answer(trigger())
    assert said.accepted
    made = await mine.plan(trigger(), campaign="sb26112201.gft-spm")
    assert made.tasks[0].start == said.first_epoch
    assert (await mine.picture(trigger(), made)).startswith(b"\x89PNG")
    journalled = Plan.from_data(made.to_data())
    assert journalled.visibility is None
    assert (await mine.picture(trigger(), journalled)).startswith(b"\x89PNG")
    refused = await mine.plan(trigger(position=position(radius_deg=20.0)), campaign="sb26112201.gft-spm")
    assert refused.tasks == ()
    assert "error circle" in refused.reason
    assert await mine.picture(trigger(), refused) == b""


async def test_an_almanac_that_has_run_out_is_renewed_for_the_answer() -> None:
    clock = SetClock()
    mine = planner(clock)
    assert (await mine.answer(trigger())).accepted
    clock.time += timedelta(days=10)
    later = trigger(trigger_time=clock.time)
    said = await mine.answer(later)
    assert said.accepted
    assert said.first_epoch is not None
    assert said.first_epoch >= clock.time


async def test_the_almanac_is_kept_ahead(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="agents.gft.planning")
    clock = SetClock()
    mine = planner(clock)
    keeping = asyncio.create_task(mine.keep_ahead())
    try:
        for _ in range(3):
            slept = await asyncio.wait_for(clock.sleepers.get(), 30)
            tabulated = len(caplog.records)
            said = await mine.answer(trigger(trigger_time=clock.time))
            assert said.reason
            assert len(caplog.records) == tabulated, "nothing had to be tabulated for this answer"
            clock.time += timedelta(seconds=slept - 1)
            assert (await mine.answer(trigger(trigger_time=clock.time))).reason
            assert len(caplog.records) == tabulated, "nor for one just before the renewal"
            clock.time -= timedelta(seconds=slept - 1)
            clock.go.release()
        assert tabulated == 2, "one tabulation lasts for hours"
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
