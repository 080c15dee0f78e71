# ruff: noqa: E501  # documents and messages stay unbroken
"""Whatever bytes come, the answer is a packet or a VOEventError with one clear line; and it comes soon."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.voevent.builders import EXAMPLES, real_packet, shared_packets
from voevent import (
    MAX_PACKET_BYTES,
    HostileError,
    MalformedError,
    OversizedError,
    VOEventError,
    build,
    kind_of,
    parse,
    read,
    read_notice,
    violations,
)
from voevent.tree import MAX_DEPTH

VALID = build(*EXAMPLES["light curve"]).raw
CORPUS = [build(*example).raw for example in EXAMPLES.values()] + [p.read_bytes() for p in shared_packets()]
OPENING = '<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" ivorn="ivo://a/b#c" role="test" version="2.0">'


def complaint_of(reading: Callable[[], object]) -> str:
    """What it says when it refuses; nothing when it does not. Any other error goes through."""
    try:
        reading()
    except VOEventError as error:
        return str(error)
    return ""


def swallow(raw: bytes) -> None:
    """Do with the bytes all that a receiver would."""
    said = [complaint_of(lambda: violations(raw)), complaint_of(lambda: parse(raw))]
    if not any(said):
        packet = parse(raw)
        assert len(packet.tolerated) <= 30
        said += packet.tolerated
        said += [
            complaint_of(lambda reading=reading: reading(packet)) for reading in (kind_of, read, read_notice)
        ]
    for line in said:
        assert not line or line.isprintable()
        assert len(line) < 1000


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes(raw: bytes) -> None:
    swallow(raw)


@given(
    st.sampled_from(CORPUS),
    st.lists(st.tuples(st.integers(0, 8000), st.integers(0, 40), st.binary(max_size=12)), max_size=4),
)
@settings(max_examples=200, deadline=None)
def test_damaged_packets(raw: bytes, cuts: list[tuple[int, int, bytes]]) -> None:
    for start, length, patch in cuts:
        raw = raw[:start] + patch + raw[start + length :]
    swallow(raw)


_value = st.sampled_from(
    ["", " ", "nan", "inf", "-1", "1e999", "9" * 5000, "2026-13-45T99:99:99", "٣", "x" * 5000, "true", "1_0",
     "ivo://", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:60-23:00", "2016-01--26T", "\u202e", "&#10;"]
)  # fmt: skip


@given(st.sampled_from(CORPUS), st.integers(0, 200), _value)
@settings(max_examples=300, deadline=None)
def test_absurd_values(raw: bytes, which: int, value: str) -> None:
    text = raw.decode()
    quotes = [n for n, c in enumerate(text) if c in '">' and n + 1 < len(text)]
    start = quotes[which % len(quotes)] + 1
    ends = [end for end in (text.find('"', start), text.find("<", start)) if end >= 0]
    swallow((text[:start] + value + text[min(ends, default=len(text)) :]).encode())


@pytest.mark.parametrize(
    ("raw", "error", "why"),
    [
        (b"", MalformedError, "empty"),
        (b" \n\t ", MalformedError, "empty"),
        (b"no XML", MalformedError, "not well-formed"),
        (b"<a><b></a>", MalformedError, "not well-formed"),
        (b"<a/>", MalformedError, "not a VOEvent"),
        (VALID + b"<more/>", MalformedError, "not well-formed"),
        (VALID[:-20], MalformedError, "not well-formed"),
        (VALID.replace(b"Who", b"W\0o"), MalformedError, "NUL"),
        (VALID.decode().encode("utf-16"), MalformedError, "NUL"),
        (VALID.replace(b"<Who>", b"<Who>\x01"), MalformedError, "not well-formed"),
        (VALID.replace(b"UTF-8", b"UTF-7"), MalformedError, "encoding 'utf-7'"),
        (VALID.replace(b"UTF-8", b"UTF-16"), MalformedError, "encoding 'utf-16'"),
        (b"\xef\xbb\xbf" + VALID.replace(b"UTF-8", b"ISO-8859-1"), MalformedError, "starts like UTF-8"),
        (VALID.replace(b"<Who>", b"<Who>\xff\xfe\xfa"), MalformedError, "not well-formed"),
        (VALID.replace(b"<Who>", b"<Who>&undeclared;"), MalformedError, "not well-formed"),
        (VALID.replace(b'ivorn="', b'nothing="'), MalformedError, "no IVORN"),
        (VALID.replace(b'role="test"', b'role="drill"'), MalformedError, "role 'drill'"),
        (OPENING.replace("ivo://a/b#c", "ivo://a/b#" + "c" * 600).encode(), MalformedError, "not well-formed"),
        ((OPENING.replace("#c", "#" + "c" * 600) + "</voe:VOEvent>").encode(), MalformedError, "too long"),
        ((OPENING.replace("#c", "#c&#10;d") + "</voe:VOEvent>").encode(), MalformedError, "not printable"),
        (b'<!DOCTYPE a SYSTEM "http://x/y"><a/>', HostileError, "DTD"),
        (b"<?xml version='1.0'?><!-- x --><?p?>\n<!DOCTYPE a []><a/>", HostileError, "DTD"),
        (VALID.replace(b"<voe:", b"<!DOCTYPE x><voe:", 1), HostileError, "DTD"),
        (
            b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' + OPENING.encode() + b"&b;</voe:VOEvent>",
            HostileError,
            "DTD",
        ),
        ((OPENING + "<a>" * 60 + "</a>" * 60 + "</voe:VOEvent>").encode(), HostileError, "nested"),
        ((OPENING + "<a>" * 5000 + "</a>" * 5000 + "</voe:VOEvent>").encode(), HostileError, "nested"),
        (b"<a>" * 20_000, HostileError, "nested"),
        (b" " * (MAX_PACKET_BYTES + 1), OversizedError, "131072"),
    ],
)  # fmt: skip
def test_each_gets_its_own_answer(raw: bytes, error: type[VOEventError], why: str) -> None:
    with pytest.raises(error, match=why):
        parse(raw)


def test_the_limit_is_inclusive_and_an_argument() -> None:
    padded = VALID + b"\n" * (MAX_PACKET_BYTES - len(VALID))
    assert parse(padded).raw == padded
    with pytest.raises(OversizedError):
        parse(padded + b"\n")
    with pytest.raises(OversizedError):
        parse(VALID, max_bytes=len(VALID) - 1)


def test_depth_is_bounded_exactly() -> None:
    def nested(depth: int) -> bytes:
        inner = depth - 1
        return (OPENING + "<a>" * inner + "</a>" * inner + "</voe:VOEvent>").encode()

    assert parse(nested(MAX_DEPTH)).ivorn == "ivo://a/b#c"
    with pytest.raises(HostileError):
        parse(nested(MAX_DEPTH + 1))


def test_markup_in_texts_is_not_taken_for_a_dtd() -> None:
    raw = VALID.replace(
        b"<Who>", b"<Who><!-- <!DOCTYPE a> --><Description><![CDATA[<!ENTITY]]></Description>"
    )
    assert parse(raw).author_ivorn == "ivo://followup/gft-jilin"


def test_instructions_and_includes_are_not_followed() -> None:
    secret = "file:///etc/hostname"
    raw = VALID.replace(
        b"<Who>",
        f'<?xml-stylesheet href="{secret}"?><Who xmlns:xi="http://www.w3.org/2001/XInclude">'
        f'<xi:include href="{secret}" parse="text"/>'.encode(),
    )
    assert parse(raw).description == parse(VALID).description
    assert any("include" in note for note in parse(raw).tolerated)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(
            (OPENING + "<What>" + '<Param name="a" value="b"/>' * 4500 + "</What></voe:VOEvent>").encode(),
            id="many params",
        ),
        pytest.param((OPENING + "<x/>" * 30_000 + "</voe:VOEvent>").encode(), id="many unknown elements"),
        pytest.param((OPENING + "<What/>" * 17_000 + "</voe:VOEvent>").encode(), id="many What"),
        pytest.param(
            (OPENING + "<What><Param " + " ".join(f'a{n}=""' for n in range(12_000)) + "/></What></voe:VOEvent>").encode(),
            id="many attributes",
        ),
        pytest.param(("<!--" * 30_000).encode(), id="unended comments"),
        pytest.param((b"<?a?>" * 25_000) + b"<a/>", id="many instructions"),
        pytest.param(
            (OPENING + "<WhereWhen>" + "<ISOTime>--</ISOTime>" * 5000 + "</WhereWhen></voe:VOEvent>").encode(),
            id="many times",
        ),
        pytest.param(
            OPENING.replace("ivo://a/b#c", "ivo://" + "a/" * 60_000).encode() + b"</voe:VOEvent>", id="long ivorn"
        ),
    ],
)  # fmt: skip
def test_no_packet_takes_long(raw: bytes) -> None:
    assert len(raw) <= MAX_PACKET_BYTES
    before = time.process_time()
    swallow(raw)
    assert time.process_time() - before < 2.0


def test_a_forged_ivorn_is_refused() -> None:
    raw = VALID.replace(b"gft-jilin#", b"csc#", 1)
    with pytest.raises(VOEventError, match="disagree"):
        read(parse(raw))
    raw = VALID.replace(b".result-3", b".result-4", 1)
    with pytest.raises(VOEventError, match="what it says makes"):
        read(parse(raw))


def test_a_real_alert_is_not_one_of_the_kinds() -> None:
    packet = parse(real_packet("swift-xrt-pos.xml"))
    assert kind_of(packet) is None
    with pytest.raises(VOEventError, match="none of the kinds"):
        read(packet)
