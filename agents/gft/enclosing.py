"""Putting the enclosures of a campaign beside its records, from what its journal says it did."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from pathlib import Path

from agents.gft.bench import Bench
from agents.gft.record import Record
from agents.gft.reduction.errors import ReductionError
from followup.campaign import What
from followup.errors import FollowupError
from messaging.records import Entry
from voevent.packet import SkyPosition

log = logging.getLogger(__name__)


async def enclose(bench: Bench, record: Record, folder: Path) -> None:
    """Write a campaign's enclosures, if this telescope keeps any; its closing does not depend on them."""
    if bench.enclosures is None:
        return
    entries = await bench.journal.read(lambda reader: reader.entries(str(record.name)))
    trigger = record.trigger
    since = min((entry.time for entry in entries), default=bench.sky.now())
    write = partial(
        bench.enclosures.write,
        folder,
        site=bench.site,
        instrument=bench.instrument,
        masters=bench.masters,
        catalogue=bench.catalogue,
        pointings=_pointings(entries, trigger.position if trigger else None),
        since=since,
        until=bench.sky.now(),
    )
    try:
        await bench.disk.outlast(lambda: asyncio.to_thread(write))
    except (FollowupError, ReductionError, OSError, ValueError):
        log.exception("%s cannot be replayed: its enclosures are missing", record.name)


def _pointings(entries: list[Entry], last: SkyPosition | None) -> list[SkyPosition]:
    """Where the telescope was sent, each place once; the burst's position when it was sent nowhere."""
    told = dict.fromkeys(entry.data["target"] for entry in entries if entry.what == What.SLEWING)
    places = [
        SkyPosition(ra_deg=float(ra), dec_deg=float(dec)) for ra, dec in (where.split() for where in told)
    ]
    return places or ([last] if last is not None else [])
