"""What is left of a campaign at each site, looked at from outside: journals, archive, folders. Reads only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from archive.archive import Archive
from archive.records import CampaignRecord, FileRecord, LedgerEntry, Problem
from console.state import State, archive_files, archive_url
from followup.campaign import CampaignState, fold
from followup.names import CampaignName
from messaging.inbox import unconsidered
from messaging.reader import Reader
from messaging.records import Entry, HeldReceipt, Outgoing, OutgoingState, StoredPacket
from voevent.kinds import Kind
from voevent.packet import PacketId

_LEFT = frozenset({OutgoingState.PENDING, OutgoingState.EXPIRED})


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteEvidence:
    """What a site's journal holds of a campaign.

    Attributes
    ----------
    left
        Packets still on their way, or given up.
    waiting
        Received packets that the site has not dealt with.
    """

    entries: tuple[Entry, ...]
    packets: tuple[StoredPacket, ...]
    receipts: dict[PacketId, tuple[HeldReceipt, ...]]
    left: tuple[Outgoing, ...]
    waiting: tuple[StoredPacket, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Everything about one campaign.

    Attributes
    ----------
    raw
        Bytes of each packet in the archive.
    damaged
        Archived files that are not what their manifest says, hashed again.
    leftovers
        Temporary files in the sites' folders.
    """

    name: CampaignName
    telescope: SiteEvidence
    relay: SiteEvidence
    centre: SiteEvidence
    state: CampaignState
    record: CampaignRecord
    ledger: tuple[LedgerEntry, ...]
    files: tuple[FileRecord, ...]
    raw: dict[PacketId, bytes]
    damaged: tuple[Problem, ...]
    leftovers: tuple[Path, ...]
    folder: Path


def gather(state: State, name: str, *, archive_at: str = "") -> Evidence:
    """Look at a campaign everywhere (blocking; it hashes every archived file).

    Raises
    ------
    ArchiveError
        When the archive does not know the campaign, or cannot be read.
    """
    campaign = CampaignName.parse(name)
    telescope = state.telescope(campaign.telescope)
    at_telescope = _site(telescope, name)
    with opened(state, archive_at) as archive:
        return Evidence(
            name=campaign,
            telescope=at_telescope,
            relay=_site(state.relay, name),
            centre=_site(state.csc, name),
            state=fold(at_telescope.entries),
            record=archive.campaign(name),
            ledger=archive.ledger(name),
            files=archive.files(name),
            raw={p.id: archive.raw(p.id) or b"" for p in archive.packets(name)},
            damaged=tuple(archive.verify(name)),
            leftovers=tuple(_leftovers(state, campaign)),
            folder=telescope / "data" / name,
        )


@contextlib.contextmanager
def opened(state: State, archive_at: str = "") -> Iterator[Archive]:
    """Open the science centre's archive for reading."""
    with Archive.open(archive_url(state.csc, archive_at), archive_files(state.csc), migrate=False) as archive:
        yield archive


@contextlib.contextmanager
def journal_of(site: Path) -> Iterator[Reader]:
    """Look into a site's journal without being able to change it."""
    engine = sa.create_engine(
        f"sqlite:///file:{site / 'journal.sqlite'}?mode=ro&uri=true", poolclass=sa.NullPool
    )
    try:
        with engine.connect() as connection:
            yield Reader(connection)
    finally:
        engine.dispose()


def is_closed(state: State, name: str) -> bool:
    """Whether the telescope's journal says that the campaign is over."""
    with journal_of(state.telescope(CampaignName.parse(name).telescope)) as reader:
        return fold(reader.entries(name)).closed


def integrity(state: State) -> list[str]:
    """Have SQLite check every database of this state; gives what is wrong."""
    found = []
    for path in sorted(state.root.glob("*/*.sqlite")):
        engine = sa.create_engine(f"sqlite:///file:{path}?mode=ro&uri=true", poolclass=sa.NullPool)
        with engine.connect() as connection:
            said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        engine.dispose()
        if said != ["ok"]:
            found.append(f"{path}: {'; '.join(map(str, said[:3]))}")
    return found


def _site(folder: Path, campaign: str) -> SiteEvidence:
    with journal_of(folder) as reader:
        packets = reader.packets(campaign)
        return SiteEvidence(
            entries=tuple(reader.entries(campaign)),
            packets=tuple(packets),
            receipts={p.id: tuple(reader.receipts(p.id)) for p in packets if p.kind != Kind.RECEIPT},
            left=tuple(o for o in reader.outgoing(campaign=campaign) if o.state in _LEFT),
            waiting=tuple(p for p in unconsidered(reader) if p.campaign == campaign),
        )


def _leftovers(state: State, name: CampaignName) -> Iterator[Path]:
    folders = (
        state.relay / "store" / name.telescope / str(name),
        archive_files(state.csc) / "incoming" / str(name),
        archive_files(state.csc) / name.burst / name.telescope,
        state.telescope(name.telescope) / "data" / str(name),
    )
    for folder in folders:
        yield from (path for path in folder.rglob(".*") if path.is_file())
    yield from (path for path in folders[1].rglob("*") if path.is_file())
