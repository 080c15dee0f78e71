"""How long a telescope keeps its own copies: always until they are archived, then for a time.

A campaign's folder goes when every packet of the campaign has its final receipt, every dataset is archived
by the science centre, and its time is over; sooner when the disk gets full, the oldest first. A campaign
with a dataset that was given up stays until a person removes it.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from followup.campaign import CampaignState, What, fold
from followup.clock import Clock
from messaging.errors import JournalError
from messaging.journal import Journal
from messaging.reader import Reader

log = logging.getLogger(__name__)

_TIDY_S = 3600.0
_REMOVED = ".removed-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """How long to keep what is archived.

    Attributes
    ----------
    keep
        From the campaign's closing on; None for as long as there is room.
    free_bytes
        With less than this free, the oldest go sooner.
    at_least
        But none before this.
    """

    keep: timedelta | None
    free_bytes: int
    at_least: timedelta = timedelta(days=1)


class Keeping:
    """Removes the folders of campaigns that are over.

    Parameters
    ----------
    folder
        Where the campaigns' folders are.
    """

    def __init__(self, journal: Journal, folder: Path, terms: Terms, *, wall: Clock) -> None:
        self.journal = journal
        self.folder = folder
        self.terms = terms
        self.wall = wall

    async def run(self) -> None:
        """Tidy now and then, for ever."""
        while True:
            try:
                await self.tidy()
            except (OSError, JournalError) as error:
                log.warning("%s cannot be tidied now: %s", self.folder, error)
            await self.wall.sleep(_TIDY_S)

    async def tidy(self) -> None:
        """Remove what may go.

        Raises
        ------
        OSError
            When something cannot be removed.
        """
        over = await self.journal.read(partial(_over, folder=self.folder))
        await asyncio.to_thread(self._remove, over)

    def _remove(self, over: Mapping[str, datetime]) -> None:
        for half_removed in self.folder.glob(f"{_REMOVED}*"):
            shutil.rmtree(half_removed)
        now, terms = self.wall.now(), self.terms
        for name, closed in sorted(over.items(), key=lambda item: item[1]):
            age = now - closed
            free = shutil.disk_usage(self.folder).free
            if terms.keep is not None and age > terms.keep:
                why = f"closed {age.days} days ago"
            elif free < terms.free_bytes and age > terms.at_least:
                why = f"only {free / 1e9:.1f} GB are free on this disk"
            else:
                continue
            # Under another name first: half a folder must not pass for the campaign's.
            doomed = (self.folder / name).rename(self.folder / f"{_REMOVED}{name}")
            shutil.rmtree(doomed)
            log.info("removed the data of %s: %s, and the science centre has archived them", name, why)


def _over(reader: Reader, *, folder: Path) -> dict[str, datetime]:
    """Campaigns with a folder that are closed and wholly archived, with the wall time of their closing."""
    closed = {entry.campaign: entry.committed for entry in reader.entries_of([What.CLOSED])}
    here = {name: time for name, time in closed.items() if (folder / name).is_dir()}
    return {name: time for name, time in here.items() if _archived(fold(reader.entries(name)))}


def _archived(state: CampaignState) -> bool:
    return not state.abandoned and state.attempts.keys() <= state.archived
