"""A site's journal: the durable record that every promise rests on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from followup.clock import Clock
from messaging.reader import Reader
from messaging.store import Store
from messaging.transaction import Transaction
from messaging.writer import Writer
from voevent.packet import MAX_PACKET_BYTES

T = TypeVar("T")

_READERS = 2


class Journal:
    """Packets, receipts and entries of one site, in one SQLite file.

    Writing goes through one thread and returns after the commit is on the disk; reading goes through a
    few others and never waits for a writer.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = Writer(store)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix=f"reader {store.path.name}")

    @classmethod
    def open(cls, path: Path, *, wall: Clock, max_packet_bytes: int = MAX_PACKET_BYTES) -> Journal:
        """Open the journal at `path`; a new one is made where there is none.

        Raises
        ------
        JournalError
            When it cannot be opened (unwritable folder, full disk, not a journal), or another version
            of this program wrote it.
        """
        return cls(Store(path, wall=wall, max_packet_bytes=max_packet_bytes))

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Do `work` in a transaction and return what it gave, once that is durable.

        `work` runs in another thread: it takes its inputs by value and touches nothing else. An
        exception in it undoes all that it did, and comes out here. A caller that is cancelled while it
        waits does not know whether the commit was made.

        Raises
        ------
        JournalError
            When it could not be committed; then nothing of it was.
        """
        written: asyncio.Future[T] = self._writer.submit(work)
        return await written

    async def read(self, query: Callable[[Reader], T]) -> T:
        """Ask `query` of one consistent view of the journal.

        Raises
        ------
        JournalError
            When the file cannot be read.
        """
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._store.query, query)

    def close(self) -> None:
        """Commit what was given to be written, and close the file."""
        self._writer.close()
        self._readers.shutdown()
        self._store.close()
