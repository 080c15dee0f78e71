"""A campaign at its telescope, as a fold over what its journal says.

The journal is the state: an agent that starts again folds the same entries and goes on where they end.
Entries are committed before the world is moved (``exposing``) and after it has moved (``exposed``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from followup.decision import decided
from voevent.kinds import Decided, Outcome, TaskOutcome, TaskSummary
from voevent.packet import PacketId, SkyPosition


class What(StrEnum):
    """What an entry of a campaign's journal says."""

    ACCEPTED = "accepted"
    """The first trigger was accepted; the campaign is open."""
    REVISED = "revised"
    """A later trigger is in force: the plan has to be made anew."""
    PREEMPTED = "preempted"
    """Another campaign gets the telescope: `by` says which."""
    HELD = "held"
    """The science centre is told that another campaign has the telescope."""
    RESUMED = "resumed"
    """The telescope is free again: the plan has to be made anew."""
    DECIDED = "decided"
    """Decisions that no other entry carries."""
    DECLINED = "declined"
    """A trigger was refused: its decisions say why."""
    STOPPED = "stopped"
    """No more exposures: `outcome` and `reason` say why."""
    HALTED = "halted"
    """The telescope was stopped, and the science centre is told so."""
    PLANNED = "planned"
    """The plan, as tasks: the first, or one that replaces the one before."""
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
    aimed
        Where the target was for each exposure that was started, in the order in which they were.
    exposed
        File of each exposure that stands on disk, relative to the campaign's folder.
    misplaced
        Exposures that do not show the position in force: they do not count.
    owed
        Series that reports anew what was measured before the position was refined; empty when none is owed.
    stale
        Whether the plan has to be made anew.
    gave_way_to
        The campaign that has got the telescope; empty when none has taken it from this one.
    held
        Whether the science centre was told so.
    decisions
        All there are, by what they say and when.
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
    owed: str = ""
    stale: bool = False
    gave_way_to: str = ""
    held: bool = False
    begun: set[str] = field(default_factory=set)
    aimed: dict[str, SkyPosition] = field(default_factory=dict)
    misplaced: frozenset[str] = frozenset()
    decisions: dict[tuple[datetime, str, str], Decided] = field(default_factory=dict)
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
        for each in decided(data):
            self.decisions[each.time, each.rule, each.text] = each
        if what == What.EXPOSING and "ra_deg" in data:
            # Begun again it is the latest, aimed where the target is now.
            self.aimed.pop(data["exposure"], None)
            self.aimed[data["exposure"]] = SkyPosition(ra_deg=data["ra_deg"], dec_deg=data["dec_deg"])
        if what in _COLLECTED:
            collected: set[str] = getattr(self, _COLLECTED[what][0])
            collected.add(data[_COLLECTED[what][1]])
        elif what in _KEPT:
            attribute, key, value = _KEPT[what]
            getattr(self, attribute)[data[key]] = data[value]
        elif what in {What.ACCEPTED, What.REVISED}:
            self.trigger = PacketId(ivorn=data["ivorn"], sha256=data["sha256"])
            self.revision, self.drill = data["revision"], data["drill"]
            self.stale = self.plan is not None
            self.owed = f"revision-{self.revision}" if self.measured else ""
        elif what in {What.PREEMPTED, What.HELD, What.RESUMED}:
            self._apply_turn(what, data)
        else:
            self._apply_single(what, data)

    def _apply_turn(self, what: str, data: Mapping[str, Any]) -> None:
        """Take into account that another campaign has got the telescope, or leaves it."""
        self.held = what == What.HELD
        if what == What.PREEMPTED:
            self.gave_way_to = data["by"]
        elif what == What.RESUMED:
            self.gave_way_to, self.stale = "", self.plan is not None

    def _apply_single(self, what: str, data: Mapping[str, Any]) -> None:
        match what:
            case What.STOPPED:
                self.stopped = (Outcome(data["outcome"]), data["reason"])
                self.revision = max(self.revision, data.get("revision", -1))
            case What.HALTED:
                self.halted = True
            case What.PLANNED:
                self.plan = data["plan"]
                # A trigger that came while it was made has to be planned for, too.
                self.stale = self.revision > data["plan"]["revision"]
                self.misplaced = frozenset(data["plan"].get("misplaced", ()))
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


def summaries(state: CampaignState) -> tuple[TaskSummary, ...]:
    """How the tasks ended, seen from the position in force: exposures that do not show it do not count."""
    return tuple(_counted(task, state) for task in state.tasks.values())


def _counted(task: TaskSummary, state: CampaignState) -> TaskSummary:
    beside = sum(key.startswith(f"{task.task}-") and key in state.exposed for key in state.misplaced)
    if not beside:
        return task
    left = max(0, task.exposures - beside)
    said = f"{beside} of {task.exposures} exposures do not show the position in force"
    return replace(
        task,
        exposures=left,
        outcome=TaskOutcome.PARTIAL if left else TaskOutcome.SKIPPED,
        reason=f"{task.reason}; {said}" if task.reason else said,
    )


def outcome_of(state: CampaignState) -> tuple[Outcome, str]:
    """How a campaign whose tasks have ended is to be closed, and why."""
    if state.stopped is not None:
        return state.stopped
    tasks = summaries(state)
    done = [t for t in tasks if t.outcome in {TaskOutcome.DONE, TaskOutcome.PARTIAL}]
    exposures = sum(t.exposures for t in tasks)
    if not done and any(t.outcome is TaskOutcome.FAILED for t in tasks):
        reason = next(t.reason for t in tasks if t.outcome is TaskOutcome.FAILED)
        return Outcome.FAILED, reason
    if state.abandoned:
        return Outcome.FAILED, f"datasets not delivered: {', '.join(sorted(state.abandoned))}"
    why_no_more = "" if state.plan is None or state.plan["tasks"] else str(state.plan["reason"])
    if not done and why_no_more:
        return Outcome.FAILED, f"it could not be observed: {why_no_more}"
    observed = f"{len(done)} of {len(tasks)} tasks observed, {exposures} exposures"
    if state.stale:
        why_no_more = f"revision {state.revision} of the trigger came when it was being closed"
    return Outcome.COMPLETED, f"{observed}; then: {why_no_more}" if why_no_more else observed
