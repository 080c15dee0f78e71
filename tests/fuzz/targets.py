"""What strangers' bytes go through, as functions of bytes: each answers or refuses in one clear line.

Anything else (another exception, a text that a terminal would act upon, a packet that reads otherwise the
second time) is a fault.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from messaging.judgement import Believed, Rejected, judge
from messaging.rules import Rules
from messaging.session import Arrival
from messaging.xmpp.inbox import arrivals, deleted_topic, stored_arrivals
from messaging.xmpp.settings import XmppSettings
from transfer.errors import ManifestError
from transfer.manifest import Manifest
from voevent.build import build
from voevent.errors import VOEventError
from voevent.identity import sha256_of
from voevent.notice import read_notice
from voevent.packet import Packet
from voevent.parse import parse
from voevent.read import kind_of, read
from voevent.validate import violations

TOPIC = "followup/gft-jilin"
SETTINGS = XmppSettings(
    host="127.0.0.1", port=1, domain="followup.test", user="csc", password="x", ca_file=Path("ca.pem")
)
RULES = (
    Rules.for_csc(lambda: ("gft-jilin",)),
    Rules.for_relay(lambda: ("gft-jilin",)),
    Rules.for_telescope("gft-jilin"),
)
_LONGEST_LINE = 1000


def packet(raw: bytes) -> None:
    """Read bytes as any alert and as one of our kinds."""
    _refusal(lambda: violations(raw))
    found: list[Packet] = []
    _refusal(lambda: found.append(parse(raw)))
    for one in found:
        assert one.raw == raw
        assert len(one.tolerated) <= 30
        for note in one.tolerated:
            _check_line(note)
        kind_of(one)
        _refusal(lambda one=one: read_notice(one))  # type: ignore[misc]  # bound now
        _refusal(lambda one=one: _read_twice(one))  # type: ignore[misc]


def _read_twice(one: Packet) -> None:
    header, content = read(one)
    again = build(header, content)
    assert read(again) == (header, content), "what was read makes another packet"


def stanza(raw: bytes) -> None:
    """Take bytes for a stanza, as the server would hand it over, and judge what it brings at each site."""
    try:
        element = ET.fromstring(raw)  # noqa: S314 - expat, as the client library has it
    except (ET.ParseError, ValueError, LookupError):
        return
    deleted_topic(element, SETTINGS)
    found = arrivals(element, SETTINGS, {TOPIC})
    assert element.get("from") == SETTINGS.service or len(found) <= 1
    for one in (*found, *stored_arrivals(element, TOPIC, SETTINGS, {TOPIC})):
        _judged(one)


def arrival(raw: bytes) -> None:
    """Judge bytes that come as a packet, from whom they should and from whom they should not."""
    ways: tuple[dict[str, str | None], ...] = (
        {"sender": "csc"},
        {"sender": "gft-jilin"},
        {"sender": "csc-ftp"},
        {"sender": "pubsub.followup.test", "topic": TOPIC, "publisher": "csc-ftp"},
    )
    for way in ways:
        _judged(Arrival(raw=raw, claimed_sha256=sha256_of(raw), **way))  # type: ignore[arg-type]  # as named


def manifest(raw: bytes) -> None:
    """Read bytes as a dataset's manifest."""
    try:
        found = Manifest.parse(raw)
    except ManifestError as error:
        _check_line(str(error))
        return
    assert Manifest.parse(found.to_bytes()) == found
    for entry in found.files:
        assert not entry.path.startswith("/")
        assert ".." not in entry.path.split("/")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "packet": packet,
    "stanza": stanza,
    "arrival": arrival,
    "manifest": manifest,
}


def _judged(one: Arrival) -> None:
    for rules in RULES:
        judged = judge(one, rules)
        if isinstance(judged, Rejected):
            _check_line(judged.reason)
            assert len(judged.ivorn) <= 512
        elif isinstance(judged, Believed):
            assert judged.packet.raw == one.raw
            assert one.claimed_sha256 == sha256_of(one.raw)


def _refusal(work: Callable[[], object]) -> None:
    try:
        work()
    except VOEventError as error:
        _check_line(str(error))


def _check_line(text: str) -> None:
    assert text, "a refusal without a reason"
    assert text.isprintable(), text
    assert len(text) <= _LONGEST_LINE
