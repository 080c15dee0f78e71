import hashlib
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from messaging.session import Envelope
from messaging.xmpp.wire import PACKET_TAG, line, unwrap, wrap
from voevent.packet import MAX_PACKET_BYTES, PacketId


def envelope(raw: bytes, body: str = "a trigger") -> Envelope:
    digest = hashlib.sha256(raw).hexdigest()
    return Envelope(raw=raw, id=PacketId(ivorn="ivo://followup/csc#b.trigger-1", sha256=digest), body=body)


@given(st.binary(min_size=1, max_size=5000), st.text())
def test_what_is_wrapped_comes_out_whole_after_a_trip_through_xml(raw: bytes, body: str) -> None:
    sent = envelope(raw, body)
    parcel = unwrap(ET.fromstring(ET.tostring(wrap(sent))))  # noqa: S314 - this test's own text
    assert (parcel.raw, parcel.ivorn, parcel.sha256, parcel.problem) == (
        raw,
        sent.id.ivorn,
        sent.id.sha256,
        "",
    )


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_is_read_or_described(text: str) -> None:
    element = ET.Element(PACKET_TAG, {"sha256": "00"})
    element.text = text
    parcel = unwrap(element)
    assert parcel.raw or parcel.problem
    if parcel.problem:
        assert parcel.raw == text.encode(), "kept for inspection as it came"
    assert parcel.sha256 == "00"


def test_line_ends_that_a_server_put_into_the_base64_do_no_harm() -> None:
    element = wrap(envelope(b"exact bytes" * 20))
    element.text = "\n  ".join((element.text or "")[i : i + 60] for i in range(0, 400, 60))
    assert unwrap(element).raw == b"exact bytes" * 20


def test_the_largest_packet_passes_and_one_byte_more_does_not() -> None:
    assert unwrap(wrap(envelope(b"x" * MAX_PACKET_BYTES))).problem == ""
    for size in (MAX_PACKET_BYTES + 1, 3 * MAX_PACKET_BYTES):
        element = wrap(envelope(b"x" * size))
        parcel = unwrap(element)
        assert "larger than the limit" in parcel.problem
        assert parcel.raw == (element.text or "")[:MAX_PACKET_BYTES].encode()


def test_a_line_for_people_has_no_character_that_xml_forbids() -> None:
    assert line("GRB\x00 at \x1b[31mred\ud800") == "GRB\ufffd at \ufffd[31mred\ufffd"
    assert len(line("x" * 100_000)) == 1000
