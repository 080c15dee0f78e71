"""Which datasets the relay has kept long enough: a fold over what its journal says of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from agents.ftp_relay.holdings import Holdings
from followup.clock import Clock
from followup.names import CampaignName
from messaging.errors import JournalError
from messaging.journal import Journal
from messaging.reader import Reader
from messaging.records import Entry
from messaging.transaction import Transaction
from transfer.errors import TransferError

log = logging.getLogger(__name__)

_TIDY_S = 3600.0


class Fate(StrEnum):
    """What an entry of the relay's journal says of a dataset."""

    ANNOUNCED = "dataset-announced"
    """Its telescope uploads it, for the first time or again."""
    ARCHIVED = "dataset-archived"
    """The science centre has it."""
    REFUSED = "dataset-refused"
    """The science centre could not verify it; the telescope sends it again, or has given it up."""
    REMOVED = "dataset-removed"
    """It is no longer in the store."""


class Tidying:
    """Removes from the store what is no longer wanted there.

    Parameters
    ----------
    keep
        How long a dataset is kept after the science centre's final receipt.
    keep_parts
        How long the part of a file that a cut upload left is kept.
    """

    def __init__(
        self,
        journal: Journal,
        holdings: Holdings,
        *,
        keep: timedelta,
        keep_parts: timedelta,
        sky: Clock,
        wall: Clock,
    ) -> None:
        self.journal = journal
        self.holdings = holdings
        self.keep = keep
        self.keep_parts = keep_parts
        self.sky = sky
        self.wall = wall

    async def run(self) -> None:
        """Tidy now and then, for ever; what cannot be done now is done another time."""
        while True:
            try:
                await self.tidy()
            except (OSError, TransferError, JournalError) as error:
                log.warning("the store cannot be tidied now: %s", error)
            except Exception:
                log.exception("the store could not be tidied")
            await self.wall.sleep(_TIDY_S)

    async def tidy(self) -> None:
        """Remove what has been kept long enough.

        Raises
        ------
        OSError, TransferError
            When something could not be removed; what came before it has been.
        """
        now = self.wall.now()
        parts = await asyncio.to_thread(partial(self.holdings.remove_parts, before=now - self.keep_parts))
        if parts:
            log.info("removed %d parts of uploads that nobody went on with, first %s", len(parts), parts[0])
        entries = await self.journal.read(partial(Reader.entries_of, whats=[*Fate]))
        for campaign, dataset in due(entries, now - self.keep):
            await asyncio.to_thread(self.holdings.remove_dataset, CampaignName.parse(campaign), dataset)
            await self.journal.write(
                partial(note, Fate.REMOVED, campaign=campaign, dataset=dataset, time=self.sky.now())
            )
            log.info("removed %s of %s: kept long enough", dataset, campaign)


def note(fate: Fate, transaction: Transaction, *, campaign: str, dataset: str, time: datetime) -> None:
    """Commit what became of a dataset."""
    transaction.note(campaign, fate, {"dataset": dataset}, time=time)


def due(entries: Iterable[Entry], before: datetime) -> list[tuple[str, str]]:
    """Datasets (campaign, name) that the last word was said about before that time (wall clock)."""
    answered: dict[tuple[str, str], datetime] = {}
    for entry in entries:
        key = (entry.campaign, str(entry.data.get("dataset")))
        if entry.what in {Fate.ARCHIVED, Fate.REFUSED}:
            answered[key] = entry.committed
        else:
            answered.pop(key, None)
    return [key for key, time in answered.items() if time < before]
