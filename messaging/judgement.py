"""Whether to believe what arrived: from bytes on the wire to a packet that may be acted upon."""

from __future__ import annotations

from dataclasses import dataclass

from messaging.rules import Rules
from messaging.session import Arrival
from voevent.errors import InvalidError, VOEventError
from voevent.identity import author_of, sha256_of
from voevent.kinds import Content, Header, Kind
from voevent.packet import Packet, PacketId, Role
from voevent.parse import MAX_IVORN, parse
from voevent.read import kind_of, read
from voevent.wording import one_line

_LONGEST_REASON = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Believed:
    """A packet that its author may send to us in this way."""

    packet: Packet
    header: Header
    content: Content
    kind: Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Culprit:
    """A packet that is refused, and the author to whom that can be said."""

    id: PacketId
    author: str
    drill: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """Something not believed. It goes to quarantine; `culprit` is None when nobody is to be told."""

    ivorn: str
    reason: str
    culprit: Culprit | None


@dataclass(frozen=True, slots=True)
class Echo:
    """Our own word, coming back on a topic."""


def judge(arrival: Arrival, rules: Rules) -> Believed | Rejected | Echo:
    """Open, read and judge an arrival by the rules of this site."""
    if rules.echo(arrival, None):
        return Echo()
    if arrival.problem:
        # Whoever sent it was not the agent it claims to be: a refusal could settle the true one's packet.
        reason = one_line(arrival.problem, _LONGEST_REASON)
        return Rejected(ivorn=arrival.claimed_ivorn[:MAX_IVORN], reason=reason, culprit=None)
    try:
        packet = _opened(arrival)
    except VOEventError as error:
        return _rejected(arrival, rules, arrival.claimed_ivorn, str(error))
    kind = kind_of(packet)
    try:
        if rules.echo(arrival, author_of(packet.ivorn)):
            return Echo()
        return _permitted(arrival, packet, rules)
    except VOEventError as error:
        drill = packet.role is Role.TEST
        # Receipts are not answered: two sites that refuse each other's receipts would never end.
        return _rejected(arrival, rules, packet.ivorn, str(error), drill=drill, told=kind is not Kind.RECEIPT)


def _opened(arrival: Arrival) -> Packet:
    sha256 = sha256_of(arrival.raw)
    if sha256 != arrival.claimed_sha256:
        raise InvalidError(
            f"its SHA-256 is {sha256}, not {one_line(arrival.claimed_sha256, 64)} as was claimed"
        )
    packet = parse(arrival.raw)
    if arrival.claimed_ivorn not in {"", packet.ivorn}:
        raise InvalidError(f"it is {packet.ivorn} but was announced as {one_line(arrival.claimed_ivorn)}")
    return packet


def _permitted(arrival: Arrival, packet: Packet, rules: Rules) -> Believed:
    header, content = read(packet)
    kind = Kind(packet.param("kind") or "")
    forbidden = rules.forbids(arrival, header, content, kind)
    if forbidden:
        raise InvalidError(forbidden)
    return Believed(packet=packet, header=header, content=content, kind=kind)


def _rejected(
    arrival: Arrival, rules: Rules, ivorn: str, reason: str, *, drill: bool = False, told: bool = True
) -> Rejected:
    culprit = None
    try:
        author = author_of(ivorn) if len(ivorn) <= MAX_IVORN else ""
    except VOEventError:
        author = ""
    if told and arrival.raw and author and rules.answerable(arrival, author):
        packet = PacketId(ivorn=ivorn, sha256=sha256_of(arrival.raw))
        culprit = Culprit(id=packet, author=author, drill=drill)
    return Rejected(ivorn=ivorn[:MAX_IVORN], reason=one_line(reason, _LONGEST_REASON), culprit=culprit)
