"""What the archive answers, as values. Times are aware and UTC.

Two clocks appear: `written` is what an author put into its packet, on its sky clock; every other time is
the CSC's wall clock at the commit of the packet to its journal, so differences between those are delays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from voevent.kinds import (
    Kind,
    Outcome,
    PowerLaw,
    ReceiptOutcome,
    SedPoint,
    TaskOutcome,
    TriggerAction,
    UploadState,
)
from voevent.packet import CiteKind, PacketId, Role, SkyPosition


class Direction(StrEnum):
    """Which way a packet went, seen from the CSC."""

    SENT = "sent"
    """The CSC wrote it."""
    RECEIVED = "received"
    """It came to the CSC."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cone:
    """A circle on the sky, ICRS.

    Raises
    ------
    ValueError
        When the centre is not on the sky, or the radius not between 0 and 180 degrees.
    """

    ra_deg: float
    dec_deg: float
    radius_deg: float

    def __post_init__(self) -> None:
        SkyPosition(ra_deg=self.ra_deg, dec_deg=self.dec_deg, error_radius_deg=self.radius_deg)


@dataclass(frozen=True, kw_only=True, slots=True)
class CitationRecord:
    """One citation; `sha256` says which bytes are meant, where the packet tells."""

    ivorn: str
    sha256: str | None
    cite: CiteKind


@dataclass(frozen=True, kw_only=True, slots=True)
class PacketRecord:
    """A packet in the archive. `Archive.raw` has its bytes.

    Attributes
    ----------
    kind, author, campaign, sequence
        None for a packet that is not of a campaign, such as an alert; `campaign` is None too in a receipt
        for something that belongs to none.
    time
        When the CSC first committed it.
    """

    id: PacketId
    kind: Kind | None
    role: Role
    author: str | None
    campaign: str | None
    sequence: int | None
    written: datetime | None
    deadline_s: float | None
    size_bytes: int
    direction: Direction
    peer: str
    time: datetime
    cites: tuple[CitationRecord, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerReceipt:
    """A receipt as the ledger shows it; `time` is when the CSC committed it."""

    id: PacketId
    author: str
    outcome: ReceiptOutcome
    reason: str
    details: Mapping[str, str]
    written: datetime
    time: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerEntry:
    """One packet of a campaign (receipts apart) and what became of it.

    Attributes
    ----------
    kind, role, written
        None while only others speak of the packet (`held` is then False).
    author, addressee
        Site users. What a telescope says goes to the relay, and from there to the CSC, its addressee.
    sent
        When the CSC committed it, if the CSC wrote it.
    arrived
        When the CSC committed it, if it came from elsewhere.
    relayed
        When the relay's word that it has custody was committed at the CSC.
    receipts
        All of them, in the order in which the CSC committed them.
    final
        The one that counts: the addressee's, else another site's; None while there is none.
    """

    id: PacketId
    held: bool
    kind: Kind | None
    role: Role | None
    author: str
    addressee: str
    written: datetime | None
    sent: datetime | None
    arrived: datetime | None
    relayed: datetime | None
    receipts: tuple[LedgerReceipt, ...]
    final: LedgerReceipt | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerRecord:
    """A trigger of a campaign."""

    id: PacketId
    revision: int
    action: TriggerAction
    trigger_time: datetime
    position: SkyPosition | None
    instrument: str
    notice: PacketId
    features: Mapping[str, str]
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRecord:
    """An observation task: the latest plan for it, and how it ended.

    Attributes
    ----------
    start, filters, exposure_s, count, airmass
        As planned; None (and no filters) when no plan names the task.
    outcome, exposures, reason
        As the closing packet says; None (and empty) before that.
    """

    task: str
    start: datetime | None
    filters: tuple[str, ...]
    exposure_s: float | None
    count: int | None
    airmass: float | None
    outcome: TaskOutcome | None
    exposures: int | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SedRecord:
    """The latest spectral energy distribution of a campaign; `epoch_s` counts from the trigger time."""

    id: PacketId
    epoch_s: float | None
    points: tuple[SedPoint, ...]
    fit: PowerLaw | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetRecord:
    """A dataset that a telescope announced or that is archived; `stored` says the latter.

    Attributes
    ----------
    state, manifest_path, attempt, files, total_bytes
        As the latest upload packet says; the first two None when none of the dataset's is archived.
    """

    campaign: str
    dataset: str
    task: str
    state: UploadState | None
    attempt: int
    manifest_path: str | None
    manifest_sha256: str
    files: int
    total_bytes: int
    stored: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRecord:
    """An archived file, which was verified when it was stored.

    Attributes
    ----------
    name
        Its POSIX path in the dataset.
    path
        Its POSIX path in the file store, ``BURST/TELESCOPE/DATASET/NAME``.
    location
        The file itself.
    """

    campaign: str
    dataset: str
    name: str
    path: str
    location: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CampaignRecord:
    """A campaign as far as the archive knows it.

    Attributes
    ----------
    outcome
        How it ended: what the accepted closing packet says; without one, declined (or failed) when all
        triggers to observe were refused (or expired). None while it is open.
    reason
        Why it ended so.
    details
        Of the closing packet in force; empty before.
    trigger
        The one of the highest revision; None while only other packets of the campaign are archived.
    position
        The latest position that a trigger gave.
    opened
        When the CSC committed its first packet; None when the archive has only data of it.
    closed
        When the CSC committed the packet that ended it; None before.
    first_epoch
        What the telescope promised when it accepted the trigger in force (as it wrote it), if it did.
    source, fit
        Position of the counterpart and the decay fitted to the light curve, by the latest light curve.
    """

    name: str
    burst: str
    telescope: str
    drill: bool
    outcome: Outcome | None
    reason: str
    details: Mapping[str, str]
    trigger: TriggerRecord | None
    position: SkyPosition | None
    opened: datetime | None
    closed: datetime | None
    first_epoch: str | None
    source: SkyPosition | None
    fit: PowerLaw | None
    tasks: tuple[TaskRecord, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BurstRecord:
    """A burst as the triggers of its campaigns describe it, by the trigger of the highest revision.

    Attributes
    ----------
    campaigns
        Names of its campaigns, in alphabetical order.
    notices
        The alerts that led to its triggers, each once.
    """

    name: str
    trigger_time: datetime | None
    position: SkyPosition | None
    instrument: str
    drill: bool
    campaigns: tuple[str, ...]
    notices: tuple[PacketId, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Something in the file store that is not as the tables say."""

    campaign: str
    dataset: str
    path: str
    what: str
