"""What became of each packet, whoever spoke of it first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from archive import Archive
from archive.campaigns import Ending, ending
from archive.ledger import final_receipt
from archive.records import LedgerReceipt
from tests.archive.conversation import (
    ACCEPTED,
    EXPIRED,
    JILIN,
    NOTICE,
    RECEIVED,
    REFUSED,
    RELAYED,
    SPM,
    T0,
    WALL,
    Conversation,
    Delivery,
    closing,
    light_curve,
    point,
    trigger,
)
from voevent.kinds import Kind, Outcome, ReceiptOutcome, TriggerAction
from voevent.packet import PacketId


def receipt(author: str, outcome: ReceiptOutcome, minute: int, reason: str = "") -> LedgerReceipt:
    return LedgerReceipt(
        id=PacketId(ivorn=f"ivo://followup/{author}#{outcome}-{minute}", sha256=f"{minute:064d}"),
        author=author,
        outcome=outcome,
        reason=reason,
        details={},
        written=T0 + timedelta(minutes=minute),
        time=WALL + timedelta(minutes=minute),
    )


def test_the_whole_conversation(full: Archive) -> None:
    ledger = full.ledger(JILIN)
    assert [entry.kind for entry in ledger] == [
        Kind.TRIGGER,
        Kind.STATUS,
        Kind.TRIGGER,
        Kind.STATUS,
        Kind.UPLOAD,
        Kind.RESULT,
        Kind.RESULT,
        Kind.RESULT,
        Kind.RESULT,
        Kind.UPLOAD,
        Kind.CLOSING,
    ]
    assert all(entry.held and entry.final for entry in ledger)
    sent, status = ledger[0], ledger[1]
    assert (sent.author, sent.addressee, sent.relayed, sent.arrived) == ("csc", "gft-jilin", None, None)
    assert sent.final is not None
    assert sent.sent is not None
    assert sent.final.time - sent.sent == timedelta(seconds=2)
    assert sent.final.details == {"first_epoch": "2026-11-22T03:05:00Z"}
    assert (status.author, status.addressee, status.sent) == ("gft-jilin", "csc", None)
    assert status.relayed is not None
    assert status.arrived is not None
    assert status.relayed - status.arrived == timedelta(seconds=1)
    assert [r.outcome for r in ledger[-2].receipts] == [RELAYED, RECEIVED, ACCEPTED]


def test_a_receipt_may_come_first(archive: Archive) -> None:
    c = Conversation()
    result = c.say("gft-jilin", JILIN, light_curve(point(90.0, 18.1)))
    c.answer("csc-ftp", JILIN, result, RELAYED)
    packet, relayed = c.deliveries
    relayed.into(archive)
    (entry,) = archive.ledger(JILIN)
    assert (entry.id, entry.held, entry.kind, entry.author, entry.final) == (
        result,
        False,
        None,
        "gft-jilin",
        None,
    )
    assert entry.relayed == relayed.time
    packet.into(archive)
    (entry,) = archive.ledger(JILIN)
    assert (entry.held, entry.kind, entry.relayed) == (True, Kind.RESULT, relayed.time)


def test_what_the_closing_lists_is_in_the_ledger_though_it_never_came(archive: Archive) -> None:
    c = Conversation()
    lost = c.say("gft-jilin", JILIN, light_curve(point(90.0, 18.1)))
    c.say("gft-jilin", JILIN, closing(lost))
    c.deliveries[-1].into(archive)
    assert {(entry.id, entry.held) for entry in archive.ledger(JILIN)} == {
        (lost, False),
        (c.deliveries[-1].packet.id, True),
    }


def test_receipts_for_foreign_and_other_campaigns_packets_stay_out(
    archive: Archive, deliveries: tuple[Delivery, ...]
) -> None:
    for delivery in deliveries:
        delivery.into(archive)
    # A receipt that names this campaign but is about another campaign's packet, and one about a receipt.
    c = Conversation()
    elsewhere = archive.ledger(SPM)[0].id
    some_receipt = archive.packets(JILIN, Kind.RECEIPT)[0].id
    c.answer("gft-jilin", JILIN, elsewhere, ACCEPTED)
    c.answer("gft-jilin", JILIN, some_receipt, ACCEPTED)
    before = archive.ledger(JILIN)
    for delivery in c.deliveries:
        delivery.into(archive)
    assert archive.ledger(JILIN) == before


@pytest.mark.parametrize(
    ("receipts", "expected"),
    [
        ([], None),
        ([receipt("csc-ftp", RELAYED, 1), receipt("csc", RECEIVED, 2)], None),
        ([receipt("csc", ACCEPTED, 3), receipt("csc-ftp", EXPIRED, 1)], ("csc", ACCEPTED)),
        ([receipt("csc-ftp", REFUSED, 1)], ("csc-ftp", REFUSED)),
        ([receipt("csc", REFUSED, 5), receipt("csc", ACCEPTED, 4)], ("csc", ACCEPTED)),
    ],
)
def test_the_addressees_first_final_word_counts(
    receipts: list[LedgerReceipt], expected: tuple[str, ReceiptOutcome] | None
) -> None:
    for given in (receipts, receipts[::-1]):
        final = final_receipt(given, "csc")
        assert (final and (final.author, final.outcome)) == expected


R0 = PacketId(ivorn="ivo://followup/csc#r0", sha256="0" * 64)
R1 = PacketId(ivorn="ivo://followup/csc#r1", sha256="1" * 64)
OBSERVE = {R0: TriggerAction.OBSERVE}
BOTH = {R0: TriggerAction.OBSERVE, R1: TriggerAction.OBSERVE}
NO, YES = receipt("gft-x", REFUSED, 1, "Sun up"), receipt("gft-x", ACCEPTED, 2)
LATE = receipt("csc", EXPIRED, 3)


@pytest.mark.parametrize(
    ("triggers", "finals", "outcome", "reason"),
    [
        ({}, {}, None, ""),
        (OBSERVE, {}, None, ""),
        (OBSERVE, {R0: YES}, None, ""),
        (OBSERVE, {R0: NO}, Outcome.DECLINED, "Sun up"),
        (OBSERVE, {R0: LATE}, Outcome.FAILED, "the trigger could not be delivered in time"),
        (BOTH, {R0: NO}, None, ""),
        (BOTH, {R0: NO, R1: YES}, None, ""),
        (BOTH, {R0: YES, R1: NO}, None, ""),
        (
            BOTH,
            {R0: NO, R1: replace(NO, reason="too low", time=WALL + timedelta(hours=1))},
            Outcome.DECLINED,
            "too low",
        ),
        (OBSERVE | {R1: TriggerAction.RETRACT}, {R0: NO, R1: NO}, Outcome.DECLINED, "Sun up"),
        ({R1: TriggerAction.RETRACT}, {R1: NO}, None, ""),
    ],
)
def test_how_campaigns_end_without_a_closing(
    triggers: dict[PacketId, TriggerAction],
    finals: dict[PacketId, LedgerReceipt],
    outcome: Outcome | None,
    reason: str,
) -> None:
    end = ending(triggers, None, finals)
    assert (end.outcome, end.reason) == (outcome, reason)


def test_a_closing_says_how_a_campaign_ended_whatever_became_of_its_triggers() -> None:
    closed = Ending(outcome=Outcome.RETRACTED, reason="retracted")
    assert ending(OBSERVE, closed, {R0: NO}) is closed


def test_a_refused_closing_ends_nothing(archive: Archive) -> None:
    c = Conversation()
    first = c.say("csc", JILIN, trigger(c.hear(NOTICE), JILIN))
    c.answer("gft-jilin", JILIN, first, ACCEPTED)
    c.report(JILIN, closing(first, outcome=Outcome.FAILED), REFUSED, "packets missing")
    for delivery in c.deliveries:
        delivery.into(archive)
    assert archive.campaign(JILIN).outcome is None
    done = len(c.deliveries)
    c.report(JILIN, closing(first))
    for delivery in c.deliveries[done:]:
        delivery.into(archive)
    assert archive.campaign(JILIN).outcome is Outcome.COMPLETED
