"""Tasks: the epochs of a strategy, placed into the time in which the target can be observed.

A pure function of strategy, visibility and time; `followup.plan` gives it both the fast and the full
visibility, so that the first answer and the plan that follows it agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from followup.adapting import Series
from followup.decision import Decision
from followup.obstacle import clock_text
from followup.site import Instrument
from followup.strategy import Epoch, Strategy
from followup.visibility import Visibility, Window, airmass
from voevent.kinds import PlannedTask

BEGUN_BEFORE = "epoch-begun-before"
"""Rule of the decision about an epoch that an earlier plan has begun."""
SLEW_ALLOWANCE_S = 30.0
"""Time planned for pointing at the start of each task."""
FILTER_CHANGE_ALLOWANCE_S = 5.0
"""Time planned for each filter put into the beam."""
SHORTEST_WAIT_WORTH_S = 600.0
"""A window that opens later and is shorter than this is not waited for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One visit to the target.

    Attributes
    ----------
    task_id
        ``t1``, ``t2``, … in the campaign.
    epoch
        The strategy's epoch that it carries out.
    start, latest_start
        It is begun (the telescope slews) at `start`; after `latest_start` it is skipped.
    count
        Exposures through each filter.
    airmass
        At `start`.
    """

    task_id: str
    epoch: str
    start: datetime
    latest_start: datetime
    filters: tuple[str, ...]
    exposure_s: float
    count: int
    airmass: float

    @property
    def number(self) -> int:
        """Its number in the campaign."""
        return int(self.task_id.removeprefix("t"))

    @property
    def frames(self) -> int:
        """Number of exposures."""
        return self.count * len(self.filters)

    @property
    def planned(self) -> PlannedTask:
        """The task as a status packet tells of it."""
        return PlannedTask(
            task=self.task_id,
            start=self.start,
            filters=self.filters,
            exposure_s=self.exposure_s,
            count=self.count,
            airmass=round(self.airmass, 3),
        )


def duration_s(filters: int, exposure_s: float, count: int, instrument: Instrument) -> float:
    """Time that a task is expected to take, slew to last read-out, in seconds."""
    per_filter = FILTER_CHANGE_ALLOWANCE_S + count * (exposure_s + instrument.readout_s)
    return SLEW_ALLOWANCE_S + filters * per_filter


def schedule(
    strategy: Strategy,
    visibility: Visibility,
    *,
    trigger_time: datetime,
    instrument: Instrument,
    now: datetime,
    done: Sequence[Task] = (),
    current: Task | None = None,
    first_number: int = 1,
) -> tuple[tuple[Task, ...], tuple[Decision, ...]]:
    """Place the strategy's epochs, one after the other, each as early as it may begin.

    Parameters
    ----------
    done
        Tasks already begun: their epochs are not repeated.
    current
        One that is under way: it goes on before the others begin.
    first_number
        Of the tasks' numbers; it goes on after those of `done` and `current` at least.

    Returns
    -------
    tuple of Task
        In order of start; empty when no epoch can be observed.
    tuple of Decision
        One for each epoch shortened or left out.
    """
    before = [*done, *((current,) if current else ())]
    begun = {task.epoch for task in before}
    number = max([first_number, *(1 + task.number for task in before)])
    decisions: list[Decision] = []
    free_from = now
    if current is not None:
        length_s = duration_s(len(current.filters), current.exposure_s, current.count, instrument)
        free_from = max(now, min(current.start, now) + timedelta(seconds=length_s))
    for epoch in strategy.epochs:
        if epoch.name in begun:
            text = f"{epoch.name} is not repeated: already begun"
            decisions.append(Decision(rule=BEGUN_BEFORE, text=text, values={"epoch": epoch.name}))
            continue
        filters = tuple(name for name in epoch.filters if name in instrument.filters)
        if not filters:
            wanted, there = " ".join(epoch.filters), " ".join(instrument.filters)
            decisions.append(_left_out(epoch, f"none of its filters {wanted} is in the wheel ({there})"))
            continue
        earliest = max(free_from, trigger_time + timedelta(seconds=epoch.start_s))
        if before:
            earliest = max(earliest, before[-1].start + timedelta(seconds=epoch.gap_s))
        last_s = min(epoch.latest_s, strategy.max_age_s)
        latest = trigger_time + timedelta(seconds=last_s)
        placed = _place(epoch, filters, visibility, earliest=earliest, latest=latest, instrument=instrument)
        if placed is None:
            decisions.append(_left_out(epoch, _why_not(visibility, earliest, latest)))
            continue
        start, latest_start, count = placed
        if count < epoch.count:
            text = f"{epoch.name}: {count} of {epoch.count} exposures per filter fit before the window ends"
            decisions.append(Decision(rule="epoch-shortened", text=text, values={"epoch": epoch.name}))
        task = Task(
            task_id=f"t{number}",
            epoch=epoch.name,
            start=start,
            latest_start=latest_start,
            filters=filters,
            exposure_s=epoch.exposure_s,
            count=count,
            airmass=airmass(visibility.altitude_at(start)),
        )
        before.append(task)
        number += 1
        free_from = start + timedelta(seconds=duration_s(len(filters), epoch.exposure_s, count, instrument))
    return tuple(before[len(done) :]), tuple(decisions)


def lengthened(task: Task, series: Series, instrument: Instrument) -> Task:
    """Give a task other exposures; a longer one has to begin the sooner to be done in time."""
    before_s = duration_s(len(task.filters), task.exposure_s, task.count, instrument)
    after_s = duration_s(len(task.filters), series.exposure_s, series.count, instrument)
    sooner = timedelta(seconds=max(0.0, after_s - before_s))
    return replace(
        task,
        exposure_s=series.exposure_s,
        count=series.count,
        latest_start=max(task.start, task.latest_start - sooner),
    )


def room_s(task: Task, instrument: Instrument, *, until: datetime | None) -> float:
    """Open-shutter time that a task may take through each filter without running into what comes then.

    Parameters
    ----------
    until
        When the next task begins; None for the last one.
    """
    spare_s = (task.latest_start - task.start).total_seconds()
    if until is not None:
        length_s = duration_s(len(task.filters), task.exposure_s, task.count, instrument)
        spare_s = min(spare_s, max(0.0, (until - task.start).total_seconds() - length_s))
    return task.exposure_s * task.count + spare_s / len(task.filters)


def _place(
    epoch: Epoch,
    filters: tuple[str, ...],
    visibility: Visibility,
    *,
    earliest: datetime,
    latest: datetime,
    instrument: Instrument,
) -> tuple[datetime, datetime, int] | None:
    for window in _worthwhile(visibility):
        start = max(window.start, earliest)
        if start > latest:
            return None
        room_s = (window.end - start).total_seconds()
        count = epoch.count
        while count and duration_s(len(filters), epoch.exposure_s, count, instrument) > room_s:
            count -= 1
        if count:
            needed = duration_s(len(filters), epoch.exposure_s, count, instrument)
            return start, min(latest, window.end - timedelta(seconds=needed)), count
    return None


def _worthwhile(visibility: Visibility) -> list[Window]:
    return [
        window
        for window in visibility.windows
        if window.start <= visibility.start or window.duration_s >= SHORTEST_WAIT_WORTH_S
    ]


def _why_not(visibility: Visibility, earliest: datetime, latest: datetime) -> str:
    if earliest > latest:
        return (
            f"it had to begin by {clock_text(latest.timestamp())}, "
            f"the telescope is free from {clock_text(earliest.timestamp())}"
        )
    span = f"between {clock_text(earliest.timestamp())} and {clock_text(latest.timestamp())}"
    after = [window.start for window in visibility.windows if window.start > latest]
    then = f"; it can again from {clock_text(after[0].timestamp())}" if after else ""
    return f"the target cannot be observed long enough {span}{then}"


def _left_out(epoch: Epoch, why: str) -> Decision:
    return Decision(rule="epoch-left-out", text=f"{epoch.name} left out: {why}", values={"epoch": epoch.name})
