"""Packets as the archive tells them."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlalchemy import Connection, func, select

from archive.records import CitationRecord, Direction, PacketRecord
from archive.tables import CitationRow, DeliveryRow, PacketRow
from voevent.kinds import Kind
from voevent.packet import CiteKind, PacketId, Role


def packet_records(
    connection: Connection, campaign: str | None, kind: Kind | None
) -> tuple[PacketRecord, ...]:
    """Packets of a campaign and of a kind (or of any), in the order in which the CSC committed them."""
    wanted = select(PacketRow.sha256)
    if campaign is not None:
        wanted = wanted.where(PacketRow.campaign == campaign)
    if kind is not None:
        wanted = wanted.where(PacketRow.kind == kind)
    cites: dict[str, list[CitationRecord]] = defaultdict(list)
    for citation in connection.execute(
        select(CitationRow)
        .where(CitationRow.packet.in_(wanted))
        .order_by(CitationRow.packet, CitationRow.position)
    ):
        cites[citation.packet].append(
            CitationRecord(
                ivorn=citation.cited_ivorn, sha256=citation.cited_sha256, cite=CiteKind(citation.cite)
            )
        )
    rows = connection.execute(
        select(
            PacketRow.sha256,
            PacketRow.ivorn,
            PacketRow.role,
            PacketRow.kind,
            PacketRow.author,
            PacketRow.campaign,
            PacketRow.sequence,
            PacketRow.written,
            PacketRow.deadline_s,
            func.length(PacketRow.raw).label("size_bytes"),
            DeliveryRow.direction,
            DeliveryRow.peer,
            DeliveryRow.time,
        )
        .join(DeliveryRow, DeliveryRow.packet == PacketRow.sha256)
        .where(PacketRow.sha256.in_(wanted))
    )
    records: dict[str, PacketRecord] = {}
    for row in sorted(rows, key=lambda row: (row.time, row.direction, row.peer)):
        # A packet may have come from several peers: its first delivery counts.
        if row.sha256 not in records:
            records[row.sha256] = PacketRecord(
                id=PacketId(ivorn=row.ivorn, sha256=row.sha256),
                kind=Kind(row.kind) if row.kind else None,
                role=Role(row.role),
                author=row.author,
                campaign=row.campaign,
                sequence=row.sequence,
                written=row.written,
                deadline_s=row.deadline_s,
                size_bytes=row.size_bytes,
                direction=Direction(row.direction),
                peer=row.peer,
                time=row.time,
                cites=tuple(cites[row.sha256]),
            )
    return tuple(sorted(records.values(), key=_order))


def _order(record: PacketRecord) -> tuple[datetime, str, int, PacketId]:
    # Sorted here: databases differ in how they sort text.
    return record.time, record.author or "", record.sequence or 0, record.id
