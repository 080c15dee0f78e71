from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from followup.names import RELAY, topic_of
from messaging.desk import Answer
from messaging.errors import JournalError
from messaging.records import OutgoingState, ToUser
from messaging.session import Envelope
from tests.messaging.world import TIMING, World, campaign_of, settle, status, trigger, upload
from voevent.build import build
from voevent.kinds import Header, Receipt, ReceiptOutcome, StatusState
from voevent.packet import Packet, PacketId

CAMPAIGN = campaign_of("gft-a")
TO_GFT = ToUser("gft-a")
TO_RELAY = ToUser(RELAY)
ACCEPTED = Answer(outcome=ReceiptOutcome.ACCEPTED, reason="archived")
LOST: tuple[float, ...] = ()


def header(world: World, author: str, sequence: int = 1, campaign: str = CAMPAIGN) -> Header:
    return Header(
        authority="followup",
        author=author,
        campaign=campaign,
        sequence=sequence,
        date=world.wall.now(),
        drill=True,
    )


def smuggle(world: World, sender: str, to: str, packet: Packet) -> None:
    """Hand a packet to the server past any journal."""
    envelope = Envelope(raw=packet.raw, id=packet.id, body="")
    world.server.carry(sender, to, envelope)


async def test_a_trigger_goes_straight_and_its_receipt_by_the_relay(world: World) -> None:
    packet = await world.csc.say(trigger(), campaign=CAMPAIGN, to=TO_GFT)
    await world.advance(1)
    assert world.csc.outgoing(packet).state is OutgoingState.SETTLED
    assert world.csc.outcomes(packet) == ["gft-a: accepted"]
    assert world.relay.outcomes(packet) == ["gft-a: accepted"]
    assert world.gft.effects(CAMPAIGN) == [packet.sha256]
    assert world.csc.times_sent(packet) == [0.0]


async def test_a_report_is_taken_into_custody_then_accepted(world: World) -> None:
    packet = await world.gft.say(status(), campaign=CAMPAIGN, to=TO_RELAY)
    await world.advance(1)
    for site in world.sites:
        assert site.outcomes(packet) == ["csc-ftp: relayed", "csc: accepted"]
    for site in (world.gft, world.relay):
        assert site.outgoing(packet).state is OutgoingState.SETTLED
    assert world.csc.look(lambda r: r.packet(packet)) == world.gft.look(lambda r: r.packet(packet))
    assert not any(site.pending() for site in world.sites)


async def test_an_interim_answer_is_followed_by_a_final_one_and_no_second(world: World) -> None:
    packet = await world.gft.say(upload(), campaign=CAMPAIGN, to=TO_RELAY)
    await world.advance(1)
    assert world.gft.outcomes(packet) == ["csc-ftp: relayed", "csc: received"]
    assert world.gft.outgoing(packet).interim
    assert await world.csc.courier.answer(packet, ACCEPTED)
    await world.advance(1)
    assert world.gft.outgoing(packet).state is OutgoingState.SETTLED
    refused = Answer(outcome=ReceiptOutcome.REFUSED, effect=lambda _tx: pytest.fail("was done"))
    assert not await world.csc.courier.answer(packet, refused)
    await world.advance(1)
    assert world.gft.outcomes(packet) == ["csc-ftp: relayed", "csc: received", "csc: accepted"]


async def test_a_final_answer_may_overtake_the_interim_one(world: World) -> None:
    """A download may end before the desk has said that it began: what the desk noted is not lost."""
    packet: list[PacketId] = []
    consider = world.csc.desk.consider

    async def quick(*said):
        answer = await consider(*said)
        assert await world.csc.courier.answer(packet[0], ACCEPTED)
        return answer

    world.csc.desk.consider = quick
    packet.append(await world.gft.say(upload(), campaign=CAMPAIGN, to=TO_RELAY))
    await world.advance(1)
    assert world.gft.outcomes(packet[0]) == ["csc-ftp: relayed", "csc: accepted"]
    assert world.csc.effects(CAMPAIGN) == [packet[0].sha256]


@pytest.mark.parametrize("independent", [True, False])
async def test_only_what_bears_on_nothing_later_is_not_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch, independent: bool
) -> None:
    """A packet is considered after the effect of the one before it is committed, unless the desk says so."""
    answered: list[bool] = []
    desk, write = world.csc.desk, world.csc.journal.write
    consider = desk.consider

    async def considering(*said) -> Answer:
        answered.append(all("csc: accepted" in world.csc.outcomes(p) for p in desk.considered))
        return replace(await consider(*said), independent=independent)

    async def noting(*_said) -> None:
        return None

    async def writing(work):
        await world.wall.sleep(1)
        return await write(work)

    monkeypatch.setattr(desk, "consider", considering)
    monkeypatch.setattr(desk, "noted", noting)
    monkeypatch.setattr(world.csc.journal, "write", writing)
    said = [await world.gft.say(status(str(n)), campaign=CAMPAIGN, to=TO_RELAY) for n in range(3)]
    await world.advance(100)
    assert desk.considered == said
    assert answered == ([True, False, False] if independent else [True, True, True])
    assert [world.csc.outcomes(packet)[-1] for packet in said] == ["csc: accepted"] * 3


async def test_what_follows_an_answer_comes_after_its_commit(world: World) -> None:
    seen: list[list[str]] = []
    packet = await world.gft.say(upload(), campaign=CAMPAIGN, to=TO_RELAY)
    await world.advance(1)
    answer = Answer(
        outcome=ReceiptOutcome.ACCEPTED, then=lambda: seen.append(world.csc.outcomes(packet)[-1:])
    )
    assert await world.csc.courier.answer(packet, answer)
    assert not await world.csc.courier.answer(packet, answer)
    assert seen == [["csc: accepted"]]


async def test_what_was_never_received_cannot_be_answered(world: World) -> None:
    stranger = PacketId(ivorn="ivo://followup/gft-a#x", sha256="0" * 64)
    with pytest.raises(JournalError, match="never received"):
        await world.csc.courier.answer(stranger, ACCEPTED)


async def test_a_lost_packet_is_sent_again_ever_more_slowly(world: World) -> None:
    world.fates.extend([LOST] * 6)
    packet = await world.csc.say(trigger(), campaign=CAMPAIGN, to=TO_GFT)
    await world.advance(600)
    assert world.csc.times_sent(packet) == [0, 10, 30, 70, 130, 190, 250]
    assert world.gft.effects(CAMPAIGN) == [packet.sha256]


async def test_custody_slows_the_repetition_down(world: World) -> None:
    await world.csc.kill()
    packet = await world.gft.say(status(), campaign=CAMPAIGN, to=TO_RELAY)
    await world.advance(1000)
    assert world.gft.times_sent(packet) == [0, 60, 180, 420, 720]
    assert world.relay.times_sent(packet) == [], "nobody is there"
    await world.csc.start()
    await world.advance(1)
    assert world.relay.times_sent(packet) == [1000.0]
    assert world.csc.outcomes(packet) == ["csc-ftp: relayed", "csc: accepted"]


async def test_a_lost_final_receipt_is_asked_for_again_and_comes_directly(world: World) -> None:
    packet = await world.gft.say(upload(), campaign=CAMPAIGN, to=TO_RELAY)
    await world.advance(1)
    world.fates.extend([(0.0,), LOST, LOST])  # to the relay; then on the topic to the CSC and the telescope
    await world.csc.courier.answer(packet, ACCEPTED)
    await world.advance(1)
    assert world.gft.outgoing(packet).state is OutgoingState.PENDING
    await world.advance(120)
    assert world.gft.outgoing(packet).state is OutgoingState.SETTLED
    assert [s.to for s in world.relay.sent if s.to == "gft-a"] == ["gft-a"] * 3
    assert world.csc.effects(CAMPAIGN) == [packet.sha256]


async def test_a_receipt_lost_on_the_topic_is_published_again(world: World) -> None:
    world.fates.extend([(0.0,), (0.0,), LOST, LOST])  # trigger, receipt to relay, topic to both
    packet = await world.csc.say(trigger(), campaign=CAMPAIGN, to=TO_GFT)
    await world.advance(9)
    assert world.csc.outgoing(packet).state is OutgoingState.PENDING
    await world.advance(2)
    assert world.csc.outgoing(packet).state is OutgoingState.SETTLED
    assert world.gft.desk.considered == [packet]


async def test_that_it_was_relayed_is_said_again_with_the_packet(world: World) -> None:
    # To the relay; `relayed` to both; the packet to both: the CSC misses both, and the server forgets.
    world.fates.extend([(0.0,), LOST, (0.0,), LOST, (0.0,)])
    packet = await world.gft.say(status(), campaign=CAMPAIGN, to=TO_RELAY)
    await settle()
    world.server.wipe()
    await world.advance(15)
    assert "csc-ftp: relayed" in world.csc.outcomes(packet)
    assert "csc: accepted" in world.gft.outcomes(packet)


async def test_nothing_is_sent_to_who_is_absent_and_all_in_order_when_it_is_back(world: World) -> None:
    await world.gft.kill()
    said = [await world.csc.say(trigger(revision=n), campaign=CAMPAIGN, to=TO_GFT) for n in range(5)]
    await world.advance(3600)
    assert not world.csc.sent
    await world.gft.start()
    await world.advance(1)
    assert world.gft.desk.considered == said
    assert [s.id for s in world.csc.sent if s.to == "gft-a"] == said


async def test_publications_do_not_wait_for_each_others_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(timing=replace(TIMING, window=3))
    await world.start()
    publish, under_way, most = world.relay.session.publish, 0, 0

    async def publish_slowly(topic: str, envelope: Envelope) -> None:
        nonlocal under_way, most
        await publish(topic, envelope)
        under_way += 1
        most = max(most, under_way)
        await world.wall.sleep(0.1)
        under_way -= 1

    monkeypatch.setattr(world.relay.session, "publish", publish_slowly)
    said = [await world.gft.say(status(str(n)), campaign=CAMPAIGN, to=TO_RELAY) for n in range(7)]
    await world.advance(5)
    assert most == 3
    assert world.csc.desk.considered == said
    assert not world.gft.pending()
    await world.stop()


async def test_a_server_that_was_away_loses_nothing(world: World) -> None:
    world.server.cut()
    packet = await world.gft.say(status(), campaign=CAMPAIGN, to=TO_RELAY)
    await world.advance(500)
    assert not world.gft.sent
    world.server.mend()
    await world.advance(1)
    assert world.gft.outgoing(packet).state is OutgoingState.SETTLED


async def test_custody_survives_a_wiped_server_and_a_killed_relay(world: World) -> None:
    await world.csc.kill()
    packet = await world.gft.say(status(), campaign=CAMPAIGN, to=TO_RELAY)
    await settle()
    assert world.gft.outcomes(packet) == ["csc-ftp: relayed"]
    await world.gft.kill()
    await world.advance(1)
    await world.relay.kill()
    world.server.wipe()
    await world.relay.start()
    await world.csc.start()
    await world.advance(1)
    assert world.csc.effects(CAMPAIGN) == [packet.sha256]
    assert world.csc.outcomes(packet) == ["csc-ftp: relayed", "csc: accepted"]
    await world.gft.start()
    await world.advance(1)
    assert world.gft.outgoing(packet).state is OutgoingState.SETTLED, "the topic's history has the receipt"


async def test_history_of_a_topic_is_not_answered_again(world: World) -> None:
    packet = await world.gft.say(status(), campaign=CAMPAIGN, to=TO_RELAY)
    await world.advance(1)
    before = len(world.csc.sent)
    await world.csc.kill()
    await world.csc.start()
    await world.advance(5)
    assert len(world.csc.sent) == before
    assert world.csc.desk.considered == [packet]


async def test_the_same_name_with_other_bytes_is_refused(world: World) -> None:
    packet = await world.gft.say(status("one"), campaign=CAMPAIGN, to=TO_RELAY)
    await world.advance(1)
    other = build(header(world, "gft-a"), status("another"))
    assert other.ivorn == packet.ivorn
    smuggle(world, "gft-a", RELAY, other)
    await world.advance(1)
    assert world.relay.outcomes(other.id) == ["csc-ftp: refused"]
    assert world.relay.look(lambda r: r.packet(packet)) != other.raw
    [kept] = world.relay.look(lambda r: r.quarantined())
    assert kept.raw == other.raw
    assert packet.sha256 in kept.reason
    assert world.csc.desk.considered == [packet]


async def test_a_packet_that_may_not_be_said_is_refused_and_settled(world: World) -> None:
    packet = await world.csc.say(status(), campaign=CAMPAIGN, to=TO_GFT)  # a telescope takes only triggers
    await world.advance(1)
    assert world.csc.outgoing(packet).state is OutgoingState.SETTLED
    [receipt] = world.csc.receipts(packet)
    assert receipt.outcome is ReceiptOutcome.REFUSED
    assert "may not bring a status" in receipt.reason
    assert not world.gft.desk.considered


async def test_rubbish_is_kept_and_answered(world: World) -> None:
    raw = b"<not a packet"
    culprit = PacketId(ivorn="ivo://followup/csc#x", sha256="")
    world.server.carry("csc", "gft-a", Envelope(raw=raw, id=culprit, body=""))
    await world.advance(1)
    [kept] = world.gft.look(lambda r: r.quarantined())
    assert kept.raw == raw
    [refusal] = world.gft.look(lambda r: r.latest(1))
    assert (refusal.kind, refusal.author) == ("receipt", "gft-a")
    [returned] = world.csc.look(lambda r: r.quarantined())
    assert returned.raw == refusal.raw
    assert "ivo://followup/csc#x" in returned.reason


@pytest.mark.parametrize("outcome", [ReceiptOutcome.ACCEPTED, ReceiptOutcome.REFUSED, ReceiptOutcome.RELAYED])
async def test_a_receipt_for_a_packet_that_was_never_sent_is_not_believed(
    world: World, outcome: ReceiptOutcome
) -> None:
    said = await world.csc.say(trigger(), campaign=CAMPAIGN, to=TO_GFT)
    await world.advance(1)
    known = len(world.csc.desk.noted_receipts)
    for cited in (
        PacketId(ivorn=f"ivo://followup/csc#{CAMPAIGN}.trigger-r7-{'0' * 12}", sha256="0" * 64),
        PacketId(ivorn=said.ivorn, sha256="1" * 64),  # a name of ours, but not these bytes
    ):
        forged = build(header(world, "gft-a"), _receipt(cited, outcome))
        smuggle(world, "gft-a", RELAY, forged)
        await world.advance(1)
        kept = world.csc.look(lambda r: r.quarantined())[0]
        assert kept.raw == forged.raw
        assert "never sent from here" in kept.reason
    assert len(world.csc.desk.noted_receipts) == known
    assert world.csc.outgoing(said).state is OutgoingState.SETTLED
    assert world.csc.look(lambda r: r.quarantine_count()).kept == 2


async def test_strangers_get_no_answer(world: World) -> None:
    packet = build(header(world, "gft-b", campaign=campaign_of("gft-b")), status())
    smuggle(world, "gft-b", RELAY, packet)
    smuggle(world, "gft-b", "csc", packet)
    await world.advance(1)
    assert not world.relay.sent
    assert not world.csc.sent
    assert len(world.relay.look(lambda r: r.quarantined())) == 1
    assert len(world.csc.look(lambda r: r.quarantined())) == 1


async def test_a_stranger_cannot_settle_what_it_did_not_receive(world: World) -> None:
    await world.gft.kill()
    packet = await world.csc.say(trigger(), campaign=CAMPAIGN, to=TO_GFT)
    forged = await world.relay.journal.write(
        lambda tx: world.gft.author.compose(
            tx, CAMPAIGN, _receipt(packet, ReceiptOutcome.ACCEPTED), to=None, drill=True
        )
    )
    smuggle(world, "gft-a", "csc", forged)
    await world.advance(1)
    assert world.csc.outgoing(packet).state is OutgoingState.PENDING


async def test_what_is_past_its_deadline_expires_and_a_person_may_revive_it(world: World) -> None:
    await world.gft.kill()
    packet = await world.csc.say(trigger(), campaign=CAMPAIGN, to=TO_GFT, deadline_s=100)
    await world.advance(99)
    assert world.csc.outgoing(packet).state is OutgoingState.PENDING
    await world.advance(2)
    assert world.csc.outgoing(packet).state is OutgoingState.EXPIRED
    [noted] = world.csc.desk.noted_receipts
    assert noted.outcome is ReceiptOutcome.EXPIRED
    await world.gft.start()
    await world.advance(1)
    assert not world.gft.desk.considered
    assert await world.csc.journal.write(lambda tx: tx.revive(packet)) == 1
    world.csc.courier.wake()
    await world.advance(1)
    assert world.csc.outgoing(packet).state is OutgoingState.SETTLED
    assert world.csc.outcomes(packet) == ["csc: expired", "gft-a: accepted"]


async def test_the_relay_says_aloud_that_it_gave_up(world: World) -> None:
    await world.csc.kill()
    packet = await world.gft.say(status(), campaign=CAMPAIGN, to=TO_RELAY, deadline_s=100)
    await world.advance(101)
    assert world.relay.outgoing(packet).state is OutgoingState.EXPIRED
    assert "csc-ftp: expired" in world.gft.outcomes(packet)
    assert [r.outcome for r in world.relay.desk.noted_receipts] == [ReceiptOutcome.EXPIRED]


async def test_a_late_answer_counts(world: World) -> None:
    world.fates.extend([(0.0,), (200.0,)])  # the receipt is long under way
    packet = await world.csc.say(trigger(), campaign=CAMPAIGN, to=TO_GFT, deadline_s=5)
    await world.advance(6)
    assert world.csc.outgoing(packet).state is OutgoingState.EXPIRED
    await world.advance(200)
    assert world.csc.outgoing(packet).state is OutgoingState.SETTLED


@pytest.mark.parametrize("redelivered", [True, False])
async def test_a_desk_that_fails_is_asked_again(
    world: World, caplog: pytest.LogCaptureFixture, *, redelivered: bool
) -> None:
    world.gft.desk.fail = 1
    packet = await world.csc.say(trigger(), campaign=CAMPAIGN, to=TO_GFT)
    await settle()
    if not redelivered:
        await world.csc.kill()
    await world.advance(11 if redelivered else 61)
    assert world.gft.effects(CAMPAIGN) == [packet.sha256]
    assert "the desk is on fire" in caplog.text


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("commits", range(4))
async def test_a_death_at_any_commit_of_the_telescope_loses_nothing(
    world: World, commits: int, *, committed: bool
) -> None:
    world.gft.journal.fuse = (commits, committed)
    packet = await world.csc.say(trigger(), campaign=CAMPAIGN, to=TO_GFT)
    await world.advance(5)
    await world.gft.kill()
    await world.gft.start()
    await world.advance(400)
    assert world.csc.outcomes(packet) == ["gft-a: accepted"]
    assert world.gft.effects(CAMPAIGN) == [packet.sha256]
    [plan] = [p for p in world.csc.look(lambda r: r.packets(CAMPAIGN)) if p.kind == "status"]
    assert world.gft.outgoing(plan.id).state is OutgoingState.SETTLED


async def test_a_refusal_binds_one_packet(world: World) -> None:
    refused = await world.gft.say(status("x", StatusState.ABORT), campaign=CAMPAIGN, to=TO_RELAY)
    accepted = await world.gft.say(status("y"), campaign=CAMPAIGN, to=TO_RELAY)
    await world.advance(1)
    assert world.gft.outcomes(refused)[-1] == "csc: refused"
    assert world.gft.outcomes(accepted)[-1] == "csc: accepted"


async def test_a_topic_that_is_not_there_is_tried_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.telescopes = ("gft-a", "gft-b")
    packet = build(header(world, "gft-b", campaign=campaign_of("gft-b")), status())
    smuggle(world, "gft-b", RELAY, packet)
    await world.advance(1)
    assert "cannot publish on topic followup/gft-b" in world.relay.outgoing(packet.id).problem
    assert "could not be delivered" in caplog.text
    world.server.create_topic(topic_of("gft-b"), publisher=RELAY, members=["csc", "gft-b"])
    await world.advance(60)
    assert world.csc.effects(campaign_of("gft-b")) == [packet.sha256]


async def test_events_are_told_with_their_facts(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "messaging")
    world.fates.append((2.0,))
    packet = await world.csc.say(trigger(), campaign=CAMPAIGN, to=TO_GFT)
    await world.advance(5)
    told = [vars(r) for r in caplog.records if vars(r).get("ivorn") == packet.ivorn]
    assert [(t["event"], t["from"], t["to"]) for t in told] == [
        ("packet.sent", "csc", "gft-a"),
        ("packet.received", "csc", "gft-a"),
    ]
    [answered] = [
        vars(r)
        for r in caplog.records
        if vars(r).get("event") == "receipt.received"
        and vars(r)["to"] == "csc"
        and vars(r)["cited"] == packet.ivorn
    ]
    assert answered["outcome"] == "accepted"
    assert answered["delay_s"] == 2.0
    assert answered["body"]


async def test_nothing_is_left_running(world: World) -> None:
    for site in world.sites:
        await site.courier.stop()
        site.alive = False
    await settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}


def _receipt(cited: PacketId, outcome: ReceiptOutcome) -> Receipt:
    return Receipt(cited=cited, outcome=outcome)
