"""Waiting at the gate, and what the science centre is told meanwhile."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.gft.gate import HOLD, LIMITS, SAFETY, Gate
from agents.gft.waiting import may_go_on
from tests.simulators.handclock import START, HandClock
from voevent.kinds import Status


@dataclass
class Listener:
    """A record, and its story."""

    told: list[str] = field(default_factory=list)
    told_of_hold: bool = False

    @property
    def story(self) -> Any:
        return SimpleNamespace(say=lambda _text, level=logging.INFO: None)

    async def say(self, content: Status, *, notes: dict[str, Any]) -> None:
        self.told.append(f"{content.state}: {content.text}")


@pytest.fixture
def bench() -> Any:
    gate = Gate()
    return SimpleNamespace(gate=gate, sky=HandClock(), observatory=SimpleNamespace(trouble="", gate=gate))


def waiting(bench: Any, record: Listener, *, for_s: float = 100.0) -> asyncio.Future[bool]:
    until = START + timedelta(seconds=for_s)
    return asyncio.ensure_future(may_go_on(bench, cast("Any", record), until=until))


async def test_a_gate_that_is_free_is_not_worth_a_word(bench: Any) -> None:
    record = Listener()
    assert await waiting(bench, record)
    assert record.told == []


async def test_what_gets_worse_is_told_and_the_end(bench: Any) -> None:
    record = Listener()
    bench.gate.shut(HOLD, "anna: guests")
    going_on = waiting(bench, record)
    await bench.sky.advance(1.0)
    bench.gate.shut(SAFETY, "rain: 1 mm/h (limit: 0 mm/h)")
    await bench.sky.advance(1.0)
    bench.gate.shut(SAFETY, "rain: 2 mm/h (limit: 0 mm/h)")
    await bench.sky.advance(1.0)
    bench.observatory.trouble = "the dome is stuck"
    bench.gate.shut(SAFETY, "rain: 3 mm/h (limit: 0 mm/h); NOT SHELTERED: the dome is stuck")
    await bench.sky.advance(1.0)
    bench.gate.lift(HOLD)
    bench.gate.lift(SAFETY)
    await bench.sky.advance(1.0)
    assert await going_on
    assert record.told == [
        "hold: hold: anna: guests",
        "unsafe: hold: anna: guests; safety: rain: 1 mm/h (limit: 0 mm/h)",
        "unsafe: hold: anna: guests; safety: rain: 3 mm/h (limit: 0 mm/h); NOT SHELTERED: the dome is stuck",
        "clear: the telescope may be used again",
    ]


async def test_a_dome_that_does_not_shut_is_told_before_the_safety_watch_looks_again(bench: Any) -> None:
    """Its word on the gate comes a moment after the failure, and would not be told any more."""
    record = Listener()
    bench.gate.shut(SAFETY, "rain")
    bench.observatory.trouble = "the dome is stuck"
    going_on = waiting(bench, record)
    await bench.sky.advance(1.0)
    bench.gate.shut(SAFETY, "rain; NOT SHELTERED: the dome is stuck")
    await bench.sky.advance(1.0)
    bench.gate.lift(SAFETY)
    await bench.sky.advance(1.0)
    assert await going_on
    assert record.told == [
        "unsafe: safety: rain; NOT SHELTERED: the dome is stuck",
        "clear: the telescope may be used again",
    ]


@pytest.mark.parametrize("trouble", ["", "the mount does not park"])
async def test_a_mount_that_is_being_parked_is_waited_for_and_told_of_when_it_does_not_park(
    bench: Any, trouble: str
) -> None:
    record = Listener()
    bench.gate.shut(LIMITS, "it is being parked")
    going_on = waiting(bench, record)
    await bench.sky.advance(1.0)
    bench.observatory.trouble = trouble
    bench.gate.shut(LIMITS, f"it is being parked {trouble}")
    await bench.sky.advance(1.0)
    assert not going_on.done()
    bench.gate.lift(LIMITS)
    await bench.sky.advance(1.0)
    assert await going_on
    assert [said.partition(":")[0] for said in record.told] == (["unsafe", "clear"] if trouble else [])


async def test_time_passes(bench: Any) -> None:
    record = Listener()
    bench.gate.shut(SAFETY, "rain")
    going_on = waiting(bench, record)
    await bench.sky.advance(101.0)
    assert not await going_on
    assert record.told == ["unsafe: safety: rain"]
