"""From a parsed packet to what it says, if it is one of the six kinds and in order."""

from __future__ import annotations

from voevent.contents import READERS, citations_of, ivorn_of, role_of
from voevent.errors import InvalidError
from voevent.forms.record import CITED_SHA256, Record, top_record
from voevent.identity import NO_CAMPAIGN, author_ivorn, check_campaign, check_sha256, split_ivorn
from voevent.kinds import Cited, Content, Header, Kind
from voevent.packet import Packet, PacketId, Role
from voevent.wording import one_line


def kind_of(packet: Packet) -> Kind | None:
    """Kind of a packet of ours by what it says about itself; None for any other VOEvent."""
    if packet.param("campaign") is None:
        return None
    said = packet.param("kind")
    return Kind(said) if said in set(Kind) else None


def read(packet: Packet) -> tuple[Header, Content]:
    """Read one of the six kinds.

    A receipt's and a trigger's header holds their own citation, of the packet or notice they are about,
    as its first.

    Raises
    ------
    InvalidError
        When it is not valid VOEvent 2.0, not one of the kinds, or contradicts itself.
    """
    kind = kind_of(packet)
    if kind is None:
        raise InvalidError(
            f"{one_line(packet.ivorn)} is none of the kinds of packet exchanged here: "
            f"its Param kind should be one of {', '.join(Kind)}"
        )
    if packet.tolerated:
        raise InvalidError(f"{kind}: not valid VOEvent 2.0: {packet.tolerated[0]}")
    header = _header(packet, top_record(packet), kind)
    content = READERS[kind](packet)
    ivorn = ivorn_of(header, content, kind)
    if packet.ivorn != ivorn:
        raise InvalidError(
            f"{kind}: its IVORN is {one_line(packet.ivorn)!r} but what it says makes {ivorn!r}"
        )
    if citations_of(header, content) != header.cites:
        raise InvalidError(f"{kind}: its first citation is not of what it is about")
    return header, content


def _header(packet: Packet, record: Record, kind: Kind) -> Header:
    authority, author, _ = split_ivorn(packet.ivorn)
    if packet.author_ivorn != author_ivorn(authority, author):
        raise InvalidError(
            f"{kind}: AuthorIVORN {one_line(packet.author_ivorn)!r} "
            f"and IVORN {one_line(packet.ivorn)!r} disagree"
        )
    campaign = record.text("campaign")
    if not (kind is Kind.RECEIPT and campaign == NO_CAMPAIGN):
        check_campaign(campaign)
    if packet.date is None:
        raise InvalidError(f"{kind}: Who/Date is missing")
    drill = packet.role is Role.TEST
    if packet.role is not role_of(kind, drill=drill):
        raise InvalidError(f"{kind}: role {packet.role} is not that of this kind")
    deadline_s = record.optional_number("deadline_s")
    if deadline_s is not None and deadline_s <= 0:
        raise InvalidError(f"{kind}: deadline_s is {deadline_s}, expected a positive number")
    return Header(
        authority=authority,
        author=author,
        campaign=campaign,
        sequence=record.integer("sequence"),
        date=packet.date,
        drill=drill,
        cites=_cites(packet, kind),
        deadline_s=deadline_s,
    )


def _cites(packet: Packet, kind: Kind) -> tuple[Cited, ...]:
    digests = [p.value for p in packet.params if p.name == CITED_SHA256]
    if len(digests) != len(packet.citations):
        raise InvalidError(
            f"{kind}: {len(packet.citations)} citations but {len(digests)} Params {CITED_SHA256}"
        )
    return tuple(
        Cited(id=PacketId(ivorn=citation.ivorn, sha256=check_sha256(digest)), cite=citation.cite)
        for citation, digest in zip(packet.citations, digests, strict=True)
    )
