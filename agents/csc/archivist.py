"""Keeps the archive a faithful copy of what the journal says, packet by packet and in its order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from agents.bell import Bell
from agents.csc.triggering import NOTICE, alert_of
from agents.patience import Patience
from archive.archive import Archive
from archive.errors import UnstorableError
from followup.clock import Clock
from messaging.journal import Journal
from messaging.reader import Reader
from messaging.records import StoredPacket
from voevent.errors import VOEventError
from voevent.packet import PacketId
from voevent.parse import parse

T = TypeVar("T")

log = logging.getLogger(__name__)

_BATCH = 100
_POLL_S = 1.0


class Archivist:
    """Copies packets from the journal into the archive, both ways safe to repeat.

    The archive always holds a prefix of the journal: where to go on is found by looking, not remembered. An
    archive that is away, locked or full is waited for.
    """

    def __init__(self, journal: Journal, archive: Archive, wall: Clock) -> None:
        self.journal = journal
        self.archive = archive
        self.done = Bell()
        self.rejected: dict[PacketId, str] = {}
        self._row = 0
        self._wake = Bell()
        # Everything waits for the archive: whatever went wrong, it is tried again, and said.
        self._patience = Patience("the archive", wall, passes=lambda _: True)

    @property
    def trouble(self) -> str:
        """Why the archive cannot be used now; empty when it can."""
        return self._patience.trouble

    def wake(self) -> None:
        """Say that something was committed."""
        self._wake.ring()

    async def run(self) -> None:
        """Follow the journal for ever."""
        await self._patience.outlast(lambda: asyncio.to_thread(self.archive.migrate))
        self._row = await self._patience.outlast(self._last_archived)
        while True:
            heard = self._wake.listen()
            more = await self._patience.outlast(self._copy_batch)
            self.done.ring()
            if not more:
                # Receipts that we send are committed by the courier, which does not ring.
                await asyncio.wait({heard}, timeout=_POLL_S)

    async def ask(self, question: Callable[[], T]) -> T:
        """Ask the archive something (in a thread); wait until it can answer."""
        return await self._patience.outlast(lambda: asyncio.to_thread(question))

    async def behind(self) -> int:
        """Count the packets of the journal that are not in the archive yet."""
        latest = await self.journal.read(partial(Reader.latest, limit=1))
        return max(0, latest[0].row - self._row) if latest else 0

    async def archived(self, packet: PacketId) -> str:
        """Wait until a packet of the journal is archived; tell why it cannot be (empty when it is)."""
        stored = await self.journal.read(lambda reader: reader.stored(packet))
        row = 0 if stored is None else stored.row
        while True:
            heard = self.done.listen()
            if self._row >= row:
                return self.rejected.get(packet, "")
            self.wake()
            await asyncio.shield(heard)

    async def caught_up(self) -> None:
        """Wait until all that the journal holds by now is archived."""
        for last in await self.journal.read(partial(Reader.latest, limit=1)):
            await self.archived(last.id)

    async def _last_archived(self) -> int:
        """Find the last row of the journal that is in the archive, looking back from the end."""
        before: int | None = None
        while True:
            batch = await self.journal.read(partial(Reader.latest, limit=_BATCH, before=before))
            for packet in batch:
                if await asyncio.to_thread(self.archive.raw, packet.id) is not None:
                    return packet.row
            if len(batch) < _BATCH:
                return 0
            before = batch[-1].row

    async def _copy_batch(self) -> bool:
        """Copy what came after the last row; tell whether there may be more."""

        def look(reader: Reader) -> list[tuple[StoredPacket, str, list[bytes]]]:
            found = []
            for packet in reader.after(self._row, limit=_BATCH):
                peer = packet.sender
                if not packet.received:
                    sent = reader.outgoing(packet=packet.id)
                    peer = sent[0].destination.peer if sent else packet.author
                alerts = []
                if packet.kind == "trigger":
                    alerts = [alert_of(e.data) for e in reader.entries(packet.campaign) if e.what == NOTICE]
                found.append((packet, peer, alerts))
            return found

        batch = await self.journal.read(look)
        for packet, peer, alerts in batch:
            await asyncio.to_thread(self._copy, packet, peer, alerts)
            self._row = packet.row
        return len(batch) == _BATCH

    def _copy(self, packet: StoredPacket, peer: str, alerts: list[bytes]) -> None:
        try:
            for raw in alerts:
                self.archive.ingest(parse(raw), direction="received", peer="alert", time=packet.committed)
            self.archive.ingest(
                parse(packet.raw),
                direction="received" if packet.received else "sent",
                peer=peer,
                time=packet.committed,
            )
        except (VOEventError, UnstorableError) as error:
            # It stays in the journal, and its author is told.
            self.rejected[packet.id] = str(error)
            log.error("%s cannot be archived: %s", packet.id, error)  # noqa: TRY400
