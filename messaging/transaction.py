"""Writing into a journal: what agents do inside one commit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from messaging import tables
from messaging.errors import IdentityTakenError, JournalError, PacketTooLargeError
from messaging.prepared import Prepared
from messaging.reader import Reader
from messaging.records import Destination, OutgoingState, StoredPacket, ToUser
from voevent.identity import NO_CAMPAIGN, author_of
from voevent.kinds import Receipt
from voevent.packet import Packet, PacketId, Role

_NUMBER = insert(tables.sequences).values(campaign=sa.bindparam("campaign"), last=1)
_NEXT = Prepared(
    _NUMBER.on_conflict_do_update(
        index_elements=["campaign"], set_={"last": tables.sequences.c.last + 1}
    ).returning(tables.sequences.c.last)
)
_STORE = Prepared(
    insert(tables.packets).on_conflict_do_nothing(index_elements=["ivorn"]).returning(tables.packets.c.id),
    *tables.packets.c.keys()[1:],
)
_OWN_ROW = Prepared(
    sa.select(tables.packets.c.id).where(
        tables.packets.c.ivorn == sa.bindparam("ivorn"), tables.packets.c.sha256 == sa.bindparam("sha256")
    )
)
_RECEIPT = Prepared(sa.insert(tables.receipts), *tables.receipts.c.keys())
_ROUTE = insert(tables.outgoing)
_DISPATCH = Prepared(
    _ROUTE.on_conflict_do_update(
        index_elements=["packet", "way", "name"],
        set_={name: _ROUTE.excluded[name] for name in ("state", "due", "changed")},
        where=tables.outgoing.c.state == OutgoingState.SENT,
    ),
    *("packet", "way", "name", "body", "acknowledged", "state", "interim", "attempts"),
    *("committed", "deadline_s", "deadline", "due", "problem", "changed"),
)
_NOTE = Prepared(sa.insert(tables.entries).returning(tables.entries.c.id), *tables.entries.c.keys()[1:])


def address(destination: Destination) -> dict[str, str]:
    """Give the two columns that a destination is."""
    if isinstance(destination, ToUser):
        return {"way": "user", "name": destination.user}
    return {"way": "topic", "name": destination.topic}


class Transaction(Reader):
    """Everything done through one of these is committed together, or not at all."""

    def __init__(self, connection: sa.Connection, *, now: datetime, max_packet_bytes: int) -> None:
        super().__init__(connection)
        self.now = now
        self._max_packet_bytes = max_packet_bytes

    def next_sequence(self, campaign: str) -> int:
        """Allocate the next number among this site's own packets of the campaign, from 1."""
        number: int | None = _NEXT.value(self.driver, {"campaign": campaign})
        if number is None:
            raise JournalError(f"no sequence number was given for {campaign}")
        return number

    def note(self, campaign: str, what: str, data: Mapping[str, Any], *, time: datetime) -> int:
        """Append an entry (JSON data) to the agent's own record of a campaign; gives its row."""
        row: int | None = _NOTE.value(
            self.driver,
            {"campaign": campaign, "what": what, "data": dict(data), "time": time, "committed": self.now},
        )
        if row is None:
            raise JournalError(f"the entry {what} of {campaign} was not taken")
        return row

    def enqueue(
        self,
        packet: Packet,
        *,
        to: Destination,
        body: str,
        deadline_s: float | None,
        acknowledged: bool = True,
    ) -> None:
        """Have the courier deliver a packet, exactly these bytes.

        The same packet to the same destination again changes nothing; if it is one that nobody
        acknowledges (a receipt), it is sent once more.

        Parameters
        ----------
        packet
            Written here, or received and to be passed on.
        body
            One line that chat clients show.
        deadline_s
            How long it is worth delivering, from this commit on; None for always.
        acknowledged
            Whether it is sent again until a final receipt comes. Otherwise until the server took it.

        Raises
        ------
        PacketTooLargeError
            When it is larger than the journal's limit.
        IdentityTakenError
            When another packet with other bytes already has its IVORN.
        """
        own: int | None = _OWN_ROW.value(self.driver, {"ivorn": packet.ivorn, "sha256": packet.sha256})
        if own is None:
            own = self.store(packet, sender="", considered=True).row
        self.dispatch(own, to=to, body=body, deadline_s=deadline_s, acknowledged=acknowledged)

    def dispatch(
        self, row: int, *, to: Destination, body: str, deadline_s: float | None, acknowledged: bool
    ) -> None:
        """Do as `enqueue` does, for the packet that the journal holds in that row."""
        deadline = None if deadline_s is None else self.now + timedelta(seconds=deadline_s)
        _DISPATCH.run(
            self.driver,
            address(to)
            | {
                "packet": row,
                "body": body,
                "acknowledged": acknowledged,
                "state": OutgoingState.PENDING.value,
                "interim": False,
                "attempts": 0,
                "problem": "",
                "committed": self.now,
                "changed": self.now,
                "due": self.now,
                "deadline_s": deadline_s,
                "deadline": deadline,
            },
        )

    def revive(self, packet: PacketId) -> int:
        """Send an expired packet again, its deadline counted from now; gives to how many destinations."""
        table = tables.outgoing
        stored = self.stored(packet)
        if stored is None:
            return 0
        expired = self.connection.execute(
            sa.select(table.c.id, table.c.deadline_s).where(
                table.c.packet == stored.row, table.c.state == OutgoingState.EXPIRED
            )
        ).all()
        for row in expired:
            self.connection.execute(
                sa.update(table)
                .where(table.c.id == row.id)
                .values(
                    state=OutgoingState.PENDING,
                    due=self.now,
                    changed=self.now,
                    deadline=None if row.deadline_s is None else self.now + timedelta(seconds=row.deadline_s),
                )
            )
        return len(expired)

    def repeat(self, packet: PacketId, *, to: Destination) -> None:
        """Send a held packet that nobody acknowledges once more, or to one more destination."""
        stored = self.stored(packet)
        if stored is None:
            return
        body = next((row.body for row in self.outgoing(packet=packet)), "")
        self.dispatch(stored.row, to=to, body=body, deadline_s=None, acknowledged=False)

    def store(self, packet: Packet, *, sender: str, considered: bool) -> StoredPacket:
        """Take a packet in, and give it as it is held from now on.

        Parameters
        ----------
        sender
            The site user that handed it over; empty when it was written here.
        considered
            Whether the site's service need not deal with it.

        Raises
        ------
        PacketTooLargeError
            When it is larger than the journal's limit.
        IdentityTakenError
            When the journal holds a packet of this IVORN.
        """
        size = len(packet.raw)
        if size > self._max_packet_bytes:
            raise PacketTooLargeError(
                f"packet {packet.ivorn} has {size} bytes, more than the limit of {self._max_packet_bytes}",
                hint="say less in one packet: upload the data and cite it",
            )
        held: dict[str, Any] = {
            "raw": packet.raw,
            "kind": packet.param("kind") or "",
            "author": author_of(packet.ivorn),
            "campaign": packet.param("campaign") or NO_CAMPAIGN,
            "received": bool(sender),
            "sender": sender,
            "committed": self.now,
            "considered": considered,
            "drill": packet.role is Role.TEST,
        }
        row: int | None = _STORE.value(self.driver, {"ivorn": packet.ivorn, "sha256": packet.sha256, **held})
        if row is None:
            raise IdentityTakenError(
                f"{packet.id} cannot be taken in: the journal holds {self.held(packet.ivorn)}"
            )
        return StoredPacket(row=row, id=packet.id, **held)

    def store_receipt(
        self, packet: Packet, receipt: Receipt, *, sender: str, considered: bool
    ) -> StoredPacket:
        """Take a receipt in as `store` does, with what it says about the packet it cites."""
        stored = self.store(packet, sender=sender, considered=considered)
        _RECEIPT.run(
            self.driver,
            {
                "packet": stored.row,
                "cited_ivorn": receipt.cited.ivorn,
                "cited_sha256": receipt.cited.sha256,
                "outcome": receipt.outcome.value,
                "reason": receipt.reason,
                "details": dict(receipt.details),
            },
        )
        return stored
