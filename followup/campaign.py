"""A campaign at its telescope, as a fold over what its journal says.

The journal is the state: an agent that starts again folds the same entries and goes on where they end.
Entries are committed before the world is moved (``exposing``) and after it has moved (``exposed``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from voevent.kinds import Outcome, TaskOutcome, TaskSummary
from voevent.packet import PacketId


class What(StrEnum):
    """What an entry of a campaign's journal says."""

    ACCEPTED = "accepted"
    """The first trigger was accepted; the campaign is open."""
    REVISED = "revised"
    """A later trigger is in force."""
    STOPPED = "stopped"
    """No more exposures: `outcome` and `reason` say why."""
    HALTED = "halted"
    """The telescope was stopped, and the science centre is told so."""
    PLANNED = "planned"
    """The plan, as tasks."""
    SLEWING = "slewing"
    """The mount is about to be sent to the target of a task."""
    ACQUIRING = "acquiring"
    """An exposure is about to start that only tells where the telescope looks."""
    EXPOSING = "exposing"
    """An exposure is about to start."""
    EXPOSED = "exposed"
    """An exposure stands on disk."""
    TASK_ENDED = "task-ended"
    """No more exposures of a task."""
    MEASURED = "measured"
    """The frames of a task through one filter are measured, and the result is in the outbox."""
    UPLOADING = "uploading"
    """A dataset is complete on disk, with its manifest, and its upload is announced."""
    UPLOADED = "uploaded"
    """A dataset stands at the relay, and its completion is announced."""
    ARCHIVED = "archived"
    """The science centre has verified and archived a dataset."""
    ABANDONED = "abandoned"
    """A dataset was refused too often: a person is needed."""
    CLOSING = "closing"
    """The closing packet is in the outbox."""
    CLOSED = "closed"
    """Every packet of the campaign has its final receipt."""


class Entry(Protocol):
    """What the fold reads of a journal's entry."""

    @property
    def what(self) -> str:
        """One of `What`."""
        ...

    @property
    def data(self) -> Mapping[str, Any]:
        """Its particulars."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """One exposure of a plan."""

    task: str
    filter: str
    number: int

    @property
    def key(self) -> str:
        """Unique in its campaign, and part of file names."""
        return f"{self.task}-{self.filter}-{self.number:03d}"


@dataclass(kw_only=True, slots=True)
class CampaignState:
    """What a campaign's journal says so far.

    Attributes
    ----------
    trigger
        The trigger in force.
    plan
        The plan as it was journalled (`followup.plan` reads it).
    begun
        Exposures that were started; those not in `exposed` were in flight when the agent ended.
    exposed
        File of each exposure that stands on disk, relative to the campaign's folder.
    attempts
        How often each dataset was uploaded or is being so.
    """

    trigger: PacketId | None = None
    revision: int = -1
    drill: bool = True
    stopped: tuple[Outcome, str] | None = None
    halted: bool = False
    plan: Mapping[str, Any] | None = None
    first_command_at: str = ""
    begun: set[str] = field(default_factory=set)
    exposed: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, TaskSummary] = field(default_factory=dict)
    measured: set[str] = field(default_factory=set)
    attempts: dict[str, int] = field(default_factory=dict)
    uploaded: dict[str, int] = field(default_factory=dict)
    archived: set[str] = field(default_factory=set)
    abandoned: set[str] = field(default_factory=set)
    closing: bool = False
    closed: bool = False

    def apply(self, what: str, data: Mapping[str, Any]) -> None:
        """Take one entry into account. Entries of other names are for people to read."""
        if what in _COLLECTED:
            collected: set[str] = getattr(self, _COLLECTED[what][0])
            collected.add(data[_COLLECTED[what][1]])
        elif what in _KEPT:
            attribute, key, value = _KEPT[what]
            getattr(self, attribute)[data[key]] = data[value]
        elif what in {What.ACCEPTED, What.REVISED}:
            self.trigger = PacketId(ivorn=data["ivorn"], sha256=data["sha256"])
            self.revision, self.drill = data["revision"], data["drill"]
        else:
            self._apply_single(what, data)

    def _apply_single(self, what: str, data: Mapping[str, Any]) -> None:
        match what:
            case What.STOPPED:
                self.stopped = (Outcome(data["outcome"]), data["reason"])
            case What.HALTED:
                self.halted = True
            case What.PLANNED:
                self.plan = data["plan"]
            case What.SLEWING:
                self.first_command_at = self.first_command_at or data["wall_time"]
            case What.TASK_ENDED:
                self.tasks[data["task"]] = TaskSummary(
                    task=data["task"],
                    outcome=TaskOutcome(data["outcome"]),
                    exposures=data["exposures"],
                    reason=data["reason"],
                )
            case What.CLOSING:
                self.closing = True
            case What.CLOSED:
                self.closed = True
            case _:
                pass


_COLLECTED: Mapping[str, tuple[str, str]] = {
    What.EXPOSING: ("begun", "exposure"),
    What.MEASURED: ("measured", "series"),
    What.ARCHIVED: ("archived", "dataset"),
    What.ABANDONED: ("abandoned", "dataset"),
}
"""Entries whose one particular goes into a set: attribute of the state, key of the entry."""
_KEPT: Mapping[str, tuple[str, str, str]] = {
    What.EXPOSED: ("exposed", "exposure", "file"),
    What.UPLOADING: ("attempts", "dataset", "attempt"),
    What.UPLOADED: ("uploaded", "dataset", "attempt"),
}
"""Entries that set an item of a dictionary: attribute of the state, key and value of the entry."""


def fold(entries: Iterable[Entry]) -> CampaignState:
    """Return the state that a campaign's entries lead to, in their order."""
    state = CampaignState()
    for entry in entries:
        state.apply(entry.what, entry.data)
    return state


def outcome_of(state: CampaignState) -> tuple[Outcome, str]:
    """How a campaign whose tasks have ended is to be closed, and why."""
    if state.stopped is not None:
        return state.stopped
    done = [t for t in state.tasks.values() if t.outcome in {TaskOutcome.DONE, TaskOutcome.PARTIAL}]
    exposures = sum(t.exposures for t in state.tasks.values())
    if not done and any(t.outcome is TaskOutcome.FAILED for t in state.tasks.values()):
        reason = next(t.reason for t in state.tasks.values() if t.outcome is TaskOutcome.FAILED)
        return Outcome.FAILED, reason
    if state.abandoned:
        return Outcome.FAILED, f"datasets not delivered: {', '.join(sorted(state.abandoned))}"
    return Outcome.COMPLETED, f"{len(done)} of {len(state.tasks)} tasks observed, {exposures} exposures"
