"""Where the focuser goes back to from a run that did not come to its end, as the journal has it."""

from __future__ import annotations

import logging

from agents.gft.bench import Bench
from messaging.errors import JournalError

log = logging.getLogger(__name__)

FOCUSING = "focusing"
"""Entry of the telescope's own journal: a run is about to move the focuser, which stands at `start`."""
FOCUSED = "focused"
"""Entry of the telescope's own journal: what a run came to."""
FOCUS_BACK = "focus-back"
"""Entry of the telescope's own journal: after a run without an end the focuser stands where it was."""


class WayBack:
    """The way back of one telescope's focuser.

    Attributes
    ----------
    start
        Where it stood before the run that is under way, or did not come to its end; None for no such run.
    """

    def __init__(self, bench: Bench) -> None:
        self.start: int | None = None
        self._bench = bench

    async def read(self) -> int | None:
        """Give `start`, as an earlier process of the agent left it."""
        name = self._bench.name
        for entry in await self._bench.journal.read(lambda reader: reader.entries(name)):
            if entry.what == FOCUSING:
                self.start = int(entry.data["start"])
            elif entry.what in {FOCUSED, FOCUS_BACK}:
                self.start = None
        return self.start

    async def leaves(self, start: int) -> None:
        """Commit where it stands: before it moves."""
        await self._note(FOCUSING, start)
        self.start = start

    async def is_back(self, start: int) -> None:
        """Commit that it is back; a journal that cannot be written does not keep a burst waiting."""
        self.start = None
        try:
            await self._note(FOCUS_BACK, start)
        except JournalError as error:
            log.warning("the focuser is back at %d, which the journal does not have: %s", start, error)

    async def _note(self, what: str, start: int) -> None:
        bench, now = self._bench, self._bench.sky.now()
        await bench.journal.write(lambda tx: tx.note(bench.name, what, {"start": start}, time=now))
