"""What waits for a telescope that is revoked, and what becomes of it when it is admitted again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from followup.clock import WallClock
from followup.names import topic_of
from messaging import outbox
from messaging.journal import Journal
from messaging.reader import Reader
from messaging.records import Destination, OutgoingState, ToTopic, ToUser
from tests.messaging.world import START, campaign_of, status
from voevent.build import build
from voevent.kinds import Header

A, B = (ToTopic(topic_of(name)) for name in ("gft-a", "gft-b"))
EXPIRED, PENDING, SENT = OutgoingState.EXPIRED, OutgoingState.PENDING, OutgoingState.SENT


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal.sqlite", wall=WallClock())
    yield journal
    journal.close()


async def enqueue(journal: Journal, number: int, to: Destination, *, acknowledged: bool = True) -> None:
    header = Header(
        authority="followup", author="gft-a", campaign=campaign_of("gft-a"), sequence=number,
        date=START, drill=True,
    )  # fmt: skip
    packet = build(header, status(f"{number}"))
    await journal.write(
        lambda tx: tx.enqueue(packet, to=to, body=f"{number}", deadline_s=None, acknowledged=acknowledged)
    )


async def states(journal: Journal) -> dict[str, OutgoingState]:
    return {row.body: row.state for row in await journal.read(Reader.outgoing)}


async def test_nothing_waits_for_a_revoked_telescope(journal: Journal) -> None:
    await enqueue(journal, 1, A)
    await enqueue(journal, 2, A, acknowledged=False)
    await enqueue(journal, 3, ToUser("gft-a"), acknowledged=False)
    await enqueue(journal, 4, B)
    await enqueue(journal, 5, ToUser("csc"))
    assert await journal.write(partial(outbox.withdraw, telescope="gft-a")) == 1
    assert await states(journal) == {"1": EXPIRED, "2": SENT, "3": SENT, "4": PENDING, "5": PENDING}
    [kept] = await journal.read(lambda reader: reader.outgoing(states=[EXPIRED]))
    assert kept.problem == outbox.WITHDRAWN
    assert await journal.write(partial(outbox.withdraw, telescope="gft-a")) == 0


async def test_a_telescope_that_is_admitted_again_gets_it(journal: Journal) -> None:
    await enqueue(journal, 1, A)
    await enqueue(journal, 2, B)
    for name in ("gft-a", "gft-b"):
        await journal.write(partial(outbox.withdraw, telescope=name))
    assert await journal.write(partial(outbox.reinstate, telescope="gft-a")) == 1
    assert await states(journal) == {"1": PENDING, "2": EXPIRED}
    [row] = await journal.read(lambda reader: reader.outgoing(states=[PENDING]))
    assert (row.problem, row.deadline) == ("", None)
    assert await journal.write(partial(outbox.reinstate, telescope="gft-a")) == 0


async def test_a_person_may_revive_what_has_no_deadline(journal: Journal) -> None:
    await enqueue(journal, 1, A)
    await journal.write(partial(outbox.withdraw, telescope="gft-a"))
    [row] = await journal.read(Reader.outgoing)
    assert await journal.write(lambda tx: tx.revive(row.id)) == 1
    assert await states(journal) == {"1": PENDING}
