"""Saying something again, but not for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.gft.service import TelescopeAgent
from console.replay import insisting
from console.replay.conversation import Conversation
from console.replay.heard import Heard
from console.replay.playing import replay_bundle
from console.replay.telescope.player import PlayedCentre
from followup.clock import WallClock
from messaging.desk import Answer
from messaging.session import Envelope, SessionDownError
from tests.console.replay.test_conversation import NAME, TRIGGER, said
from voevent.build import build
from voevent.kinds import Content, Header, Receipt, ReceiptOutcome, Trigger
from voevent.packet import Packet


class Deaf:
    """A session to a party of which nothing comes; not even a word gets out of it the first time."""

    def __init__(self) -> None:
        self.sent: list[Envelope] = []
        self.on_arrival: object = None

    async def send(self, _to: str, envelope: Envelope) -> None:
        self.sent.append(envelope)
        if len(self.sent) == 1:
            raise SessionDownError("not yet")


async def witness(_heard: Heard) -> str:
    return ""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insisting, "_AGAIN_S", 0.01)


@pytest.mark.usefixtures("impatient")
@pytest.mark.timeout(60)
async def test_a_trigger_of_which_nothing_comes_is_a_complaint() -> None:
    session = Deaf()
    centre = PlayedCentre(
        Conversation(name=NAME, said=(said("csc", 1, TRIGGER, 5.0),)),
        csc=session,  # type: ignore[arg-type]  # as much of one as is needed
        relay=session,  # type: ignore[arg-type]
        sky=WallClock(),
        witness=witness,
    )
    [trigger] = centre.conversation.triggers
    await centre._bring(trigger)
    assert len(session.sent) == insisting._TIMES
    [complaint] = centre.complaints
    assert complaint.startswith("nothing came of this, nor of what was to follow: ")
    assert not centre.busy, "the clock goes on"
    assert centre.over


@pytest.mark.integration
@pytest.mark.timeout(240)
def test_a_telescope_that_breaks_off_over_its_trigger_is_no_end_of_the_replay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true = TelescopeAgent.consider

    async def broken(self: TelescopeAgent, packet: Packet, header: Header, content: Content) -> Answer:
        if isinstance(content, Trigger):
            raise KeyError("a fault")
        return await true(self, packet, header, content)

    monkeypatch.setattr(TelescopeAgent, "consider", broken)
    monkeypatch.setattr(insisting, "_AGAIN_S", 0.3)
    found = replay_bundle(Path(__file__).parent / "bundles" / "small-light.tar.zst")
    assert not found.good
    assert any("nothing came of this" in fault for fault in found.faults)


@pytest.mark.usefixtures("impatient")
async def test_what_is_dealt_with_is_not_said_again() -> None:
    session, answers = Deaf(), iter([False, True])
    packet = build(
        Header(
            authority="followup",
            author="csc",
            campaign=str(NAME),
            sequence=1,
            date=WallClock().now(),
            drill=True,
        ),
        Receipt(
            cited=said("csc", 1, TRIGGER, 5.0).packet.id, outcome=ReceiptOutcome.ACCEPTED, reason="archived"
        ),
    )

    async def send(envelope: Envelope) -> None:
        await session.send("gft-spm", envelope)

    async def dealt_with(_at_most_s: float) -> bool:
        return next(answers)

    await insisting.insist(Envelope(raw=packet.raw, id=packet.id, body=""), send, dealt_with)
    assert len(session.sent) == 2
