"""The six kinds of packet of a campaign, as values.

`voevent.build` turns a header and one of these into a packet; `voevent.read` does the reverse. Times are
aware and UTC. Magnitudes are AB, not corrected for Galactic extinction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from voevent.packet import CiteKind, PacketId, SkyPosition


class Kind(StrEnum):
    """The kinds of packet."""

    TRIGGER = "trigger"
    """CSC to a telescope: observe this burst, observe it differently, or stop."""
    RESULT = "result"
    """A telescope's light curve or SED."""
    UPLOAD = "upload"
    """A dataset is about to be, or has been, uploaded to the relay."""
    STATUS = "status"
    """A telescope's plan, or a change of its condition."""
    CLOSING = "closing"
    """A telescope's last word on a campaign."""
    RECEIPT = "receipt"
    """What became of a packet."""


class TriggerAction(StrEnum):
    """What a trigger asks for."""

    OBSERVE = "observe"
    """Observe, or go on observing with what this trigger says."""
    RETRACT = "retract"
    """There is no burst: stop, and close the campaign as retracted."""
    CANCEL = "cancel"
    """A person called it off: stop, and close the campaign as aborted."""


class ReceiptOutcome(StrEnum):
    """What became of a packet."""

    RELAYED = "relayed"
    """The relay has it in custody and now does the retrying (interim)."""
    RECEIVED = "received"
    """Its addressee has it; the answer follows (interim)."""
    ACCEPTED = "accepted"
    """Its addressee did what it asks (final)."""
    REFUSED = "refused"
    """Its addressee will not, and says why (final)."""
    EXPIRED = "expired"
    """Its deadline passed before it could be delivered (final)."""

    @property
    def final(self) -> bool:
        """Whether nothing more will be said about the packet."""
        return self in {ReceiptOutcome.ACCEPTED, ReceiptOutcome.REFUSED, ReceiptOutcome.EXPIRED}


class UploadState(StrEnum):
    """How far an upload is."""

    STARTING = "starting"
    """The files follow now."""
    COMPLETED = "completed"
    """All files stand in the relay's store under their final names."""


class StatusState(StrEnum):
    """What a status packet reports."""

    PLAN = "plan"
    """The plan of the campaign, complete with its tasks."""
    HOLD = "hold"
    """A person holds the telescope."""
    UNSAFE = "unsafe"
    """The conditions do not allow observing."""
    ABORT = "abort"
    """The campaign was stopped before its end."""
    CLEAR = "clear"
    """Observing goes on."""


class Outcome(StrEnum):
    """How a campaign ended."""

    COMPLETED = "completed"
    """Its tasks were done, or ended with a reason; the data are with the CSC."""
    DECLINED = "declined"
    """The telescope refused the trigger."""
    RETRACTED = "retracted"
    """The burst was retracted."""
    ABORTED = "aborted"
    """A person or the conditions stopped it."""
    FAILED = "failed"
    """It could not be carried out, for a reason stated."""


class TaskOutcome(StrEnum):
    """How an observation task ended."""

    DONE = "done"
    """All its exposures were taken."""
    PARTIAL = "partial"
    """Some of its exposures were taken."""
    SKIPPED = "skipped"
    """None was taken, for a reason stated."""
    FAILED = "failed"
    """A device failed."""


class Product(StrEnum):
    """What a result packet carries."""

    LIGHT_CURVE = "light-curve"
    """Magnitudes and limits against time."""
    SED = "sed"
    """Flux densities against wavelength at one epoch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cited:
    """A packet that another answers, supersedes or takes back."""

    id: PacketId
    cite: CiteKind = CiteKind.FOLLOWUP


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What every packet of a campaign says about itself.

    Attributes
    ----------
    authority
        Authority of the IVORNs of this installation, e.g. ``followup``.
    author
        The site user that wrote it: ``csc``, ``csc-ftp`` or ``gft-NAME``.
    campaign
        ``BURST.gft-NAME``.
    sequence
        Number of the packet among its author's packets of the campaign, from 1.
    date
        When it was written, on the author's (sky) clock.
    drill
        Whether anything in it is simulated: such a packet has ``role="test"``.
    deadline_s
        How long it is worth delivering, in seconds from its first commit; None for always.
    """

    authority: str
    author: str
    campaign: str
    sequence: int
    date: datetime
    drill: bool
    cites: tuple[Cited, ...] = ()
    deadline_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trigger:
    """CSC asks a telescope to observe a burst, to change what it does, or to stop.

    Attributes
    ----------
    revision
        0 for the first trigger of the campaign; the highest one received is in force.
    position
        None only in a retraction or a cancellation.
    notice
        The alert that led to it.
    features
        The alert's parameters that strategies choose by, e.g. ``SNR``, ``Packet_Type``.
    """

    burst: str
    telescope: str
    action: TriggerAction
    revision: int
    trigger_time: datetime
    position: SkyPosition | None
    instrument: str
    notice: PacketId
    features: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotometryPoint:
    """One point of a light curve.

    Attributes
    ----------
    t_s
        Mid-exposure time since the burst's trigger time, in seconds.
    exposure_s
        Summed open-shutter time.
    mag, mag_err
        AB magnitude and its 1-sigma error; `mag` is the limit and `mag_err` None in an upper limit.
    limit
        Whether this is an upper limit (`limit_sigma` standard deviations).
    frames
        Number of frames stacked.
    """

    task: str
    t_s: float
    exposure_s: float
    filter: str
    mag: float
    mag_err: float | None
    limit: bool
    limit_sigma: float = 5.0
    frames: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SedPoint:
    """One point of a spectral energy distribution: flux density in microjansky at an effective wavelength."""

    filter: str
    wavelength_nm: float
    flux_density_ujy: float
    flux_density_err_ujy: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerLaw:
    """F proportional to x**(-index), fitted to a light curve (x = t) or an SED (x = frequency)."""

    index: float
    index_err: float
    chi2: float
    dof: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """A light curve or SED so far: each one holds all points of the campaign and supersedes the last.

    Attributes
    ----------
    epoch_s
        Reference time of an SED since the trigger time, in seconds.
    source
        Position of the counterpart with its error (deg); None while none was found.
    """

    product: Product
    task: str
    points: tuple[PhotometryPoint, ...] = ()
    sed: tuple[SedPoint, ...] = ()
    epoch_s: float | None = None
    source: SkyPosition | None = None
    fit: PowerLaw | None = None
    comment: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestRef:
    """The manifest of a dataset, by name and content.

    Attributes
    ----------
    path
        POSIX path in the telescope's directory of the store.
    size_bytes, sha256
        Of the manifest file itself.
    files, total_bytes
        Number and summed size of the files it lists.
    """

    path: str
    size_bytes: int
    sha256: str
    files: int
    total_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """A dataset that goes to the relay; `attempt` counts from 1 and grows when a refused one is repaired."""

    dataset: str
    state: UploadState
    manifest: ManifestRef
    attempt: int = 1
    task: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedTask:
    """A task as planned: when, through which filters, how often and how long."""

    task: str
    start: datetime
    filters: tuple[str, ...]
    exposure_s: float
    count: int
    airmass: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """A telescope's plan, or a change of its condition."""

    state: StatusState
    text: str
    tasks: tuple[PlannedTask, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSummary:
    """How a task ended."""

    task: str
    outcome: TaskOutcome
    exposures: int
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """A decision of a campaign: which rule, on which values, and what came of it."""

    time: datetime
    rule: str
    text: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Closing:
    """The end of a campaign at its telescope, with the list of every packet that was to be acknowledged.

    Attributes
    ----------
    decisions
        Why it was done so, in order of time.
    packets
        Every packet of the campaign but receipts and this one: the triggers it received, what it sent.
    details
        Times and figures of the campaign, e.g. ``first_command_at`` (ISO 8601, wall clock).
    """

    outcome: Outcome
    summary: str
    tasks: tuple[TaskSummary, ...]
    packets: tuple[PacketId, ...]
    details: Mapping[str, str] = field(default_factory=dict)
    decisions: tuple[Decided, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What became of a packet. Receipts are not acknowledged themselves.

    Attributes
    ----------
    cited
        The packet, by IVORN and digest.
    details
        What the answer adds, e.g. ``first_epoch`` (ISO 8601) of an accepted trigger.
    """

    cited: PacketId
    outcome: ReceiptOutcome
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


Content = Trigger | Result | Upload | Status | Closing | Receipt
"""Any of the six kinds."""
