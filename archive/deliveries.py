"""Everything that the archive holds of a campaign's conversation, as it was delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from archive.records import Direction
from archive.tables import DatasetRow, DeliveryRow, PacketRow, ReceiptRow, TriggerRow
from voevent.packet import PacketId


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A packet that went to a peer of the CSC, or came from one; `time` is of the CSC's commit."""

    id: PacketId
    kind: str
    author: str
    direction: Direction
    peer: str
    time: datetime
    raw: bytes


def deliveries(connection: Connection, campaign: str) -> tuple[Delivery, ...]:
    """All deliveries of a campaign's packets in order, with the alerts behind its triggers, if archived.

    Receipts that belong to no campaign but are about a packet of this one are among them.
    """
    ours = select(PacketRow.sha256).where(PacketRow.campaign == campaign)
    rows = connection.execute(
        select(
            PacketRow.ivorn,
            PacketRow.sha256,
            PacketRow.kind,
            PacketRow.author,
            PacketRow.raw,
            DeliveryRow.direction,
            DeliveryRow.peer,
            DeliveryRow.time,
        )
        .join(DeliveryRow, DeliveryRow.packet == PacketRow.sha256)
        .where(
            or_(
                PacketRow.campaign == campaign,
                PacketRow.sha256.in_(select(TriggerRow.notice_sha256).where(TriggerRow.packet.in_(ours))),
                PacketRow.campaign.is_(None)
                & PacketRow.sha256.in_(select(ReceiptRow.packet).where(ReceiptRow.cited_sha256.in_(ours))),
            )
        )
    )
    found = [
        Delivery(
            id=PacketId(ivorn=row.ivorn, sha256=row.sha256),
            kind=row.kind or "alert",
            author=row.author or "",
            direction=Direction(row.direction),
            peer=row.peer,
            time=row.time,
            raw=row.raw,
        )
        for row in rows
    ]
    # Sorted here: databases differ in how they sort text.
    return tuple(sorted(found, key=lambda one: (one.time, one.id, one.direction, one.peer)))


def manifests(connection: Connection, campaign: str) -> Mapping[str, bytes]:
    """Manifests of the archived datasets of a campaign, as they were uploaded, by dataset."""
    rows = connection.execute(
        select(DatasetRow.dataset, DatasetRow.manifest).where(DatasetRow.campaign == campaign)
    )
    return dict(sorted((row.dataset, row.manifest) for row in rows))


def other_bytes(connection: Connection, packets: Mapping[str, str]) -> list[str]:
    """IVORNs under which the archive holds other bytes; `packets` has digests by IVORN."""
    names = sorted(packets)
    found: list[str] = []
    for start in range(0, len(names), 500):
        rows = connection.execute(
            select(PacketRow.ivorn, PacketRow.sha256).where(PacketRow.ivorn.in_(names[start : start + 500]))
        )
        found += [row.ivorn for row in rows if row.sha256 != packets[row.ivorn]]
    return sorted(found)
