"""What follows from the kind of a packet: its name, its role, what it always cites, how it is laid out."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from voevent.errors import InvalidError
from voevent.forms import closing, receipt, result, status, trigger, upload
from voevent.forms.body import Body
from voevent.identity import packet_ivorn, receipt_ivorn, trigger_ivorn
from voevent.kinds import (
    Cited,
    Closing,
    Content,
    Header,
    Kind,
    Receipt,
    Result,
    Status,
    Trigger,
    Upload,
)
from voevent.packet import Packet, Role
from voevent.wording import one_line

READERS: dict[Kind, Callable[[Packet], Content]] = {
    Kind.TRIGGER: trigger.read,
    Kind.RESULT: result.read,
    Kind.UPLOAD: upload.read,
    Kind.STATUS: status.read,
    Kind.CLOSING: closing.read,
    Kind.RECEIPT: receipt.read,
}
"""How each kind is read."""


def laid_out(content: Content) -> tuple[Kind, Body]:
    """Kind of a content, and its part of the document."""
    match content:
        case Trigger():
            return Kind.TRIGGER, trigger.write(content)
        case Result():
            return Kind.RESULT, result.write(content)
        case Upload():
            return Kind.UPLOAD, upload.write(content)
        case Status():
            return Kind.STATUS, status.write(content)
        case Closing():
            return Kind.CLOSING, closing.write(content)
        case Receipt():
            return Kind.RECEIPT, receipt.write(content)
    assert_never(content)


def ivorn_of(header: Header, content: Content, kind: Kind) -> str:
    """Name of a packet: a function of what it says."""
    who = (header.authority, header.author, header.campaign)
    match content:
        case Trigger():
            if header.campaign != f"{content.burst}.{content.telescope}":
                raise InvalidError(
                    f"trigger: burst {one_line(content.burst, 60)!r} and telescope "
                    f"{one_line(content.telescope, 60)!r} do not make the campaign {header.campaign!r}"
                )
            return trigger_ivorn(*who, revision=content.revision, notice_sha256=content.notice.sha256)
        case Receipt():
            return receipt_ivorn(*who, outcome=content.outcome, cited_sha256=content.cited.sha256)
        case _:
            return packet_ivorn(*who, kind, header.sequence)


def role_of(kind: Kind, *, drill: bool) -> Role:
    """Role of a packet of this kind: science is an observation, notices and receipts are utility."""
    if drill:
        return Role.TEST
    return Role.OBSERVATION if kind in {Kind.TRIGGER, Kind.RESULT} else Role.UTILITY


def citations_of(header: Header, content: Content) -> tuple[Cited, ...]:
    """Everything a packet cites: first what its content is about, then what its header names besides."""
    match content:
        case Receipt():
            about = content.cited
        case Trigger():
            about = content.notice
        case _:
            return header.cites
    named = next((c for c in header.cites if c.id == about), Cited(id=about))
    return (named, *(c for c in header.cites if c.id != about))
