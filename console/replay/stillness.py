"""When nobody works: no thread computes, nothing is being committed, nothing said waits for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from messaging.journal import Journal
from messaging.reader import Reader
from messaging.records import OutgoingState
from messaging.store import Store
from messaging.transaction import Transaction

T = TypeVar("T")

_ROUNDS = 60
"""So many rounds of the loop in which nothing begins: a chain of tasks that wake each other is shorter."""
_LOOK_S = 0.001


class CountingLoop(asyncio.SelectorEventLoop):
    """An event loop that knows how much it has given to threads.

    Attributes
    ----------
    working
        Calls in threads whose result has not been taken yet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.working = 0
        self._resting: list[asyncio.Future[None]] = []

    async def rest(self) -> None:
        """Return when no thread works."""
        if self.working:
            resting = self.create_future()
            self._resting.append(resting)
            await resting

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]  # the stub's type variables cannot be spelt here
        """Run something in a thread, and count it until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self.working += 1
        future.add_done_callback(self._worked)
        return future

    def _worked(self, _future: object) -> None:
        self.working -= 1
        if not self.working:
            resting, self._resting = self._resting, []
            for each in resting:
                if not each.done():
                    each.set_result(None)


class CountedJournal(Journal):
    """A journal that knows whether something is being written, and how often something was.

    Attributes
    ----------
    writing, written
        Transactions under way; and all that were begun.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.writing = 0
        self.written = 0

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Do `work` in a transaction, and count it."""
        self.writing += 1
        self.written += 1
        try:
            return await super().write(work)
        finally:
            self.writing -= 1


class Stillness:
    """Waits until nobody works.

    Parameters
    ----------
    journal
        The journal of the party under test.
    others_busy
        Whether the played parties wait for an answer, or are about to give one.
    """

    def __init__(self, loop: CountingLoop, journal: CountedJournal, others_busy: Callable[[], bool]) -> None:
        self._loop = loop
        self._journal = journal
        self._others_busy = others_busy
        self._seen = -1

    async def reached(self, *, unanswered: Callable[[str], bool]) -> None:
        """Return when nobody works.

        Parameters
        ----------
        unanswered
            Whether the packet of that digest is to be waited for: False for those that the played parties
            will answer at a later time of the sky's clock, or never.
        """
        while True:
            if self._busy():
                await (self._loop.rest() if self._loop.working else asyncio.sleep(_LOOK_S))
                continue
            for _ in range(_ROUNDS):
                await asyncio.sleep(0)
                if self._busy():
                    break
            else:
                if await self._nothing_unsaid(unanswered):
                    return
                await asyncio.sleep(_LOOK_S)

    def _busy(self) -> bool:
        return bool(self._loop.working or self._journal.writing or self._others_busy())

    async def _nothing_unsaid(self, unanswered: Callable[[str], bool]) -> bool:
        if self._journal.written == self._seen:
            return True
        written = self._journal.written

        def pending(reader: Reader) -> list[str]:
            # Receipts are sent until the server has them; everything else until it is answered.
            return [row.id.sha256 for row in reader.outgoing(states=[OutgoingState.PENDING])]

        waiting = [sha256 for sha256 in await self._journal.read(pending) if unanswered(sha256)]
        if waiting or self._journal.written != written:
            return False
        self._seen = written
        return True
