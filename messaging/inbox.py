"""What the courier does with arrived packets in the journal."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from messaging import tables
from messaging.prepared import Prepared
from messaging.reader import Reader, stored_packet
from messaging.records import StoredPacket
from messaging.session import Arrival
from messaging.transaction import Transaction

MAX_QUARANTINED = 1000
"""Number of things kept in quarantine; the oldest go first."""

MAX_QUARANTINED_BYTES = 16 * 1024 * 1024
"""Their summed size."""


_CONSIDERED = Prepared(
    sa.update(tables.packets)
    .where(tables.packets.c.id == sa.bindparam("row"), sa.not_(tables.packets.c.considered))
    .values(considered=True)
)


def unconsidered(reader: Reader) -> list[StoredPacket]:
    """Received packets that the site's service has not dealt with, in order of commit."""
    table = tables.packets
    rows = reader.connection.execute(sa.select(table).where(sa.not_(table.c.considered)).order_by(table.c.id))
    return [stored_packet(row) for row in rows]


def mark_considered(tx: Transaction, row: int) -> bool:
    """Record that the service has dealt with a packet; False when that was recorded before."""
    return _CONSIDERED.run(tx.driver, {"row": row}) > 0


def quarantine(tx: Transaction, arrival: Arrival, *, ivorn: str, reason: str) -> bool:
    """Keep something that was not believed for inspection, and let go of the oldest beyond the bounds.

    A topic's history is fetched at each login: what of it is here already is not kept, nor counted, again;
    then this gives False.
    """
    table = tables.quarantine
    sha256 = hashlib.sha256(arrival.raw).hexdigest()
    if arrival.replayed and tx.connection.scalar(
        sa.select(table.c.id).where(table.c.sha256 == sha256, table.c.topic == arrival.topic).limit(1)
    ):
        return False
    row: int = tx.connection.execute(
        sa.insert(table)
        .values(
            raw=arrival.raw,
            ivorn=ivorn,
            sha256=sha256,
            sender=arrival.sender,
            topic=arrival.topic,
            publisher=arrival.publisher,
            reason=reason,
            time=tx.now,
        )
        .returning(table.c.id)
    ).scalar_one()
    # Rows are numbered without gaps, and the oldest go first: no need to count them.
    tx.connection.execute(sa.delete(table).where(table.c.id <= row - MAX_QUARANTINED))
    size = sa.func.length(table.c.raw)
    if tx.connection.scalar(sa.select(sa.func.sum(size))) > MAX_QUARANTINED_BYTES:
        summed = sa.select(table.c.id, sa.func.sum(size).over(order_by=table.c.id.desc()).label("summed"))
        places = summed.subquery()
        too_much = sa.select(places.c.id).where(places.c.summed > MAX_QUARANTINED_BYTES)
        tx.connection.execute(sa.delete(table).where(table.c.id.in_(too_much)))
    return True
