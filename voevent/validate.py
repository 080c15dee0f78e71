"""Strict validation against the grammar of VOEvent 2.0 that this package ships.

References
----------
VOEvent 2.0, IVOA Recommendation 2011-07-11; the grammar is in ``voevent/schema``.
"""

from __future__ import annotations

import threading
from importlib import resources

from lxml import etree

from voevent.errors import InvalidError
from voevent.packet import MAX_PACKET_BYTES
from voevent.tree import read_tree
from voevent.wording import one_line

NAMESPACE = "http://www.ivoa.net/xml/VOEvent/v2.0"
"""Namespace of the root element of a VOEvent 2.0 packet."""

_NAMED = 3  # violations that an error spells out
_KEPT = 20  # violations that are listed at all: a broken packet can break the grammar thousands of times

_schema = etree.XMLSchema(
    etree.fromstring(resources.files("voevent").joinpath("schema", "voevent-2.0.xsd").read_bytes())
)
_schema_lock = threading.Lock()  # a schema has one error log, whatever thread asks


def violations_of(root: etree._Element) -> tuple[str, ...]:
    """List what breaks the grammar in a parsed document, in document order; empty when it is valid."""
    with _schema_lock:
        if _schema.validate(root):
            return ()
        entries = iter(_schema.error_log)  # type: ignore[call-overload]  # the stubs leave its type open
        log = [(entry.line, entry.message) for entry in entries]
    found: dict[str, None] = {}  # in order, without repetition
    spoken_for: tuple[int, str] | None = None
    for line, message in log:
        # A facet's complaint is followed by a general one about the same value: that adds nothing.
        subject = message.partition(": ")[0]
        if "[facet '" in message:
            spoken_for = (line, subject)
        elif spoken_for == (line, subject):
            spoken_for = None
            continue
        found[one_line(f"line {line}: {message}", 240)] = None
        if len(found) == _KEPT:
            break
    return tuple(found)


def violations(raw: bytes, *, max_bytes: int = MAX_PACKET_BYTES) -> tuple[str, ...]:
    """List what breaks the grammar of VOEvent 2.0 in a packet; empty when it is valid.

    Raises
    ------
    VOEventError
        When the bytes cannot even be read as a VOEvent (see `voevent.tree.read_tree`).
    """
    return violations_of(read_tree(raw, max_bytes=max_bytes))


def validate(raw: bytes, *, max_bytes: int = MAX_PACKET_BYTES) -> None:
    """Accept a packet that follows the grammar of VOEvent 2.0.

    Raises
    ------
    InvalidError
        When it does not; the message names the first violations.
    VOEventError
        When the bytes cannot even be read as a VOEvent (see `voevent.tree.read_tree`).
    """
    found = violations(raw, max_bytes=max_bytes)
    if found:
        more = f" (and {len(found) - _NAMED} more)" if len(found) > _NAMED else ""
        raise InvalidError("the packet is not valid VOEvent 2.0: " + "; ".join(found[:_NAMED]) + more)
