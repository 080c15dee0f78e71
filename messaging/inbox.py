"""What the courier does with arrived packets in the journal."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from messaging import tables
from messaging.reader import Reader, stored_packet
from messaging.records import StoredPacket
from messaging.session import Arrival
from messaging.transaction import Transaction

MAX_QUARANTINED = 1000
"""Number of things kept in quarantine; the oldest go first."""

MAX_QUARANTINED_BYTES = 16 * 1024 * 1024
"""Their summed size."""


_IS_CONSIDERED = sa.select(tables.packets.c.considered).where(tables.packets.c.id == sa.bindparam("row"))
_CONSIDERED = (
    sa.update(tables.packets).where(tables.packets.c.id == sa.bindparam("row")).values(considered=True)
)


def is_considered(tx: Transaction, row: int) -> bool:
    """Whether the site's service has dealt with a packet."""
    return bool(tx.connection.scalar(_IS_CONSIDERED, {"row": row}))


def unconsidered(reader: Reader) -> list[StoredPacket]:
    """Received packets that the site's service has not dealt with, in order of commit."""
    table = tables.packets
    rows = reader.connection.execute(sa.select(table).where(sa.not_(table.c.considered)).order_by(table.c.id))
    return [stored_packet(row) for row in rows]


def mark_considered(tx: Transaction, row: int) -> None:
    """Record that the service has dealt with a packet."""
    tx.connection.execute(_CONSIDERED, {"row": row})


def quarantine(tx: Transaction, arrival: Arrival, *, ivorn: str, reason: str) -> None:
    """Keep something that was not believed for inspection, and let go of the oldest beyond the bounds."""
    table = tables.quarantine
    tx.connection.execute(
        sa.insert(table).values(
            raw=arrival.raw,
            ivorn=ivorn,
            sha256=hashlib.sha256(arrival.raw).hexdigest(),
            sender=arrival.sender,
            topic=arrival.topic,
            publisher=arrival.publisher,
            reason=reason,
            time=tx.now,
        )
    )
    newest_first = sa.select(
        table.c.id,
        sa.func.row_number().over(order_by=table.c.id.desc()).label("place"),
        sa.func.sum(sa.func.length(table.c.raw)).over(order_by=table.c.id.desc()).label("summed"),
    ).subquery()
    tx.connection.execute(
        sa.delete(table).where(
            table.c.id.in_(
                sa.select(newest_first.c.id).where(
                    (newest_first.c.place > MAX_QUARANTINED) | (newest_first.c.summed > MAX_QUARANTINED_BYTES)
                )
            )
        )
    )
