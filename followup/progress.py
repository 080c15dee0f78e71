"""How far a campaign is when its plan is made anew: what stands, what goes on, what has to be done again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from followup.campaign import CampaignState
from followup.decision import Decision
from followup.schedule import Task
from followup.site import Instrument
from followup.strategy import field_half_width_deg
from voevent.kinds import TaskOutcome, TaskSummary
from voevent.packet import SkyPosition

GOOD_FIELD = 0.9
"""A target this far from where an exposure was aimed, in half-widths of the field, is still well on it.

The camera's angle does not enter; the rest is for a pointing that is a little off, and for stars around it.
"""
_GRACE = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class SoFar:
    """What has been done.

    Attributes
    ----------
    done
        Tasks whose epochs are not observed again.
    current
        The one that goes on.
    ended
        One that was under way and is not gone on with: how it ends.
    earlier, void, misplaced
        As in a plan.
    decisions
        Why it is seen so.
    """

    done: tuple[Task, ...] = ()
    current: Task | None = None
    ended: TaskSummary | None = None
    earlier: tuple[Task, ...] = ()
    void: tuple[str, ...] = ()
    misplaced: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()

    @property
    def first_number(self) -> int:
        """The first number that no task has had."""
        return 1 + max((task.number for task in self.earlier), default=0)


NOTHING_YET = SoFar()


def separation_deg(one: SkyPosition, other: SkyPosition) -> float:
    """Angle between two positions."""
    dec_1, dec_2 = math.radians(one.dec_deg), math.radians(other.dec_deg)
    half_ra = math.radians(other.ra_deg - one.ra_deg) / 2.0
    chord2 = math.sin((dec_2 - dec_1) / 2.0) ** 2 + math.cos(dec_1) * math.cos(dec_2) * math.sin(half_ra) ** 2
    return math.degrees(2.0 * math.asin(min(1.0, math.sqrt(chord2))))


def shows(aimed: SkyPosition, target: SkyPosition, instrument: Instrument) -> bool:
    """Whether an exposure that was aimed at one place shows another one well."""
    return separation_deg(aimed, target) <= GOOD_FIELD * field_half_width_deg(instrument)


def progress(
    state: CampaignState,
    known: Sequence[Task],
    void: Sequence[str],
    *,
    target: SkyPosition,
    instrument: Instrument,
    now: datetime,
) -> SoFar:
    """Tell what stands of a campaign's tasks, seen from the position that is in force.

    Parameters
    ----------
    known
        Every task that was planned.
    void
        Those of them that did not count before.
    """
    misplaced = tuple(
        sorted(key for key, aimed in state.aimed.items() if not shows(aimed, target, instrument))
    )
    begun = [task for task in known if task.task_id in state.tasks or _keys(state.begun, task)]
    done: list[Task] = []
    lost: list[str] = []
    current: Task | None = None
    ended: TaskSummary | None = None
    for task in begun:
        began = _keys(state.begun, task)
        beside = [key for key in began if key in misplaced]
        wrong = bool(began) and len(beside) == len(began)
        if task.task_id in state.tasks:
            # What was given up for the sake of the position counts again only with exposures that show it.
            unseen = task.task_id in void and not (began and not wrong)
            if wrong or unseen:
                lost.append(task.task_id)
            else:
                done.append(task)
        elif _latest_is(began, misplaced, state):
            lost.append(task.task_id)
            ended = given_up(state, task, "the target is not in the field of its exposures any more")
        elif now > max(task.latest_start, task.start) + _GRACE:
            done.append(task)
            reason = f"it was interrupted, and its time was over at {task.latest_start:%H:%M:%S} UTC"
            ended = given_up(state, task, reason)
        else:
            current = task
    return SoFar(
        done=tuple(done),
        current=current,
        ended=ended,
        earlier=tuple(begun),
        void=tuple(lost),
        misplaced=misplaced,
        decisions=_kept(state, misplaced, target, instrument),
    )


def _keys(keys: set[str], task: Task) -> list[str]:
    return [key for key in keys if key.startswith(f"{task.task_id}-")]


def _latest_is(began: Sequence[str], misplaced: Sequence[str], state: CampaignState) -> bool:
    """Whether the exposure begun last was aimed beside the target."""
    order = list(state.aimed)
    latest = max(began, key=lambda key: order.index(key) if key in state.aimed else -1)
    return latest in misplaced


def given_up(state: CampaignState, task: Task, reason: str) -> TaskSummary:
    """How a task ends that was under way and is not gone on with."""
    taken = sum(key.startswith(f"{task.task_id}-") for key in state.exposed)
    outcome = TaskOutcome.PARTIAL if taken else TaskOutcome.SKIPPED
    return TaskSummary(task=task.task_id, outcome=outcome, exposures=taken, reason=reason)


def _kept(
    state: CampaignState, misplaced: Sequence[str], target: SkyPosition, instrument: Instrument
) -> tuple[Decision, ...]:
    taken = [key for key in state.exposed if key in state.aimed]
    if not taken:
        return ()
    farthest = max(separation_deg(state.aimed[key], target) for key in taken)
    good = sum(key not in misplaced for key in taken)
    reach_deg = GOOD_FIELD * field_half_width_deg(instrument)
    text = f"{good} of {len(taken)} exposures show the position in force and stand"
    values = {"farthest_arcmin": f"{farthest * 60:.2f}", "reach_arcmin": f"{reach_deg * 60:.2f}"}
    return (Decision(rule="good-exposures", text=text, values=values),)
