"""Looking into a journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from messaging import tables
from messaging.prepared import Prepared
from messaging.records import (
    Entry,
    HeldReceipt,
    Outgoing,
    OutgoingState,
    QuarantineCount,
    Quarantined,
    StoredPacket,
    ToTopic,
    ToUser,
)
from voevent.identity import NO_CAMPAIGN
from voevent.kinds import Kind, ReceiptOutcome
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
_HELD = Prepared(sa.select(_PACKETS.c.sha256).where(_PACKETS.c.ivorn == sa.bindparam("ivorn")))
_STORED = Prepared(
    sa.select(_PACKETS).where(
        _PACKETS.c.ivorn == sa.bindparam("ivorn"), _PACKETS.c.sha256 == sa.bindparam("sha256")
    )
)
_OF_PACKET = Prepared(
    OUTGOING.where(
        _PACKETS.c.ivorn == sa.bindparam("ivorn"), _PACKETS.c.sha256 == sa.bindparam("sha256")
    ).order_by(tables.outgoing.c.id)
)
_RECEIPTS = Prepared(
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


def stored_packet(row: Any) -> StoredPacket:
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


def outgoing_packet(row: Any) -> Outgoing:
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
    """One consistent view of a journal, for as long as the query runs that it was given to.

    Attributes
    ----------
    connection
        For whatever is asked now and then.
    driver
        The same connection as its driver has it, for statements that stand ready.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.driver: Any = connection.connection.dbapi_connection

    def entries(self, campaign: str, *, after: int = 0) -> list[Entry]:
        """Entries of a campaign in order, those after row `after` only."""
        table = tables.entries
        rows = self.connection.execute(
            sa.select(table).where(table.c.campaign == campaign, table.c.id > after).order_by(table.c.id)
        )
        return [_entry(row) for row in rows]

    def entries_of(self, whats: Sequence[str]) -> list[Entry]:
        """Entries of these kinds, of all campaigns, in order."""
        table = tables.entries
        rows = self.connection.execute(
            sa.select(table).where(table.c.what.in_([str(what) for what in whats])).order_by(table.c.id)
        )
        return [_entry(row) for row in rows]

    def campaigns(self) -> list[str]:
        """Names of all campaigns that have entries or packets, in order of name."""
        union = sa.union(
            sa.select(tables.entries.c.campaign),
            sa.select(tables.packets.c.campaign).where(tables.packets.c.campaign != NO_CAMPAIGN),
        ).order_by("campaign")
        return list(self.connection.scalars(union))

    def campaigns_with(self, kind: Kind, outcome: ReceiptOutcome) -> set[str]:
        """Campaigns in which a packet of that kind has a receipt of that outcome."""
        packets = tables.packets
        query = sa.select(packets.c.campaign).where(packets.c.kind == kind.value, _has(outcome))
        return set(self.connection.scalars(query))

    def half_answered(self) -> list[StoredPacket]:
        """Packets of others that got an interim answer (`received`) and no final one, in order of commit."""
        packets = tables.packets
        final = [outcome for outcome in ReceiptOutcome if outcome.final]
        query = sa.select(packets).where(
            packets.c.received,
            packets.c.kind != Kind.RECEIPT.value,
            _has(ReceiptOutcome.RECEIVED),
            sa.not_(_has(*final)),
        )
        return [stored_packet(row) for row in self.connection.execute(query.order_by(packets.c.id))]

    def open_campaigns(self) -> list[str]:
        """Names of those with a trigger that was not refused, and without a closing that was accepted.

        The journal keeps all campaigns there ever were: only these few need be looked at closely.
        """
        closed = self.campaigns_with(Kind.CLOSING, ReceiptOutcome.ACCEPTED)
        packets = tables.packets
        query = sa.select(packets.c.campaign).where(
            packets.c.kind == Kind.TRIGGER.value, sa.not_(_has(ReceiptOutcome.REFUSED))
        )
        names = self.connection.scalars(query.distinct().order_by(packets.c.campaign))
        return [name for name in names if name not in closed]

    def held(self, ivorn: str) -> PacketId | None:
        """Identity of the packet that has this IVORN here; None when there is none."""
        sha256 = _HELD.value(self.driver, {"ivorn": ivorn})
        return None if sha256 is None else PacketId(ivorn=ivorn, sha256=sha256)

    def stored(self, packet: PacketId) -> StoredPacket | None:
        """Packet with what the journal knows about it; None when it is not held."""
        row = _STORED.row(self.driver, _key(packet))
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
            found = map(outgoing_packet, _OF_PACKET.rows(self.driver, _key(packet)))
            return [o for o in found if o.state in states and campaign in {None, o.campaign}]
        query = OUTGOING.where(tables.outgoing.c.state.in_([state.value for state in states]))
        if campaign is not None:
            query = query.where(tables.packets.c.campaign == campaign)
        return [outgoing_packet(row) for row in self.connection.execute(query.order_by(tables.outgoing.c.id))]

    def receipts(self, cited: PacketId) -> list[HeldReceipt]:
        """All receipts about a packet, written here or received, in order of commit."""
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
            for row in _RECEIPTS.rows(self.driver, _key(cited))
        ]

    def quarantined(self, *, limit: int = 100, row: int | None = None) -> list[Quarantined]:
        """List what was not believed, the latest first; only what has that number if one is given."""
        table = tables.quarantine
        query = sa.select(table).order_by(table.c.id.desc()).limit(limit)
        if row is not None:
            query = query.where(table.c.id == row)
        return [
            Quarantined(
                row=found.id,
                raw=found.raw,
                ivorn=found.ivorn,
                sha256=found.sha256,
                sender=found.sender,
                topic=found.topic,
                publisher=found.publisher,
                reason=found.reason,
                time=found.time,
            )
            for found in self.connection.execute(query)
        ]

    def quarantine_count(self) -> QuarantineCount:
        """Count what was not believed. Rows are numbered without gaps: the highest number counts all."""
        table = tables.quarantine
        kept, kept_bytes = self.connection.execute(
            sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(sa.func.length(table.c.raw)), 0))
        ).one()
        ever = self.connection.scalar(
            sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name}
        )
        return QuarantineCount(kept=kept, kept_bytes=kept_bytes, dropped=(ever or 0) - kept)

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


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(
        row=row.id,
        campaign=row.campaign,
        what=row.what,
        data=row.data,
        time=row.time,
        committed=row.committed,
    )


def _has(*outcomes: ReceiptOutcome) -> sa.ColumnElement[bool]:
    """Whether a packet has a receipt of one of these outcomes."""
    packets, receipts = tables.packets, tables.receipts
    return sa.exists().where(
        receipts.c.cited_ivorn == packets.c.ivorn,
        receipts.c.cited_sha256 == packets.c.sha256,
        receipts.c.outcome.in_([outcome.value for outcome in outcomes]),
    )


def _key(packet: PacketId) -> dict[str, str]:
    return {"ivorn": packet.ivorn, "sha256": packet.sha256}
