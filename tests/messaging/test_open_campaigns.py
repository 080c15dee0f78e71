"""Which of all campaigns that a journal holds an agent looks at when it starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from followup.clock import WallClock
from messaging.author import Author
from messaging.journal import Journal
from messaging.reader import Reader
from messaging.records import ToUser
from tests.messaging.world import campaign_of, trigger
from voevent.kinds import Closing, Content, Outcome, Receipt, ReceiptOutcome
from voevent.packet import PacketId

A, B, C, D = (campaign_of(f"gft-{letter}") for letter in "abcd")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal.sqlite", wall=WallClock())
    yield journal
    journal.close()


def telescope_of(campaign: str) -> str:
    return campaign.partition(".")[2]


async def say(journal: Journal, campaign: str, content: Content, *, author: str = "csc") -> PacketId:
    made = Author(site=author, authority="followup", sky=WallClock())
    packet = await journal.write(
        lambda tx: made.compose(tx, campaign, content, to=ToUser("gft-a"), drill=True)
    )
    return packet.id


async def answer(journal: Journal, campaign: str, cited: PacketId, *outcomes: ReceiptOutcome) -> None:
    for outcome in outcomes:
        await say(
            journal,
            campaign,
            Receipt(cited=cited, outcome=outcome, reason="so"),
            author=telescope_of(campaign),
        )


async def test_only_what_may_be_open_is_named(journal: Journal) -> None:
    closing = Closing(outcome=Outcome.COMPLETED, summary="done", tasks=(), packets=())
    for name in (A, B, C, D):
        await say(journal, name, trigger(telescope_of(name)))
    first = {stored.campaign: stored.id for stored in await journal.read(lambda r: r.latest(10))}
    assert await journal.read(Reader.open_campaigns) == [A, B, C, D]
    await answer(journal, A, first[A], ReceiptOutcome.ACCEPTED)
    await answer(journal, B, first[B], ReceiptOutcome.ACCEPTED)
    await answer(journal, C, first[C], ReceiptOutcome.REFUSED)
    await answer(journal, D, first[D], ReceiptOutcome.REFUSED)
    await say(journal, D, trigger(telescope_of(D), revision=1))  # a better position, perhaps
    said = await say(journal, B, closing, author=telescope_of(B))
    assert await journal.read(Reader.open_campaigns) == [A, B, D]
    await answer(journal, B, said, ReceiptOutcome.RECEIVED)
    assert await journal.read(Reader.open_campaigns) == [A, B, D]
    await answer(journal, B, said, ReceiptOutcome.ACCEPTED)
    assert await journal.read(Reader.open_campaigns) == [A, D]
