"""A campaign that breaks down as it begins is taken up again."""

from __future__ import annotations

import pytest

import agents.gft.service
from agents.gft.record import Record
from messaging.errors import JournalError
from tests.agents.world import CAMPAIGN, World, alert

pytestmark = pytest.mark.usefixtures("plain")


async def test_a_journal_that_cannot_be_read_at_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents.gft.service, "_AGAIN_S", 0.01)
    turns, load = world.gft.bench.observatory.turns, Record.load
    reserved: list[str] = []

    async def unreadable_at_first(record: Record) -> None:
        reserved.append(turns.reserved_for)
        if len(reserved) == 1:
            raise JournalError("disk I/O error")
        await load(record)

    monkeypatch.setattr(Record, "load", unreadable_at_first)
    turns.reserve(CAMPAIGN)
    await world.trigger(alert())
    await world.gft.told("mount.slew", 1)
    assert reserved[:2] == [CAMPAIGN, ""], "meanwhile the telescope is kept from nobody"
