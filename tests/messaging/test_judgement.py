from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.judgement import Believed, Echo, Rejected, judge
from messaging.rules import Rules
from messaging.session import Arrival
from tests.messaging.world import START, campaign_of, status
from voevent.build import build
from voevent.identity import sha256_of
from voevent.kinds import Header, Kind, Receipt, ReceiptOutcome
from voevent.packet import PacketId

RELAY = Rules.for_relay(lambda: ("gft-a",))
CSC = Rules.for_csc(lambda: ("gft-a",))
HEADER = Header(
    authority="followup", author="gft-a", campaign=campaign_of("gft-a"), sequence=1, date=START, drill=True
)
PACKET = build(HEADER, status())
DIRECT = Arrival(raw=PACKET.raw, claimed_sha256=PACKET.sha256, claimed_ivorn=PACKET.ivorn, sender="gft-a")
EVENT = replace(DIRECT, sender="pubsub", topic="followup/gft-a", publisher="csc-ftp")


def rejected(arrival: Arrival, rules: Rules = RELAY) -> Rejected:
    judged = judge(arrival, rules)
    assert isinstance(judged, Rejected)
    return judged


def test_a_packet_in_order_is_believed() -> None:
    judged = judge(DIRECT, RELAY)
    assert isinstance(judged, Believed)
    assert (judged.packet, judged.header, judged.kind) == (PACKET, HEADER, Kind.STATUS)
    assert isinstance(judge(EVENT, CSC), Believed)


def test_our_own_word_is_an_echo() -> None:
    assert isinstance(judge(EVENT, Rules.for_telescope("gft-a")), Echo)
    assert isinstance(judge(EVENT, RELAY), Echo)


def test_our_own_word_from_somebody_else_is_a_forgery() -> None:
    assert isinstance(judge(DIRECT, Rules.for_telescope("gft-a")), Rejected)


def test_other_bytes_than_announced_are_refused() -> None:
    judged = rejected(replace(DIRECT, claimed_sha256="0" * 64))
    assert "as was claimed" in judged.reason
    assert judged.culprit is not None
    assert judged.culprit.id == PACKET.id


def test_another_name_than_announced_is_refused() -> None:
    assert "was announced as" in rejected(replace(DIRECT, claimed_ivorn="ivo://followup/gft-a#y")).reason


def test_a_refusal_of_what_was_perhaps_not_sent_by_its_author_goes_to_nobody() -> None:
    assert rejected(replace(DIRECT, problem="sent by csc@x/phone")).culprit is None
    assert rejected(replace(DIRECT, sender="gft-z")).culprit is None
    assert rejected(replace(DIRECT, sender="csc")).culprit is None


def test_a_drill_is_refused_as_a_drill() -> None:
    wrong = build(replace(HEADER, campaign=campaign_of("gft-b")), status())
    arrival = replace(DIRECT, raw=wrong.raw, claimed_sha256=wrong.sha256, claimed_ivorn=wrong.ivorn)
    culprit = rejected(arrival).culprit
    assert culprit is not None
    assert culprit.drill


def test_receipts_are_not_answered() -> None:
    cited = PacketId(ivorn="ivo://followup/csc#x", sha256="0" * 64)
    packet = build(
        replace(HEADER, campaign=campaign_of("gft-b")),
        Receipt(cited=cited, outcome=ReceiptOutcome.ACCEPTED),
    )
    arrival = replace(DIRECT, raw=packet.raw, claimed_sha256=packet.sha256, claimed_ivorn=packet.ivorn)
    assert rejected(arrival).culprit is None


@pytest.mark.parametrize(
    "ivorn", ["", "x", "ivo://f/gft-a#" + "x" * 10_000, "ivo://f/gft-a#\x01", "ivo://f/#x"]
)
def test_rubbish_of_any_name_is_rejected(ivorn: str) -> None:
    arrival = replace(DIRECT, raw=b"rubbish", claimed_sha256=sha256_of(b"rubbish"), claimed_ivorn=ivorn)
    assert len(rejected(arrival).ivorn) <= 512


@given(raw=st.binary(max_size=200), ivorn=st.text(max_size=40), sender=st.text(max_size=8))
def test_anything_is_judged(raw: bytes, ivorn: str, sender: str) -> None:
    arrival = Arrival(raw=raw, claimed_sha256=sha256_of(raw), claimed_ivorn=ivorn, sender=sender)
    assert isinstance(judge(arrival, RELAY), Rejected)


@given(at=st.integers(0, len(PACKET.raw) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_never_passes_for_the_original(at: int, byte: int) -> None:
    raw = PACKET.raw[:at] + bytes([byte]) + PACKET.raw[at + 1 :]
    judged = judge(replace(DIRECT, raw=raw), RELAY)
    assert isinstance(judged, Believed) is (raw == PACKET.raw)
