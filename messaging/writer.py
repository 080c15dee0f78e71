"""The one thread that writes a journal: works that wait together share a commit."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Sequence
from typing import Any

from messaging.errors import JournalError
from messaging.store import Result, Store, Work

Waiting = asyncio.Future[Any]
"""Has the result once the work is durable, or has failed."""

_MAX_TOGETHER = 256


class Writer:
    """Commits works in the order in which they were given.

    While one commit waits for the disk, further works gather and share the next, and so do those given in
    one turn of the event loop: each still returns only when it is durable, but the disk is asked once for all
    of them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[list[tuple[Work, Waiting]] | None] = queue.SimpleQueue()
        self._gathered: list[tuple[Work, Waiting]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"journal {store.path.name}", daemon=True)
        self._thread.start()

    def submit(self, work: Work) -> Waiting:
        """Have a work committed; to be called from an event loop, as `close` is.

        Raises
        ------
        JournalError
            When the writer is closed.
        """
        if self._closed:
            raise JournalError(f"journal {self._store.path} is closed")
        loop = asyncio.get_running_loop()
        waiting = loop.create_future()
        self._gathered.append((work, waiting))
        if len(self._gathered) == 1:
            loop.call_soon(self._hand_over)
        return waiting

    def close(self) -> None:
        """Commit what was given so far, then end."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._queue.put(None)
        self._thread.join()

    def _hand_over(self) -> None:
        if self._gathered:
            self._queue.put(self._gathered)
            self._gathered = []

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = first
            ended = False
            while len(batch) < _MAX_TOGETHER:
                try:
                    further = self._queue.get_nowait()
                except queue.Empty:
                    break
                if further is None:
                    ended = True
                    break
                batch += further
            self._commit(batch)
            if ended:
                return

    def _commit(self, batch: list[tuple[Work, Waiting]]) -> None:
        try:
            results = self._store.transact([work for work, _ in batch])
        except Exception as error:  # noqa: BLE001 - each of the callers gets it; the thread must live on
            results = [(None, error) for _ in batch]
        answers: dict[asyncio.AbstractEventLoop, list[tuple[Waiting, Result]]] = {}
        for (_, waiting), result in zip(batch, results, strict=True):
            answers.setdefault(waiting.get_loop(), []).append((waiting, result))
        for loop, answered in answers.items():
            # Closed meanwhile: nobody waits there any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_resolve, answered)


def _resolve(answered: Sequence[tuple[Waiting, Result]]) -> None:
    for waiting, (value, error) in answered:
        if waiting.done():
            continue
        if error is None:
            waiting.set_result(value)
        else:
            waiting.set_exception(error)
