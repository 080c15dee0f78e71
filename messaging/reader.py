"""Looking into a journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from messaging import tables
from messaging.records import (
    Entry,
    HeldReceipt,
    Outgoing,
    OutgoingState,
    Quarantined,
    StoredPacket,
    ToTopic,
    ToUser,
)
from voevent.identity import NO_CAMPAIGN
from voevent.kinds import ReceiptOutcome
from voevent.packet import PacketId

OUTGOING = sa.select(
    tables.outgoing,
    tables.packets.c.ivorn,
    tables.packets.c.sha256,
    tables.packets.c.kind,
    tables.packets.c.author,
    tables.packets.c.campaign,
).join(tables.packets, tables.outgoing.c.packet == tables.packets.c.id)
"""Outgoing packets with what `outgoing_packet` needs to know about them."""


_PACKETS = tables.packets
_HELD = sa.select(_PACKETS.c.sha256).where(_PACKETS.c.ivorn == sa.bindparam("ivorn"))
_STORED = sa.select(_PACKETS).where(
    _PACKETS.c.ivorn == sa.bindparam("ivorn"), _PACKETS.c.sha256 == sa.bindparam("sha256")
)
_OF_PACKET = OUTGOING.where(
    _PACKETS.c.ivorn == sa.bindparam("ivorn"), _PACKETS.c.sha256 == sa.bindparam("sha256")
).order_by(tables.outgoing.c.id)
_RECEIPTS = (
    sa.select(
        tables.receipts,
        _PACKETS.c.ivorn,
        _PACKETS.c.sha256,
        _PACKETS.c.author,
        _PACKETS.c.campaign,
        _PACKETS.c.committed,
    )
    .join(_PACKETS, tables.receipts.c.packet == _PACKETS.c.id)
    .where(
        tables.receipts.c.cited_ivorn == sa.bindparam("ivorn"),
        tables.receipts.c.cited_sha256 == sa.bindparam("sha256"),
    )
    .order_by(_PACKETS.c.id)
)
# Statements of each packet's way stand ready: to build one costs more than to run it.


def stored_packet(row: sa.Row[Any]) -> StoredPacket:
    """Turn a row of `packets` into a value."""
    return StoredPacket(
        row=row.id,
        id=PacketId(ivorn=row.ivorn, sha256=row.sha256),
        raw=row.raw,
        kind=row.kind,
        author=row.author,
        campaign=row.campaign,
        drill=row.drill,
        received=row.received,
        sender=row.sender,
        committed=row.committed,
        considered=row.considered,
    )


def outgoing_packet(row: sa.Row[Any]) -> Outgoing:
    """Turn a row of `OUTGOING` into a value."""
    return Outgoing(
        row=row.id,
        id=PacketId(ivorn=row.ivorn, sha256=row.sha256),
        kind=row.kind,
        author=row.author,
        campaign=row.campaign,
        destination=ToUser(row.name) if row.way == "user" else ToTopic(row.name),
        body=row.body,
        acknowledged=row.acknowledged,
        state=OutgoingState(row.state),
        interim=row.interim,
        attempts=row.attempts,
        committed=row.committed,
        deadline=row.deadline,
        due=row.due,
        first_sent=row.first_sent,
        last_sent=row.last_sent,
        problem=row.problem,
    )


class Reader:
    """One consistent view of a journal, for as long as the query runs that it was given to."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    def entries(self, campaign: str, *, after: int = 0) -> list[Entry]:
        """Entries of a campaign in order, those after row `after` only."""
        table = tables.entries
        rows = self.connection.execute(
            sa.select(table).where(table.c.campaign == campaign, table.c.id > after).order_by(table.c.id)
        )
        return [
            Entry(
                row=row.id,
                campaign=row.campaign,
                what=row.what,
                data=row.data,
                time=row.time,
                committed=row.committed,
            )
            for row in rows
        ]

    def campaigns(self) -> list[str]:
        """Names of all campaigns that have entries or packets, in order of name."""
        union = sa.union(
            sa.select(tables.entries.c.campaign),
            sa.select(tables.packets.c.campaign).where(tables.packets.c.campaign != NO_CAMPAIGN),
        ).order_by("campaign")
        return list(self.connection.scalars(union))

    def held(self, ivorn: str) -> PacketId | None:
        """Identity of the packet that has this IVORN here; None when there is none."""
        sha256 = self.connection.scalar(_HELD, {"ivorn": ivorn})
        return None if sha256 is None else PacketId(ivorn=ivorn, sha256=sha256)

    def stored(self, packet: PacketId) -> StoredPacket | None:
        """Packet with what the journal knows about it; None when it is not held."""
        row = self.connection.execute(_STORED, _key(packet)).one_or_none()
        return None if row is None else stored_packet(row)

    def packet(self, packet: PacketId) -> bytes | None:
        """Exact bytes of a packet; None when it is not held."""
        stored = self.stored(packet)
        return None if stored is None else stored.raw

    def packets(self, campaign: str) -> list[StoredPacket]:
        """All packets of a campaign, written here or received, in order of commit."""
        table = tables.packets
        rows = self.connection.execute(
            sa.select(table).where(table.c.campaign == campaign).order_by(table.c.id)
        )
        return [stored_packet(row) for row in rows]

    def outgoing(
        self,
        *,
        campaign: str | None = None,
        packet: PacketId | None = None,
        states: Sequence[OutgoingState] = tuple(OutgoingState),
    ) -> list[Outgoing]:
        """Outgoing packets in order of commit, of one campaign or one packet if so asked.

        ``states=[OutgoingState.EXPIRED]`` gives the dead letters, ``[OutgoingState.PENDING]`` what is
        still on its way.
        """
        if packet is not None:
            found = map(outgoing_packet, self.connection.execute(_OF_PACKET, _key(packet)))
            return [o for o in found if o.state in states and campaign in {None, o.campaign}]
        query = OUTGOING.where(tables.outgoing.c.state.in_([state.value for state in states]))
        if campaign is not None:
            query = query.where(tables.packets.c.campaign == campaign)
        return [outgoing_packet(row) for row in self.connection.execute(query.order_by(tables.outgoing.c.id))]

    def receipts(self, cited: PacketId) -> list[HeldReceipt]:
        """All receipts about a packet, written here or received, in order of commit."""
        rows = self.connection.execute(_RECEIPTS, _key(cited))
        return [
            HeldReceipt(
                id=PacketId(ivorn=row.ivorn, sha256=row.sha256),
                author=row.author,
                campaign=row.campaign,
                cited=cited,
                outcome=ReceiptOutcome(row.outcome),
                reason=row.reason,
                details=row.details,
                committed=row.committed,
            )
            for row in rows
        ]

    def quarantined(self, *, limit: int = 100) -> list[Quarantined]:
        """List what was not believed, the latest first."""
        table = tables.quarantine
        rows = self.connection.execute(sa.select(table).order_by(table.c.id.desc()).limit(limit))
        return [
            Quarantined(
                row=row.id,
                raw=row.raw,
                ivorn=row.ivorn,
                sha256=row.sha256,
                sender=row.sender,
                topic=row.topic,
                publisher=row.publisher,
                reason=row.reason,
                time=row.time,
            )
            for row in rows
        ]

    def after(self, row: int, *, limit: int) -> list[StoredPacket]:
        """Packets of all campaigns committed after the one in that row, in order of commit."""
        table = tables.packets
        rows = self.connection.execute(
            sa.select(table).where(table.c.id > row).order_by(table.c.id).limit(limit)
        )
        return [stored_packet(found) for found in rows]

    def latest(self, limit: int, *, before: int | None = None) -> list[StoredPacket]:
        """Return the last packets of all campaigns, the latest first, those before a row if one is given."""
        table = tables.packets
        query = sa.select(table).order_by(table.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(table.c.id < before)
        return [stored_packet(row) for row in self.connection.execute(query)]


def _key(packet: PacketId) -> dict[str, str]:
    return {"ivorn": packet.ivorn, "sha256": packet.sha256}
