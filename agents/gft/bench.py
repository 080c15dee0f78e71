"""What the campaigns of one telescope's agent work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from agents.gft.enclosures import Enclosures
from agents.gft.gate import Gate
from agents.gft.observatory import Observatory
from agents.gft.planning import Planner
from agents.gft.reduction.calibration import Masters
from agents.gft.reduction.port import Reduction, on_site
from agents.patience import Patience, no_room
from followup.catalogue import ReferenceCatalogue
from followup.clock import Clock
from followup.limits import Limits
from followup.site import Instrument, Site
from followup.story import Runner
from messaging.author import Author
from messaging.errors import JournalUnavailableError
from messaging.journal import Journal
from transfer.client import SftpStore
from transfer.settings import SftpSettings

T = TypeVar("T")


@dataclass(kw_only=True)
class Bench:
    """Everything shared between the campaigns of a telescope.

    Attributes
    ----------
    folder
        Where frames and products are kept, one folder a campaign.
    simulated
        Whether anything about this telescope is simulated: then all it says is a drill.
    log_file
        The agent's log (JSON lines), a part of what is uploaded at the end.
    sky, wall
        The telescope's clock and the machine's.
    acquisition_s
        Exposure that tells where the telescope looks after each slew; 0 for none: the mount is believed.
    reduction
        Makes the reduction of a campaign.
    pictures
        Whether light curves and finding charts are drawn.
    enclosures
        What goes with the records of a campaign so that it can be replayed; None for nothing.
    limits
        What is safe here.
    run
        Folder of what tells other processes of this site how it stands; None for nobody to tell.
    watchdog
        Tells who watches over the agent; empty for nobody, None when nobody could.
    disk
        Waits out a full disk.
    wake
        Has the courier send what was just put into the outbox.
    """

    name: str
    site: Site
    instrument: Instrument
    planner: Planner
    observatory: Observatory
    catalogue: ReferenceCatalogue
    masters: Masters
    journal: Journal
    author: Author
    sftp: SftpSettings
    runner: Runner
    folder: Path
    log_file: Path | None
    simulated: bool
    sky: Clock
    wall: Clock
    acquisition_s: float = 0.0
    reduction: Callable[..., Reduction] = on_site
    pictures: bool = True
    enclosures: Enclosures | None = None
    limits: Limits = field(default_factory=Limits)
    run: Path | None = None
    watchdog: Callable[[], str | None] = lambda: None
    wake: Callable[[], None] = lambda: None
    reducing: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="reduction")
    )
    moving: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="sftp")
    )
    disk: Patience = field(init=False)
    _store: SftpStore | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.disk = Patience(
            "the disk",
            self.wall,
            passes=lambda error: isinstance(error, JournalUnavailableError) or no_room(error),
        )

    @property
    def gate(self) -> Gate:
        """What keeps the telescope from observing."""
        return self.observatory.gate

    def store(self) -> SftpStore:
        """Return the connection to the relay's store, kept from one transfer to the next (blocking)."""
        if self._store is None:
            self._store = SftpStore(self.sftp)
        return self._store

    async def reduce(self, work: Callable[[], T]) -> T:
        """Run image processing in its own thread, in order."""
        return await asyncio.get_running_loop().run_in_executor(self.reducing, work)

    async def move(self, work: Callable[[], T]) -> T:
        """Run a transfer in its own thread, in order."""
        return await asyncio.get_running_loop().run_in_executor(self.moving, work)

    def close(self) -> None:
        """Release the threads and the connection."""
        self.reducing.shutdown(wait=True, cancel_futures=True)
        self.moving.shutdown(wait=True, cancel_futures=True)
        if self._store is not None:
            self._store.close()
