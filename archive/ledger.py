"""The ledger: each packet of a campaign, and what became of it.

It is worked out from the tables at each reading, so it does not depend on the order in which packets were
ingested: receipts may come before what they are about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, and_, case, func, or_, select
from sqlalchemy.orm import aliased

from archive.records import Direction, LedgerEntry, LedgerReceipt
from archive.tables import ClosingPacketRow, DeliveryRow, PacketRow, ReceiptRow
from followup.names import CSC, RELAY, CampaignName
from voevent.errors import InvalidError
from voevent.identity import author_of
from voevent.kinds import Kind, ReceiptOutcome
from voevent.packet import PacketId, Role

_Lines = dict[tuple[str, PacketId], "_Line"]
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(kw_only=True, slots=True)
class _Line:
    """What has been gathered about one packet."""

    id: PacketId
    campaign: str
    author: str
    held: bool = False
    kind: Kind | None = None
    role: Role | None = None
    sequence: int = 0
    written: datetime | None = None
    sent: datetime | None = None
    arrived: datetime | None = None
    receipts: list[LedgerReceipt] = field(default_factory=list)


def ledgers(
    connection: Connection, campaigns: Sequence[str], *, kinds: Collection[Kind] | None = None
) -> dict[str, tuple[LedgerEntry, ...]]:
    """Work out the ledgers of some campaigns.

    Parameters
    ----------
    kinds
        Only archived packets of these kinds; by default all, and those that only others speak of.
    """
    wanted = set(Kind) - {Kind.RECEIPT} if kinds is None else set(kinds)
    lines = _held(connection, campaigns, wanted)
    if kinds is None:
        for name, listed in missing(connection, campaigns).items():
            for packet in listed:
                _line(lines, name, packet)
    _add_receipts(connection, campaigns, wanted, lines, unheld=kinds is None)
    found: dict[str, list[_Line]] = defaultdict(list)
    for line in lines.values():
        found[line.campaign].append(line)
    return {name: tuple(_entry(line) for line in sorted(found[name], key=_order)) for name in campaigns}


def closings_in_force(connection: Connection, campaigns: Sequence[str]) -> dict[str, str]:
    """Digest of the latest closing packet of each campaign that has one."""
    rows = connection.execute(
        select(PacketRow.campaign, PacketRow.sha256)
        .where(PacketRow.kind == Kind.CLOSING, PacketRow.campaign.in_(campaigns))
        .order_by(PacketRow.sequence, PacketRow.sha256)
    )
    return {row.campaign: row.sha256 for row in rows}


def missing(connection: Connection, campaigns: Sequence[str]) -> dict[str, tuple[PacketId, ...]]:
    """Tell what each campaign's latest closing packet lists and the archive does not hold, as listed."""
    listing = closings_in_force(connection, campaigns)
    rows = connection.execute(
        select(ClosingPacketRow.packet, ClosingPacketRow.listed_ivorn, ClosingPacketRow.listed_sha256)
        .outerjoin(
            PacketRow,
            and_(
                PacketRow.sha256 == ClosingPacketRow.listed_sha256,
                PacketRow.ivorn == ClosingPacketRow.listed_ivorn,
            ),
        )
        .where(ClosingPacketRow.packet.in_(listing.values()), PacketRow.sha256.is_(None))
        .order_by(ClosingPacketRow.packet, ClosingPacketRow.position)
    )
    lists: dict[str, list[PacketId]] = defaultdict(list)
    for closing, ivorn, sha256 in rows:
        lists[closing].append(PacketId(ivorn=ivorn, sha256=sha256))
    return {campaign: tuple(lists[closing]) for campaign, closing in listing.items()}


def final_receipt(receipts: Sequence[LedgerReceipt], addressee: str) -> LedgerReceipt | None:
    """Return the receipt that counts: the addressee's, else another site's; of several the first written."""
    finals = [receipt for receipt in receipts if receipt.outcome.final]
    return min(
        finals,
        key=lambda receipt: (receipt.author != addressee, receipt.written, receipt.id.sha256),
        default=None,
    )


def _held(connection: Connection, campaigns: Sequence[str], kinds: set[Kind]) -> _Lines:
    rows = connection.execute(
        select(
            PacketRow.ivorn,
            PacketRow.sha256,
            PacketRow.campaign,
            PacketRow.author,
            PacketRow.kind,
            PacketRow.role,
            PacketRow.sequence,
            PacketRow.written,
            func.min(case((DeliveryRow.direction == Direction.SENT, DeliveryRow.time))).label("sent"),
            func.min(case((DeliveryRow.direction == Direction.RECEIVED, DeliveryRow.time))).label("arrived"),
        )
        .join(DeliveryRow, DeliveryRow.packet == PacketRow.sha256)
        .where(PacketRow.campaign.in_(campaigns), PacketRow.kind.in_(kinds))
        .group_by(PacketRow.sha256)
    )
    lines: _Lines = {}
    for row in rows:
        packet = PacketId(ivorn=row.ivorn, sha256=row.sha256)
        lines[row.campaign, packet] = _Line(
            id=packet,
            campaign=row.campaign,
            author=row.author,
            held=True,
            kind=Kind(row.kind),
            role=Role(row.role),
            sequence=row.sequence,
            written=row.written,
            sent=row.sent,
            arrived=row.arrived,
        )
    return lines


def _add_receipts(
    connection: Connection, campaigns: Sequence[str], kinds: set[Kind], lines: _Lines, *, unheld: bool
) -> None:
    cited = aliased(PacketRow)
    about = and_(cited.campaign.in_(campaigns), cited.kind.in_(kinds))
    if unheld:
        about = or_(about, and_(cited.sha256.is_(None), PacketRow.campaign.in_(campaigns)))
    rows = connection.execute(
        select(
            ReceiptRow.cited_ivorn,
            ReceiptRow.cited_sha256,
            ReceiptRow.outcome,
            ReceiptRow.reason,
            ReceiptRow.details,
            PacketRow.ivorn,
            PacketRow.sha256,
            PacketRow.author,
            func.coalesce(cited.campaign, PacketRow.campaign).label("campaign"),
            PacketRow.written,
            select(func.min(DeliveryRow.time))
            .where(DeliveryRow.packet == PacketRow.sha256)
            .scalar_subquery()
            .label("time"),
        )
        .join(PacketRow, PacketRow.sha256 == ReceiptRow.packet)
        .outerjoin(
            cited, and_(cited.sha256 == ReceiptRow.cited_sha256, cited.ivorn == ReceiptRow.cited_ivorn)
        )
        .where(about)
    )
    for row in rows:
        line = _line(lines, row.campaign, PacketId(ivorn=row.cited_ivorn, sha256=row.cited_sha256))
        line.receipts.append(
            LedgerReceipt(
                id=PacketId(ivorn=row.ivorn, sha256=row.sha256),
                author=row.author,
                outcome=ReceiptOutcome(row.outcome),
                reason=row.reason,
                details=row.details,
                written=row.written,
                time=row.time,
            )
        )


def _line(lines: _Lines, campaign: str, packet: PacketId) -> _Line:
    """Return the line of a packet, begun if others are the first to speak of it."""
    if (campaign, packet) not in lines:
        try:
            author = author_of(packet.ivorn)
        except InvalidError:
            author = ""  # somebody's receipt for something that is none of our packets
        lines[campaign, packet] = _Line(id=packet, campaign=campaign, author=author)
    return lines[campaign, packet]


def _order(line: _Line) -> tuple[datetime, str, int, str]:
    first = [time for time in (line.sent, line.arrived) if time] or [r.time for r in line.receipts]
    return (min(first, default=_LAST), line.author, line.sequence, line.id.sha256)


def _entry(line: _Line) -> LedgerEntry:
    addressee = CampaignName.parse(line.campaign).telescope if line.author == CSC else CSC
    receipts = tuple(sorted(line.receipts, key=lambda receipt: (receipt.time, receipt.id.sha256)))
    relayed = (r.time for r in receipts if r.outcome is ReceiptOutcome.RELAYED and r.author == RELAY)
    return LedgerEntry(
        id=line.id,
        held=line.held,
        kind=line.kind,
        role=line.role,
        author=line.author,
        addressee=addressee,
        written=line.written,
        sent=line.sent,
        arrived=line.arrived,
        relayed=min(relayed, default=None),
        receipts=receipts,
        final=final_receipt(receipts, addressee),
    )
