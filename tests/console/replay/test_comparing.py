"""Two conversations side by side: what is missing, what is new, and in which order it came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from console.replay.comparing import Then, dataset_lines, disorder, packet_lines
from console.replay.difference import USUAL
from console.replay.heard import Heard
from console.replay.keys import Key, about
from console.replay.verdict import Sameness
from voevent.build import build
from voevent.kinds import Header, Receipt, ReceiptOutcome
from voevent.packet import PacketId

T = datetime(2026, 11, 22, 7, 5, tzinfo=UTC)
CITED = PacketId(ivorn="ivo://followup/gft-spm#sb26112201.gft-spm.closing-3", sha256="b" * 64)
CLOSING: Key = ("closing", "")


def receipt(outcome: ReceiptOutcome) -> Receipt:
    return Receipt(cited=CITED, outcome=outcome, reason="all 2 packets are archived")


def key(outcome: ReceiptOutcome) -> Key:
    return ("receipt", str(outcome), "of", *CLOSING, "")


def then(outcome: ReceiptOutcome) -> Then:
    return Then(key=key(outcome), content=receipt(outcome), date=T)


def now(outcome: ReceiptOutcome, after_s: float = 0.0) -> Heard:
    date = T + timedelta(seconds=after_s)
    header = Header(
        authority="followup", author="csc", campaign="sb26112201.gft-spm", sequence=1, date=date, drill=True
    )
    content = receipt(outcome)
    packet = build(header, content)
    return Heard(packet=packet, header=header, content=content, key=key(outcome), time=date)


def test_an_interim_answer_may_be_missing_and_may_be_new() -> None:
    received, accepted = ReceiptOutcome.RECEIVED, ReceiptOutcome.ACCEPTED
    lost = packet_lines([then(received), then(accepted)], [now(accepted, 9.0)], start=T, tolerance=USUAL)
    assert [line.sameness for line in lost] == [Sameness.WITHIN, Sameness.SAME]
    assert lost[1].now_s == 9.0
    new = packet_lines([then(accepted)], [now(received), now(accepted)], start=T, tolerance=USUAL)
    assert [line.sameness for line in new] == [Sameness.SAME, Sameness.WITHIN]


def test_a_final_answer_may_not() -> None:
    refused, accepted = ReceiptOutcome.REFUSED, ReceiptOutcome.ACCEPTED
    lines = packet_lines([then(refused)], [now(accepted)], start=T, tolerance=USUAL)
    assert [line.sameness for line in lines] == [Sameness.MISSING, Sameness.EXTRA]


def test_order_matters_within_a_strand() -> None:
    first, second, third = ("result", "a"), ("result", "b"), ("status", "plan")

    def strand(packet: Key) -> str:
        return packet[0]

    assert not disorder([first, second, third], [third, first, second], strand)
    assert not disorder([first, second], [second], strand), "what is missing is told elsewhere"
    [fault] = disorder([first, second], [second, first], strand)
    assert fault == "the result came in another order: result b, result a"


def test_a_receipt_is_about_something_and_nothing_else_is() -> None:
    assert about(key(ReceiptOutcome.ACCEPTED)) == CLOSING
    assert about(CLOSING) == ()


def test_files_are_compared_by_name_and_content() -> None:
    recorded = {"t1": {"raw/a": "1", "b.png": "2"}, "t2": {"c": "3"}}
    replayed = {"t1": {"raw/a": "9", "b.png": "8", "new": "7"}, "t3": {"d": "4"}}
    lines = dataset_lines(recorded, replayed, allowed=lambda path: path.endswith(".png"), known=recorded)
    assert [(line.what, line.sameness) for line in lines] == [
        ("dataset t1", Sameness.DIFFERS),
        ("dataset t2", Sameness.MISSING),
        ("dataset t3", Sameness.EXTRA),
    ]
    assert {each.what: each.allowed for each in lines[0].differences} == {
        "new": False,
        "raw/a": False,
        "b.png": True,
    }
