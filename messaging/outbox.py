"""What the courier does with outgoing packets in the journal. Agents use `Transaction.enqueue`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from followup.names import CSC
from messaging import tables
from messaging.reader import OUTGOING, Reader, outgoing_packet
from messaging.records import Destination, Outgoing, OutgoingState, ToTopic, ToUser
from messaging.transaction import Transaction, address
from voevent.kinds import Kind
from voevent.packet import PacketId

_TABLE = tables.outgoing
_RECEIPTS = tables.receipts
_PENDING = _TABLE.c.state == OutgoingState.PENDING


@dataclass(frozen=True, kw_only=True, slots=True)
class Business:
    """Something waits for this destination: when it is next due, and the first deadline."""

    destination: Destination
    due: datetime
    fresh: bool
    deadline: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """What came of handing an outgoing packet to the server.

    Attributes
    ----------
    repeated
        Whether it was not the first time.
    problem
        Why the server refused it; empty when it did not.
    """

    row: int
    repeated: bool
    next_due: datetime
    problem: str = ""


_AGENDA = (
    sa.select(
        _TABLE.c.way,
        _TABLE.c.name,
        sa.func.min(_TABLE.c.due).label("due"),
        sa.func.min(_TABLE.c.attempts).label("attempts"),
        sa.func.min(_TABLE.c.deadline).label("deadline"),
    )
    .where(_PENDING)
    .group_by(_TABLE.c.way, _TABLE.c.name)
)
_DUE = (
    OUTGOING.add_columns(tables.packets.c.raw)
    .where(
        _PENDING,
        _TABLE.c.way == sa.bindparam("way"),
        _TABLE.c.name == sa.bindparam("name"),
        _TABLE.c.due <= sa.bindparam("now", type_=tables.UtcTime()),
        _TABLE.c.attempts <= sa.bindparam("attempts"),
    )
    .order_by(tables.packets.c.kind != Kind.RECEIPT, _TABLE.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer()))
)
_HERE = _TABLE.c.id == sa.bindparam("row")
_NOW = sa.bindparam("now", type_=tables.UtcTime())
# Due no sooner than this, and no sooner than it is already: a receipt may have slowed it down.
_LATER = sa.func.max(_TABLE.c.due, sa.bindparam("later", type_=tables.UtcTime()))
_FAILED = sa.update(_TABLE).where(_HERE).values(due=_LATER, problem=sa.bindparam("why"), changed=_NOW)
_TAKEN = (
    sa.update(_TABLE)
    .where(_HERE)
    .values(
        state=sa.case(
            (_PENDING & sa.not_(_TABLE.c.acknowledged), OutgoingState.SENT.value), else_=_TABLE.c.state
        ),
        attempts=_TABLE.c.attempts + 1,
        first_sent=sa.func.coalesce(_TABLE.c.first_sent, _NOW),
        last_sent=_NOW,
        due=_LATER,
        problem="",
        changed=_NOW,
    )
)
_SETTLED = sa.update(_TABLE).where(_HERE).values(state=OutgoingState.SETTLED.value, changed=_NOW)
_SLOWED = sa.update(_TABLE).where(_HERE).values(interim=True, due=_LATER, changed=_NOW)
# Statements of each packet's way stand ready: to build one costs more than to run it.


def agenda(reader: Reader) -> list[Business]:
    """Where packets wait, and until when."""
    rows = reader.connection.execute(_AGENDA)
    return [
        Business(
            destination=ToUser(row.name) if row.way == "user" else ToTopic(row.name),
            due=row.due,
            fresh=row.attempts == 0,
            deadline=row.deadline,
        )
        for row in rows
    ]


def due(
    reader: Reader, destination: Destination, *, now: datetime, fresh_only: bool, limit: int
) -> list[tuple[Outgoing, bytes]]:
    """Packets to send now with their bytes: receipts first, since others wait for them, then in order.

    Parameters
    ----------
    fresh_only
        Only those that were never sent.
    """
    most = 0 if fresh_only else sys.maxsize
    rows = reader.connection.execute(
        _DUE, address(destination) | {"now": now, "attempts": most, "limit": limit}
    )
    return [(outgoing_packet(row), row.raw) for row in rows]


def attempted(tx: Transaction, attempts: Sequence[Attempt]) -> None:
    """Record what came of sending. Meanwhile a receipt may have come: it is not overruled."""
    failed = [a for a in attempts if a.problem]
    taken = [a for a in attempts if not a.problem]
    facts = [{"row": a.row, "later": a.next_due, "now": tx.now} for a in taken]
    if facts:
        tx.connection.execute(_TAKEN, facts)
    for attempt in failed:
        tx.connection.execute(
            _FAILED,
            {"row": attempt.row, "later": attempt.next_due, "now": tx.now, "why": attempt.problem},
        )
    for attempt in taken:
        if attempt.repeated:
            _repeat_receipts(tx, attempt.row)


def _repeat_receipts(tx: Transaction, row: int) -> None:
    """Send again what was said, to the same destination, about a packet that had to be sent again.

    Who missed the packet has missed that it was `relayed`, too, and receipts are not repeated by themselves.
    """
    packet = sa.select(_TABLE.c.packet, _TABLE.c.way, _TABLE.c.name).where(_TABLE.c.id == row).subquery()
    said = (
        sa.select(_RECEIPTS.c.packet)
        .join(
            tables.packets,
            (tables.packets.c.ivorn == _RECEIPTS.c.cited_ivorn)
            & (tables.packets.c.sha256 == _RECEIPTS.c.cited_sha256),
        )
        .join(packet, packet.c.packet == tables.packets.c.id)
    )
    tx.connection.execute(
        sa.update(_TABLE)
        .where(
            _TABLE.c.state == OutgoingState.SENT,
            _TABLE.c.packet.in_(said),
            _TABLE.c.way == sa.select(packet.c.way).scalar_subquery(),
            _TABLE.c.name == sa.select(packet.c.name).scalar_subquery(),
        )
        .values(state=OutgoingState.PENDING, due=tx.now, changed=tx.now)
    )


def answered(
    tx: Transaction, cited: PacketId, *, telescope: str, final: bool, slow_until: datetime
) -> list[Outgoing]:
    """Settle an outgoing packet by a receipt, or slow it down by an interim one; gives those concerned.

    A receipt about `telescope` settles nothing of another one's campaigns.
    """
    concerned = [
        row
        for row in tx.outgoing(packet=cited)
        if row.acknowledged
        and row.campaign.endswith(f".{telescope}")
        and row.state is not OutgoingState.SETTLED
    ]
    for row in concerned:
        facts = {"row": row.row, "now": tx.now}
        if final:
            tx.connection.execute(_SETTLED, facts)
        elif row.state is OutgoingState.PENDING:
            tx.connection.execute(_SLOWED, facts | {"later": slow_until})
    return concerned


def expire(tx: Transaction) -> list[Outgoing]:
    """Give up what is past its deadline; gives what was given up."""
    rows = tx.connection.execute(OUTGOING.where(_PENDING, _TABLE.c.deadline <= tx.now))
    expired = [outgoing_packet(row) for row in rows]
    tx.connection.execute(
        sa.update(_TABLE)
        .where(_TABLE.c.id.in_([row.row for row in expired]))
        .values(state=OutgoingState.EXPIRED, changed=tx.now)
    )
    return expired


def hurry(tx: Transaction, peer: str | None = None) -> None:
    """Let what was sent in vain be due at once: `peer` is back, or (None) we are.

    What was answered by an interim receipt is in good hands and keeps its pace.
    """
    change = sa.update(_TABLE).where(_PENDING, sa.not_(_TABLE.c.interim), _TABLE.c.due > tx.now)
    if peer == CSC:
        change = change.where(
            (_TABLE.c.way == "topic") | ((_TABLE.c.way == "user") & (_TABLE.c.name == peer))
        )
    elif peer is not None:
        change = change.where(_TABLE.c.way == "user", _TABLE.c.name == peer)
    tx.connection.execute(change.values(due=tx.now))
