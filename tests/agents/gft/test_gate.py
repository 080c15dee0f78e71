"""The gate before the telescope."""

from __future__ import annotations

import asyncio

import pytest

from agents.gft.gate import HOLD, SAFETY, TAKEOVER, Gate


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_it_is_free_when_the_last_keeper_has_lifted_his_reason() -> None:
    gate = Gate()
    await gate.free()
    gate.shut(SAFETY, "rain")
    gate.shut(HOLD, "anna: guests in the dome")
    assert str(gate) == "safety: rain; hold: anna: guests in the dome"
    waiting = asyncio.ensure_future(gate.free())
    gate.lift(SAFETY)
    gate.lift(SAFETY)
    await _turns()
    assert not waiting.done()
    gate.lift(HOLD)
    await waiting
    assert not gate.reasons
    assert not str(gate)


async def test_a_keeper_has_one_reason_at_a_time() -> None:
    gate = Gate()
    gate.shut(SAFETY, "rain")
    heard = gate.changes.listen()
    gate.shut(SAFETY, "rain")
    assert not heard.done()
    gate.shut(SAFETY, "wind")
    assert heard.done()
    assert dict(gate.reasons) == {SAFETY: "wind"}


@pytest.mark.parametrize("keepers", [(), (SAFETY,)])
async def test_whoever_waits_for_a_keeper_hears_of_that_one(keepers: tuple[str, ...]) -> None:
    gate = Gate()
    waiting = asyncio.ensure_future(gate.shuts(*keepers))
    await _turns()
    assert not waiting.done()
    gate.shut(HOLD, "a pause")
    await _turns()
    assert waiting.done() is (not keepers)
    gate.shut(SAFETY, "rain")
    await waiting


async def test_it_can_be_waited_for_without_one_of_its_keepers() -> None:
    gate = Gate()
    gate.shut(TAKEOVER, "anna")
    await gate.free(SAFETY, HOLD)
    assert gate.shut_by(TAKEOVER, HOLD)
    assert not gate.shut_by(SAFETY)


async def test_one_who_stops_waiting_takes_nothing_from_the_others() -> None:
    gate = Gate()
    first, second = (asyncio.ensure_future(gate.shuts()) for _ in range(2))
    await _turns()
    first.cancel()
    await _turns()
    assert not second.done()
    gate.shut(SAFETY, "rain")
    await second
