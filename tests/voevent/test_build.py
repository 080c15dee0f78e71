from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings

from tests.voevent.builders import (
    EXAMPLES,
    NOTICE,
    T0,
    TRIGGER_ID,
    make_header,
    make_point,
    make_trigger,
    packets,
)
from voevent import InvalidError, OversizedError, build, kind_of, parse, read, validate
from voevent.contents import citations_of
from voevent.kinds import (
    Cited,
    Closing,
    Content,
    Decided,
    Header,
    Kind,
    Outcome,
    PlannedTask,
    Product,
    Receipt,
    ReceiptOutcome,
    Result,
    Status,
    StatusState,
    TriggerAction,
)
from voevent.packet import CiteKind, PacketId, Role, SkyPosition


@given(packets())
@settings(max_examples=120, deadline=None)
@example(EXAMPLES["trigger"])
@example((make_header(drill=False), Status(state=StatusState.HOLD, text="a\tb\r\nc <&>\"' \U0001f52d")))
def test_what_is_read_is_what_was_built(made: tuple[Header, Content]) -> None:
    header, content = made
    packet = build(header, content)
    assert packet.tolerated == ()
    again = parse(packet.raw)
    assert again == packet
    assert read(again) == (replace(header, cites=citations_of(header, content)), content)


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_kind_is_valid_and_deterministic(name: str) -> None:
    header, content = EXAMPLES[name]
    packet = build(header, content)
    validate(packet.raw)
    assert build(header, content).raw == packet.raw
    assert read(packet) == (header, content)


def test_the_order_of_a_mapping_does_not_change_the_bytes() -> None:
    features = {"SNR": "7.9", "Packet_Type": "202"}
    backwards = dict(reversed(features.items()))
    header = make_header("csc")
    assert (
        build(header, make_trigger(features=features)).raw
        == build(header, make_trigger(features=backwards)).raw
    )


@pytest.mark.parametrize(
    ("name", "drill", "role"),
    [
        ("trigger", False, Role.OBSERVATION),
        ("light curve", False, Role.OBSERVATION),
        ("upload", False, Role.UTILITY),
        ("status", False, Role.UTILITY),
        ("closing", False, Role.UTILITY),
        ("receipt", False, Role.UTILITY),
        ("trigger", True, Role.TEST),
        ("receipt", True, Role.TEST),
    ],
)
def test_roles(name: str, drill: bool, role: Role) -> None:
    header, content = EXAMPLES[name]
    packet = build(replace(header, drill=drill), content)
    assert packet.role is role
    assert read(packet)[0].drill is drill


def test_a_trigger_is_named_by_notice_telescope_and_revision() -> None:
    first = build(make_header("csc", sequence=1), make_trigger())
    later = build(make_header("csc", sequence=9, drill=False), make_trigger(instrument="other"))
    revised = build(make_header("csc", sequence=1), make_trigger(revision=1))
    assert first.ivorn == "ivo://followup/csc#sb26112201.gft-jilin.trigger-r0-abababababab" == later.ivorn
    assert revised.ivorn == "ivo://followup/csc#sb26112201.gft-jilin.trigger-r1-abababababab"


def test_a_trigger_cites_its_notice_and_a_receipt_its_packet_first() -> None:
    earlier = Cited(id=TRIGGER_ID, cite=CiteKind.SUPERSEDES)
    trigger = build(make_header("csc", cites=(earlier,)), make_trigger(revision=1))
    assert [c.ivorn for c in trigger.citations] == [NOTICE.ivorn, TRIGGER_ID.ivorn]
    assert [p.value for p in trigger.params if p.name == "cited_sha256"] == [NOTICE.sha256, TRIGGER_ID.sha256]
    receipt = build(make_header(), Receipt(cited=trigger.id, outcome=ReceiptOutcome.REFUSED, reason="why"))
    assert read(receipt)[0].cites == (Cited(id=trigger.id),)
    assert receipt.ivorn.endswith(f".receipt-refused-{trigger.sha256[:12]}")


def test_a_receipt_about_a_packet_of_no_campaign() -> None:
    cited = PacketId(ivorn="dummy/demo#1%", sha256="00" * 32)
    receipt = Receipt(cited=cited, outcome=ReceiptOutcome.REFUSED)
    packet = build(make_header(campaign="-"), receipt)
    assert packet.ivorn == "ivo://followup/gft-jilin#-.receipt-refused-000000000000"
    assert read(packet)[1] == receipt
    with pytest.raises(InvalidError, match="'-' is not a campaign"):
        build(make_header(campaign="-"), Status(state=StatusState.CLEAR, text=""))


@pytest.mark.parametrize(
    ("header", "content", "why"),
    [
        (make_header("csc"), make_trigger(position=None), "no position"),
        (make_header("csc"), make_trigger(telescope="gft-spm"), "do not make the campaign"),
        (make_header("csc"), make_trigger(revision=-1), "revision"),
        (make_header("csc"), make_trigger(notice=PacketId(ivorn="ivo://a/b#c", sha256="AB")), "SHA-256"),
        (make_header("csc"), make_trigger(trigger_time=T0.replace(tzinfo=None)), "no zone"),
        (make_header("CSC"), make_trigger(), "cannot be an author"),
        (make_header("csc", authority="a/b"), make_trigger(), "cannot be an authority"),
        (make_header("csc", campaign="sb 1.gft-jilin"), make_trigger(), "campaign"),
        (make_header("csc", deadline_s=0.0), make_trigger(), "deadline_s"),
        (make_header("csc", deadline_s=float("inf")), make_trigger(), "finite"),
        (make_header("csc", sequence=-1), make_trigger(), "sequence"),
        (
            make_header(),
            Result(product=Product.LIGHT_CURVE, task="t1", points=(make_point(mag=float("nan")),)),
            "finite",
        ),
        (
            make_header(),
            Result(product=Product.LIGHT_CURVE, task="t1", points=(make_point(limit=True),)),
            "upper limit has a magnitude error",
        ),
        (
            make_header(),
            Result(product=Product.LIGHT_CURVE, task="t1", points=(make_point(mag_err=None),)),
            "detection has no magnitude error",
        ),
        (
            make_header(),
            Status(
                state=StatusState.PLAN,
                text="",
                tasks=(PlannedTask(task="t1", start=T0, filters=("g r",), exposure_s=1.0, count=1),),
            ),
            "filters",
        ),
        (make_header(), replace(EXAMPLES["upload"][1], dataset="a\0b"), r"U\+0000"),
        (make_header(), replace(EXAMPLES["upload"][1], dataset=""), "dataset is missing"),
        *(
            (make_header(), replace(EXAMPLES["upload"][1], dataset=name), "cannot name a dataset")
            for name in (
                "../../gft-spm/night",
                "/etc",
                "..",
                "a/b",
                "a\\b",
                "a\tb",
                "a\nb",
                "-rf",
                ".hidden",
                "x" * 65,
            )
        ),
        (make_header(), replace(EXAMPLES["upload"][1], attempt=0), "attempt"),
    ],
)
def test_what_makes_no_packet(header: Header, content: Content, why: str) -> None:
    with pytest.raises(InvalidError, match=why):
        build(header, content)


def test_prose_that_xml_cannot_carry_does_not_stop_a_receipt() -> None:
    receipt = Receipt(
        cited=TRIGGER_ID,
        outcome=ReceiptOutcome.REFUSED,
        reason="driver said \x1b[31m\0 and \ud800",
        details={"raw": "\x07"},
    )
    said = read(build(make_header(), receipt))[1]
    assert isinstance(said, Receipt)
    assert said.reason == "driver said �[31m� and �"
    assert said.details == {"raw": "�"}


def test_a_packet_over_the_limit_is_not_built() -> None:
    closing = Closing(
        outcome=Outcome.COMPLETED,
        summary="",
        tasks=(),
        packets=tuple(PacketId(ivorn=f"ivo://a/b#{n}", sha256=f"{n:064x}") for n in range(2000)),
    )
    with pytest.raises(OversizedError, match="131072"):
        build(make_header(), closing)
    assert read(build(make_header(), closing, max_bytes=1_000_000))[1] == closing


def test_decisions_leave_room_for_the_packets() -> None:
    """A campaign with a great many decisions can still be closed: it says how many it leaves out."""
    decisions = tuple(
        Decided(time=T0, rule=f"rule-{n}", text="because " * 100, values={"n": str(n)}) for n in range(500)
    )
    closing = Closing(
        outcome=Outcome.COMPLETED,
        summary="",
        tasks=(),
        packets=tuple(PacketId(ivorn=f"ivo://a/b#{n}", sha256=f"{n:064x}") for n in range(300)),
        decisions=decisions,
    )
    said = read(build(make_header(), closing))[1]
    assert isinstance(said, Closing)
    assert len(said.decisions[0].text) == 400
    assert [each.rule for each in said.decisions[:-1]] == [
        f"rule-{n}" for n in range(len(said.decisions) - 1)
    ]
    last = said.decisions[-1]
    left_out = 500 - len(said.decisions) + 1
    assert (last.rule, last.text) == (
        "no-room",
        f"{left_out} more decisions are in the dataset of records",
    )


@pytest.mark.parametrize("values", ["[]", '{"a": 1}', "{", "[" * 50_000, "1" * 5000])
def test_values_of_a_decision_that_are_no_texts(values: str) -> None:
    header, content = EXAMPLES["closing"]
    said = b"{&quot;error_radius_deg&quot;:&quot;0.03&quot;}"
    raw = build(header, content).raw.replace(said, values.replace('"', "&quot;").encode())
    with pytest.raises(InvalidError, match="expected a JSON object of texts"):
        read(parse(raw))


def test_an_unknown_error_radius_stays_unknown_and_zero_stays_zero() -> None:
    for radius in (None, 0.0, 1e-9):
        trigger = make_trigger(position=SkyPosition(ra_deg=0.0, dec_deg=0.0, error_radius_deg=radius))
        assert read(build(make_header("csc"), trigger))[1] == trigger


def test_a_retraction_needs_no_position() -> None:
    header, content = EXAMPLES["retraction"]
    packet = build(header, content)
    assert packet.position is None
    assert kind_of(packet) is Kind.TRIGGER
    assert read(packet)[1].action is TriggerAction.RETRACT  # type: ignore[union-attr]  # a trigger
