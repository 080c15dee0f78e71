"""From bytes to an element tree, with everything kept out that a hostile author could put in.

No DTD, hence no entities of anybody's making; no network; bounded size and depth; three encodings.

References
----------
XML 1.0 (fifth edition), sections 2.8 (prolog) and 4.3.3 (encodings).
"""

from __future__ import annotations

import re

from lxml import etree

from voevent.errors import HostileError, MalformedError, OversizedError
from voevent.packet import MAX_PACKET_BYTES
from voevent.wording import one_line

MAX_DEPTH = 24
"""Deepest nesting that is read; VOEvent itself needs nine levels."""

_ENCODINGS = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "latin1"}
_DECLARED = re.compile(rb"""encoding\s*=\s*["']([^"']{0,40})["']""")
_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"

_PARSER = etree.XMLParser(
    resolve_entities=False,
    load_dtd=False,
    dtd_validation=False,
    no_network=True,
    huge_tree=False,
    recover=False,
    remove_comments=True,
    remove_pis=True,
    collect_ids=False,
)
_TOO_DEEP = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")


def local_name(element: etree._Element) -> str:
    """Name of an element without its namespace: real packets spell the latter in several ways."""
    return str(element.tag).rpartition("}")[2]


def read_tree(raw: bytes, *, max_bytes: int = MAX_PACKET_BYTES) -> etree._Element:
    """Parse `raw` as XML and return the root, a VOEvent element of whatever version.

    Raises
    ------
    OversizedError
        When it is longer than `max_bytes`.
    HostileError
        When it carries a DTD or is nested deeper than `MAX_DEPTH`.
    MalformedError
        When it is not well-formed XML, not in an encoding that is read here, or not a VOEvent.
    """
    if len(raw) > max_bytes:
        raise OversizedError(f"the packet has {len(raw)} bytes, more than the limit of {max_bytes}")
    _check_prolog(raw)
    try:
        root = etree.fromstring(raw, _PARSER)
    except etree.XMLSyntaxError as error:
        said = one_line(error.msg or "")  # without lxml's name for what it was given
        if "Excessive depth" in said:
            raise HostileError(f"the packet is nested deeper than {MAX_DEPTH} elements") from error
        raise MalformedError(f"the packet is not well-formed XML: {said}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise HostileError("the packet carries a document type declaration (DTD)")
    if _TOO_DEEP(root):
        raise HostileError(f"the packet is nested deeper than {MAX_DEPTH} elements")
    if local_name(root) != "VOEvent":
        raise MalformedError(
            f"the packet is XML but not a VOEvent: its root element is {one_line(str(root.tag), 80)!r}"
        )
    return root


def _check_prolog(raw: bytes) -> None:
    """Refuse what can be known to be unfit before an XML parser sees it.

    A document type declaration can stand only before the root element, so looking there finds every one;
    that in turn makes any entity reference but the five of XML a mere syntax error later.
    """
    if not raw.strip(_SPACE):
        raise MalformedError("the packet is empty")
    if b"\0" in raw:
        raise MalformedError("the packet holds NUL bytes: it is binary, or UTF-16 where UTF-8 was expected")
    position = len(_BOM) if raw.startswith(_BOM) else 0
    if raw.startswith(b"<?xml", position):
        _check_encoding(raw[position : raw.find(b"?>", position) + 2], has_bom=position > 0)
    while True:
        while raw[position : position + 1] in {b" ", b"\t", b"\r", b"\n"}:
            position += 1
        if raw.startswith(b"<?", position):
            end, length = raw.find(b"?>", position), 2
        elif raw.startswith(b"<!--", position):
            end, length = raw.find(b"-->", position + 4), 3
        elif raw.startswith(b"<!", position):
            raise HostileError("the packet carries a document type declaration (DTD)")
        else:
            return
        if end < 0:
            return
        position = end + length


def _check_encoding(declaration: bytes, *, has_bom: bool) -> None:
    found = _DECLARED.search(declaration)
    if found is None:
        return
    encoding = found[1].decode("ascii", "replace").lower()
    if encoding not in _ENCODINGS:
        raise MalformedError(
            f"the packet declares the encoding {one_line(encoding, 40)!r}: "
            "only UTF-8, US-ASCII and ISO-8859-1 are read"
        )
    if has_bom and encoding not in {"utf-8", "utf8"}:
        raise MalformedError(f"the packet starts like UTF-8 but declares the encoding {encoding!r}")
