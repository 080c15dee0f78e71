"""What the courier does with outgoing packets in the journal. Agents use `Transaction.enqueue`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from followup.names import CSC, topic_of
from messaging import tables
from messaging.prepared import Prepared
from messaging.reader import OUTGOING, Reader, outgoing_packet
from messaging.records import Destination, Outgoing, OutgoingState, ToTopic, ToUser
from messaging.transaction import Transaction, address
from voevent.packet import PacketId

_TABLE = tables.outgoing
_RECEIPTS = tables.receipts
# A literal: the index of what is pending is not used for a parameter, whatever its value.
_PENDING = _TABLE.c.state == sa.literal_column(f"'{OutgoingState.PENDING.value}'", sa.String())


WITHDRAWN = "the telescope was revoked"
"""Problem of what is not sent for that reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Business:
    """What waits for a destination.

    Attributes
    ----------
    due, due_if_full
        When something may be sent next; when, while the most packets wait for an answer.
    receipts_due
        The same of receipts, for which no answer is waited for.
    in_flight
        How many were sent so lately that the answer, if only an interim one, may be on its way.
    deadline
        The first.
    """

    destination: Destination
    due: datetime
    due_if_full: datetime | None
    receipts_due: datetime | None
    in_flight: int
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


_NOW = sa.bindparam("now", type_=tables.UtcTime())
_OF_DESTINATION = _PENDING & (_TABLE.c.way == sa.bindparam("way")) & (_TABLE.c.name == sa.bindparam("name"))
_RECEIPT = sa.not_(_TABLE.c.acknowledged)
_UNANSWERED = _TABLE.c.acknowledged & sa.not_(_TABLE.c.interim) & _TABLE.c.last_sent.is_not(None)
_IN_FLIGHT = (
    _UNANSWERED & (_TABLE.c.due > _NOW) & (_TABLE.c.last_sent > sa.bindparam("since", type_=tables.UtcTime()))
)


def _first(condition: sa.ColumnElement[bool], time: sa.Column[datetime]) -> sa.ColumnElement[datetime]:
    return sa.func.min(sa.case((condition, time)))


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.count(sa.case((condition, 1)))


_AGENDA = Prepared(
    sa.select(
        _TABLE.c.way,
        _TABLE.c.name,
        sa.func.min(_TABLE.c.due).label("due"),
        _first(_RECEIPT, _TABLE.c.due).label("receipts_due"),
        _first(_IN_FLIGHT, _TABLE.c.due).label("next_repetition"),
        _first(_IN_FLIGHT, _TABLE.c.last_sent).label("longest_in_flight"),
        _count(_IN_FLIGHT).label("in_flight"),
        sa.func.min(_TABLE.c.deadline).label("deadline"),
    )
    .where(_PENDING)
    .group_by(_TABLE.c.way, _TABLE.c.name)
)
_WAITING = Prepared(sa.select(_count(_IN_FLIGHT).label("in_flight")).where(_OF_DESTINATION))
_IN_LINE = (
    sa.select(_TABLE.c.id)
    .where(
        _OF_DESTINATION,
        _TABLE.c.acknowledged == sa.bindparam("acknowledged"),
        _TABLE.c.due <= _NOW,
    )
    .order_by(_TABLE.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer()))
)
_DUE = Prepared(
    OUTGOING.add_columns(tables.packets.c.raw).where(_TABLE.c.id.in_(_IN_LINE)).order_by(_TABLE.c.id)
)
_HERE = _TABLE.c.id == sa.bindparam("row")
# Due no sooner than this, and no sooner than it is already: a receipt may have slowed it down.
_LATER = sa.func.max(_TABLE.c.due, sa.bindparam("later", type_=tables.UtcTime()))
_FAILED = Prepared(
    sa.update(_TABLE).where(_HERE).values(due=_LATER, problem=sa.bindparam("why"), changed=_NOW)
)
_TAKEN = Prepared(
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
_SETTLED = Prepared(sa.update(_TABLE).where(_HERE).values(state=OutgoingState.SETTLED.value, changed=_NOW))
_SLOWED = Prepared(sa.update(_TABLE).where(_HERE).values(interim=True, due=_LATER, changed=_NOW))


def agenda(reader: Reader, *, now: datetime, answer_s: float) -> list[Business]:
    """Where packets wait, and until when.

    Parameters
    ----------
    answer_s
        How long an answer may be on its way.
    """
    patience = timedelta(seconds=answer_s)
    rows = _AGENDA.rows(reader.driver, {"now": now, "since": now - patience})
    return [_business(row, patience) for row in rows]


def _business(row: Any, patience: timedelta) -> Business:
    makes_room = None if row.longest_in_flight is None else row.longest_in_flight + patience
    times = (row.receipts_due, row.next_repetition, makes_room)
    return Business(
        destination=ToUser(row.name) if row.way == "user" else ToTopic(row.name),
        due=row.due,
        due_if_full=min((time for time in times if time is not None), default=None),
        receipts_due=row.receipts_due,
        in_flight=row.in_flight,
        deadline=row.deadline,
    )


def due(
    reader: Reader,
    destination: Destination,
    *,
    now: datetime,
    limit: int,
    most_unanswered: int,
    answer_s: float,
) -> list[tuple[Outgoing, bytes]]:
    """Packets to send now with their bytes: receipts first, since others wait for them, then in order.

    Parameters
    ----------
    limit
        So many in all.
    most_unanswered, answer_s
        So many that were sent no longer ago may wait for an answer then; none: receipts only.
    """
    place = {**address(destination), "now": now}
    receipts = _DUE.rows(reader.driver, {**place, "acknowledged": False, "limit": limit})
    since = now - timedelta(seconds=answer_s)
    [waiting] = _WAITING.rows(reader.driver, {**place, "since": since})
    room = most_unanswered - waiting.in_flight
    packets = _DUE.rows(
        reader.driver, {**place, "acknowledged": True, "limit": max(0, min(room, limit - len(receipts)))}
    )
    return [(outgoing_packet(row), row.raw) for row in (*receipts, *packets)]


def attempted(tx: Transaction, attempts: Sequence[Attempt]) -> None:
    """Record what came of sending. Meanwhile a receipt may have come: it is not overruled."""
    facts = [
        {"row": a.row, "later": a.next_due, "now": tx.now, "why": a.problem} for a in attempts if a.problem
    ]
    _FAILED.run_each(tx.driver, facts)
    taken = [a for a in attempts if not a.problem]
    facts = [{"row": a.row, "later": a.next_due, "now": tx.now} for a in taken]
    _TAKEN.run_each(tx.driver, facts)
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
            _SETTLED.run(tx.driver, facts)
        elif row.state is OutgoingState.PENDING:
            _SLOWED.run(tx.driver, {**facts, "later": slow_until})
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


def withdraw(tx: Transaction, telescope: str) -> int:
    """Send nothing more to a telescope that was revoked, nor to its topic; gives how many packets that ends.

    They are kept as expired ones are, and go out when it is admitted again (`reinstate`), or when a person
    revives them.
    """
    waiting = _PENDING & _of(telescope)
    tx.connection.execute(
        sa.update(_TABLE)
        .where(waiting, sa.not_(_TABLE.c.acknowledged))
        .values(state=OutgoingState.SENT.value, changed=tx.now)
    )
    given_up = sa.update(_TABLE).where(waiting, _TABLE.c.acknowledged)
    return tx.connection.execute(
        given_up.values(state=OutgoingState.EXPIRED.value, problem=WITHDRAWN, changed=tx.now)
    ).rowcount


def reinstate(tx: Transaction, telescope: str) -> int:
    """Send what was withdrawn from a telescope that is admitted again; gives how many packets that are."""
    withdrawn = (_TABLE.c.state == OutgoingState.EXPIRED) & (_TABLE.c.problem == WITHDRAWN) & _of(telescope)
    return tx.connection.execute(
        sa.update(_TABLE)
        .where(withdrawn)
        .values(state=OutgoingState.PENDING.value, problem="", due=tx.now, changed=tx.now)
    ).rowcount


def _of(telescope: str) -> sa.ColumnElement[bool]:
    """Rows on their way to a telescope or to its topic."""
    return ((_TABLE.c.way == "topic") & (_TABLE.c.name == topic_of(telescope))) | (
        (_TABLE.c.way == "user") & (_TABLE.c.name == telescope)
    )
