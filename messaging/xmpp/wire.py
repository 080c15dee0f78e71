"""How a packet is written into a stanza, and read from one.

XMPP servers rewrite XML (prefixes, comments, line ends), so the bytes travel in base64, with their digest,
beside a line for people. The same element is the payload of a message and of a topic's item.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from messaging.session import Envelope
from voevent.packet import MAX_PACKET_BYTES

PACKET_NS = "urn:x-followup:packet:1"
PACKET_TAG = f"{{{PACKET_NS}}}packet"
_MAX_LINE = 1000
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Plain(str):
    """A text without any character that XML escapes.

    The client library escapes texts character by character, which for a packet of 4 KB took longer than all
    else that it does to send it. It gets this one in a single piece.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        return iter((str(self),))


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """What a packet element held.

    Attributes
    ----------
    problem
        Why it could not be decoded; `raw` is then as much of its text as is kept for inspection.
    """

    raw: bytes
    ivorn: str
    sha256: str
    problem: str = ""


def line(text: str) -> str:
    """Make a text fit for a chat client: XML's characters only, at most 1000 of them."""
    return _NOT_XML.sub("\ufffd", text)[:_MAX_LINE]


def wrap(envelope: Envelope) -> Element:
    """Return the packet element: IVORN, digest and summary as attributes, the bytes in base64 as text."""
    element = Element(
        PACKET_TAG,
        {
            "ivorn": _NOT_XML.sub("\ufffd", envelope.id.ivorn),
            "sha256": envelope.id.sha256,
            "summary": line(envelope.body),
        },
    )
    element.text = _Plain(base64.b64encode(envelope.raw).decode("ascii"))
    return element


def unwrap(element: Element, *, max_bytes: int = MAX_PACKET_BYTES) -> Parcel:
    """Read a packet element. Never raises: what cannot be decoded is described in `problem`.

    The digest is not compared with the bytes here; what it claims is handed on.
    """
    ivorn, sha256 = element.get("ivorn", ""), element.get("sha256", "")
    text = "".join((element.text or "").split())
    too_large = f"larger than the limit of {max_bytes} bytes"
    raw, problem = b"", ""
    if len(text) > 4 * (max_bytes // 3 + 1):
        problem = too_large
    else:
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            problem = f"not base64: {error}"
    if not problem and not raw:
        problem = "empty"
    if len(raw) > max_bytes:
        problem = too_large
    if problem:
        raw = (element.text or "").encode("utf-8", "replace")[:max_bytes]
    return Parcel(raw=raw, ivorn=ivorn, sha256=sha256, problem=problem)
