"""The one thread that writes a journal: works that wait together share a commit."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from messaging.errors import JournalError
from messaging.store import Result, Store, Work

Done = Callable[[Result], None]
"""Called in the writer's thread once the work is durable, or has failed."""

_MAX_TOGETHER = 256


class Writer:
    """Commits works in the order in which they were given.

    While one commit waits for the disk, further works gather and share the next: each still returns
    only when it is durable, but the disk is asked once for all of them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[tuple[Work, Done] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"journal {store.path.name}", daemon=True)
        self._thread.start()

    def submit(self, work: Work, done: Done) -> None:
        """Have a work committed.

        Raises
        ------
        JournalError
            When the writer is closed.
        """
        with self._lock:
            if self._closed:
                raise JournalError(f"journal {self._store.path} is closed")
            self._queue.put((work, done))

    def close(self) -> None:
        """Commit what was given so far, then end."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            ended = False
            while len(batch) < _MAX_TOGETHER:
                try:
                    further = self._queue.get_nowait()
                except queue.Empty:
                    break
                if further is None:
                    ended = True
                    break
                batch.append(further)
            self._commit(batch)
            if ended:
                return

    def _commit(self, batch: list[tuple[Work, Done]]) -> None:
        try:
            results = self._store.transact([work for work, _ in batch])
        except Exception as error:  # noqa: BLE001 - each of the callers gets it; the thread must live on
            results = [(None, error) for _ in batch]
        for (_, done), result in zip(batch, results, strict=True):
            done(result)
