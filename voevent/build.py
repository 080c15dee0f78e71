"""From a header and a content to the bytes of a packet, validated before anybody sees them."""

from __future__ import annotations

from voevent.contents import citations_of, ivorn_of, laid_out, role_of
from voevent.document import Cover, document
from voevent.forms.body import param, params
from voevent.forms.record import CITED_SHA256
from voevent.identity import author_ivorn, check_sha256
from voevent.kinds import Content, Header
from voevent.packet import MAX_PACKET_BYTES, Citation, Packet
from voevent.parse import parse
from voevent.read import read
from voevent.summary import summarise


def build(header: Header, content: Content, *, max_bytes: int = MAX_PACKET_BYTES) -> Packet:
    """Write a packet, and read it back the way its receivers will before letting it out.

    The same header and content give the same bytes. A receipt cites the packet that it is about, and a
    trigger its notice, whether or not `header` says so.

    Raises
    ------
    InvalidError
        When the two do not make a packet that is valid and readable; the message says why.
    OversizedError
        When the packet is longer than `max_bytes`.
    """
    kind, body = laid_out(content)
    cites = citations_of(header, content)
    cover = Cover(
        ivorn=ivorn_of(header, content, kind),
        role=role_of(kind, drill=header.drill),
        author_ivorn=author_ivorn(header.authority, header.author),
        date=header.date,
        description=summarise(header, content),
        citations=tuple(Citation(ivorn=c.id.ivorn, cite=c.cite) for c in cites),
    )
    deadline = None if header.deadline_s is None else float(header.deadline_s)
    said = params(
        param("kind", kind, ucd="meta.code.class"),
        param("campaign", header.campaign, ucd="meta.id"),
        param("sequence", header.sequence, ucd="meta.number"),
        param("deadline_s", deadline, unit="s", ucd="time.duration"),
        *(param(CITED_SHA256, check_sha256(c.id.sha256), ucd="meta.checksum") for c in cites),
    )
    packet = parse(document(cover, said, body), max_bytes=max_bytes)
    read(packet)
    return packet
