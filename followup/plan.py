"""Answering a trigger: accepted or refused at once, then the whole plan.

`first_answer` looks everything up in an almanac and takes milliseconds; `make_plan` computes the same with
astroplan and takes about 0.1 s. Both are pure: what became of earlier tasks, and now, are arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from followup.almanac import Almanac, fast_visibility
from followup.decision import Decision
from followup.limits import Limits
from followup.obstacle import obstacle
from followup.progress import NOTHING_YET, SoFar
from followup.schedule import BEGUN_BEFORE, Task, schedule
from followup.site import Instrument, Site
from followup.strategy import LONGEST_AGE_S, Chosen, Strategies, Strategy
from followup.visibility import Visibility, observe_visibility
from voevent.kinds import PlannedTask, Trigger
from voevent.packet import SkyPosition

CLOCK_TOLERANCE_S = 600.0
"""A trigger time further ahead of the telescope's clock than this means that one of the clocks is wrong."""

ALMANAC_AHEAD = timedelta(seconds=LONGEST_AGE_S + CLOCK_TOLERANCE_S)
"""How far from now an almanac must reach for every trigger that may come."""

_TASKS = TypeAdapter(tuple[Task, ...])
_DECISIONS = TypeAdapter(tuple[Decision, ...])
_TARGET = TypeAdapter(SkyPosition | None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Acceptance:
    """The first answer to a trigger.

    Attributes
    ----------
    first_task
        What to begin with; None in a refusal. The plan begins with the same, to a few seconds.
    reason
        One sentence for the receipt: of the refusal, or what comes first.
    """

    accepted: bool
    first_task: Task | None
    strategy: str
    reason: str
    decisions: tuple[Decision, ...]

    @property
    def first_epoch(self) -> datetime | None:
        """When the first task begins."""
        return self.first_task.start if self.first_task else None

    @property
    def details(self) -> Mapping[str, str]:
        """What the receipt adds to its reason."""
        if self.first_task is None:
            return {}
        return {
            "first_epoch": f"{self.first_task.start:%Y-%m-%dT%H:%M:%SZ}",
            "airmass": f"{self.first_task.airmass:.2f}",
            "strategy": self.strategy,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a telescope intends to do in a campaign.

    Attributes
    ----------
    revision
        Of the trigger that it answers.
    tasks
        Those still to be done, in order of start; empty when nothing can be observed any more.
    reason
        Why there are no tasks; empty when there are, or when all that was wanted has been begun.
    target
        Where it points.
    earlier
        Tasks of earlier plans that were begun.
    void
        Names of those among them whose exposures do not show the target: their epochs are observed again.
    misplaced
        Such exposures of all earlier tasks, by their keys.
    visibility
        For the picture of the night; None when the trigger was refused before it was computed.
    """

    campaign: str
    revision: int
    strategy: str
    tasks: tuple[Task, ...]
    reason: str
    decisions: tuple[Decision, ...]
    target: SkyPosition | None = None
    earlier: tuple[Task, ...] = ()
    void: tuple[str, ...] = ()
    misplaced: tuple[str, ...] = ()
    visibility: Visibility | None = field(default=None, compare=False, repr=False)

    @property
    def everything(self) -> tuple[Task, ...]:
        """Tasks that were begun under earlier plans, and those still to be done, each once."""
        still = {task.task_id for task in self.tasks}
        return (*(task for task in self.earlier if task.task_id not in still), *self.tasks)

    @property
    def planned(self) -> tuple[PlannedTask, ...]:
        """The tasks as a status packet tells of them: all, for a plan replaces the one told before."""
        return tuple(task.planned for task in self.everything)

    def to_data(self) -> dict[str, Any]:
        """Return the plan, without its visibility, in JSON's types: what a journal keeps."""
        return {
            "campaign": self.campaign,
            "revision": self.revision,
            "strategy": self.strategy,
            "tasks": _TASKS.dump_python(self.tasks, mode="json"),
            "reason": self.reason,
            "decisions": _DECISIONS.dump_python(self.decisions, mode="json"),
            "target": _TARGET.dump_python(self.target, mode="json"),
            "earlier": _TASKS.dump_python(self.earlier, mode="json"),
            "void": list(self.void),
            "misplaced": list(self.misplaced),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Plan:
        """Read what `to_data` gave.

        Raises
        ------
        ValueError
            When `data` is no plan.
        """
        try:
            return cls(
                campaign=str(data["campaign"]),
                revision=int(data["revision"]),
                strategy=str(data["strategy"]),
                tasks=_TASKS.validate_python(data["tasks"]),
                reason=str(data["reason"]),
                decisions=_DECISIONS.validate_python(data["decisions"]),
                target=_TARGET.validate_python(data.get("target")),
                earlier=_TASKS.validate_python(data.get("earlier", ())),
                void=tuple(map(str, data.get("void", ()))),
                misplaced=tuple(map(str, data.get("misplaced", ()))),
            )
        except KeyError as error:
            raise ValueError(f"a plan without {error}") from error


def first_answer(
    trigger: Trigger,
    *,
    strategies: Strategies,
    instrument: Instrument,
    almanac: Almanac,
    limits: Limits,
    now: datetime,
) -> Acceptance:
    """Accept or refuse a trigger, from tables: takes milliseconds.

    Parameters
    ----------
    trigger
        One that asks to observe.
    almanac
        Of the telescope's site; it must cover `ALMANAC_AHEAD` from `now`.
    now
        Sky time, aware.

    Raises
    ------
    ValueError
        When the almanac does not reach far enough.
    """
    chosen, position = _choose(trigger, strategies, instrument, now)
    if chosen.strategy is None or position is None:
        return _refusal("", chosen.refusal, chosen.decisions)
    strategy = chosen.strategy
    start, end = _span(trigger, strategy, now)
    visibility = fast_visibility(position, almanac, limits, start=start, end=end)
    tasks, reason, decisions = _tasks(trigger, strategy, visibility, instrument=instrument, now=now)
    if not tasks:
        return _refusal(strategy.name, reason, chosen.decisions + decisions)
    first = tasks[0]
    reason = (
        f"first epoch {first.start:%Y-%m-%d %H:%M:%S} UTC at altitude "
        f"{visibility.altitude_at(first.start):.0f} deg, airmass {first.airmass:.2f}; "
        f"strategy {strategy.name}, {len(tasks)} task{'s' if len(tasks) > 1 else ''}"
    )
    return Acceptance(
        accepted=True,
        first_task=first,
        strategy=strategy.name,
        reason=reason,
        decisions=chosen.decisions + decisions,
    )


def make_plan(
    trigger: Trigger,
    *,
    campaign: str,
    strategies: Strategies,
    site: Site,
    limits: Limits,
    instrument: Instrument,
    now: datetime,
    so_far: SoFar = NOTHING_YET,
) -> Plan:
    """Plan a campaign with astroplan: takes about 0.1 s; call it in a thread.

    Parameters
    ----------
    now
        Sky time, aware. Given the `now` of the first answer, the plan begins with the same task,
        to a few seconds.
    so_far
        What has been done when the plan is made anew.
    """
    chosen, position = _choose(trigger, strategies, instrument, now)
    visibility: Visibility | None = None
    tasks: tuple[Task, ...] = ()
    decisions: tuple[Decision, ...] = ()
    strategy_name, reason = "", chosen.refusal
    if chosen.strategy is not None and position is not None:
        strategy_name = chosen.strategy.name
        start, end = _span(trigger, chosen.strategy, now)
        visibility = observe_visibility(position, site, limits, start=start, end=end)
        tasks, reason, decisions = _tasks(
            trigger, chosen.strategy, visibility, instrument=instrument, now=now, so_far=so_far
        )
    return Plan(
        campaign=campaign,
        revision=trigger.revision,
        strategy=strategy_name,
        tasks=tasks,
        reason=reason,
        decisions=so_far.decisions + chosen.decisions + decisions,
        target=position,
        earlier=so_far.earlier,
        void=so_far.void,
        misplaced=so_far.misplaced,
        visibility=visibility,
    )


def night_of(
    trigger: Trigger, plan: Plan, *, strategies: Strategies, site: Site, limits: Limits
) -> Visibility | None:
    """Work out again when a plan's target can be seen: a journal keeps the plan without it (blocking).

    None when the strategy is unknown (any more), or the trigger gives no position.
    """
    strategy = strategies.named(plan.strategy)
    if strategy is None or trigger.position is None:
        return None
    start, end = _span(trigger, strategy, trigger.trigger_time)
    return observe_visibility(trigger.position, site, limits, start=start, end=end)


def _choose(
    trigger: Trigger, strategies: Strategies, instrument: Instrument, now: datetime
) -> tuple[Chosen, SkyPosition | None]:
    if trigger.position is None:
        return _refused("position", "the trigger gives no position"), None
    ahead_s = (trigger.trigger_time - now).total_seconds()
    if ahead_s > CLOCK_TOLERANCE_S:
        said = f"the trigger time is {ahead_s / 60:.0f} min in the future of this telescope's clock"
        return _refused("trigger-time", said), None
    return strategies.choose(trigger, instrument=instrument, now=now), trigger.position


def _refused(rule: str, said: str) -> Chosen:
    return Chosen(strategy=None, refusal=said, decisions=(Decision(rule=rule, text=said),))


def _span(trigger: Trigger, strategy: Strategy, now: datetime) -> tuple[datetime, datetime]:
    start = max(now, trigger.trigger_time)
    return start, max(trigger.trigger_time + timedelta(seconds=strategy.max_age_s), start)


def _tasks(
    trigger: Trigger,
    strategy: Strategy,
    visibility: Visibility,
    *,
    instrument: Instrument,
    now: datetime,
    so_far: SoFar = NOTHING_YET,
) -> tuple[tuple[Task, ...], str, tuple[Decision, ...]]:
    if reason := obstacle(visibility):
        return (), reason, (Decision(rule="visibility", text=reason, values=_limits_of(visibility)),)
    tasks, left_out = schedule(
        strategy,
        visibility,
        trigger_time=trigger.trigger_time,
        instrument=instrument,
        now=now,
        done=so_far.done,
        current=so_far.current,
        first_number=so_far.first_number,
    )
    windows = "; ".join(f"{w.start:%Y-%m-%d %H:%M} to {w.end:%Y-%m-%d %H:%M} UTC" for w in visibility.windows)
    seen = Decision(rule="visibility", text=f"can be observed {windows}", values=_limits_of(visibility))
    reason = "" if tasks else "; ".join(each.text for each in left_out if each.rule != BEGUN_BEFORE)
    return tasks, reason, (seen, *left_out)


def _refusal(strategy: str, reason: str, decisions: tuple[Decision, ...]) -> Acceptance:
    return Acceptance(accepted=False, first_task=None, strategy=strategy, reason=reason, decisions=decisions)


def _limits_of(visibility: Visibility) -> dict[str, str]:
    site, limits = visibility.site, visibility.limits
    return {
        "min_altitude_deg": f"{site.min_altitude_deg:g}",
        "max_altitude_deg": f"{limits.max_altitude_deg:g}",
        "max_hour_angle_h": f"{limits.max_hour_angle_h:g}",
        "max_sun_altitude_deg": f"{site.max_sun_altitude_deg:g}",
        "min_moon_separation_deg": f"{site.min_moon_separation_deg:g}",
    }
