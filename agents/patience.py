"""Waiting for what only a person or another machine can mend: a full disk, a database that is away."""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from followup.clock import Clock
from followup.errors import FollowupError

T = TypeVar("T")

log = logging.getLogger(__name__)

_SILENT_S = 30.0
_REMIND_S = 600.0


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


def no_room(error: Exception) -> bool:
    """Whether the disk cannot take anything now: full, over quota, or gone read-only."""
    # astropy looks for room by itself, and says in words only that there is none.
    return isinstance(error, OSError) and (error.errno in _NO_ROOM or "Not enough space" in str(error))


class Patience:
    """Tries again until it works; says so once, not at every try, and when it goes on.

    Several things may be waited for at a time, as the writers of one disk.

    Parameters
    ----------
    what
        What is waited for, as people call it, e.g. ``the archive``.
    passes
        Whether waiting for the end of such an error makes sense. Others come out at once.
    first_s, longest_s
        Pauses between tries: each twice as long as the one before.
    """

    def __init__(
        self,
        what: str,
        wall: Clock,
        *,
        passes: Callable[[Exception], bool],
        first_s: float = 0.5,
        longest_s: float = 4.0,
    ) -> None:
        self.what = what
        self._troubles: dict[object, str] = {}
        self._wall = wall
        self._passes = passes
        self._first_s = first_s
        self._longest_s = longest_s
        self._since = 0.0
        self._said = 0.0

    @property
    def trouble(self) -> str:
        """Why it is waited right now; empty when it is not."""
        return next(reversed(self._troubles.values()), "")

    async def outlast(self, work: Callable[[], Awaitable[T]], *, at_most_s: float = math.inf) -> T:
        """Do something, as often as it takes; return what it gives.

        Parameters
        ----------
        at_most_s
            After so long the error comes out all the same.
        """
        pause_s, began, who = self._first_s, time.monotonic(), object()
        try:
            while True:
                doing = asyncio.ensure_future(work())
                try:
                    result = await self._answer(who, doing)
                except Exception as error:
                    if not self._passes(error) or time.monotonic() - began > at_most_s:
                        raise
                    known = isinstance(error, FollowupError | OSError)
                    hint = error.hint if isinstance(error, FollowupError) else ""
                    self._waits(who, f"{error}" + (f" ({hint})" if hint else ""), None if known else error)
                else:
                    self._goes_on(who)
                    return result
                await self._wall.sleep(pause_s)
                pause_s = min(2.0 * pause_s, self._longest_s)
        finally:
            self._troubles.pop(who, None)

    async def _answer(self, who: object, doing: asyncio.Future[T]) -> T:
        """Wait for an answer; say so when it does not come."""
        try:
            done, _ = await asyncio.wait({doing}, timeout=_SILENT_S)
            if not done:
                self._waits(who, f"it has not answered for {_SILENT_S:.0f} s")
            return await doing
        except asyncio.CancelledError:
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
            raise

    def _waits(self, who: object, why: str, fault: Exception | None = None) -> None:
        now = time.monotonic()
        if not self._troubles:
            self._since = now
        if why not in self._troubles.values() or now - self._said > _REMIND_S:
            facts = {"event": "agent.waits", "what": self.what}
            log.error("waiting for %s: %s", self.what, why, exc_info=fault, extra=facts)
            self._said = now
        self._troubles[who] = why

    def _goes_on(self, who: object) -> None:
        if self._troubles.pop(who, "") and not self._troubles:
            waited_s = time.monotonic() - self._since
            log.warning(
                "%s can be used again, after %.0f s",
                self.what,
                waited_s,
                extra={"event": "agent.goes-on", "what": self.what, "waited_s": waited_s},
            )
