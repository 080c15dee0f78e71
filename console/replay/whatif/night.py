"""What a campaign came to, for comparing one with another: what was observed, when first, and how deep."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from console.replay.whatif.frames import FrameFacts
from voevent.kinds import (
    Closing,
    Content,
    PhotometryPoint,
    PowerLaw,
    Product,
    Receipt,
    Result,
    Status,
    StatusState,
)
from voevent.packet import PacketId, SkyPosition


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskNight:
    """A task as it was planned at last, and how it ended.

    Attributes
    ----------
    planned_s
        When it was to begin, since the burst; None when it was not in the last plan.
    outcome, reason
        Of the closing; empty without one.
    """

    task: str
    planned_s: float | None
    filters: tuple[str, ...]
    exposure_s: float
    count: int
    outcome: str
    exposures: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterNight:
    """What was taken through a filter.

    Attributes
    ----------
    frames, exposure_s
        How many, and how long all of them together.
    first_s, last_s
        When the first one began and the last one ended, since the burst.
    limit_mag
        5-sigma limit of the deepest frame; None when none could be measured.
    together_mag
        That of all frames together, as their noise allows.
    measured, limits
        Points of the last light curve: the counterpart measured, or an upper limit.
    """

    filter: str
    frames: int
    exposure_s: float
    first_s: float
    last_s: float
    limit_mag: float | None
    together_mag: float | None
    measured: tuple[PhotometryPoint, ...]
    limits: tuple[PhotometryPoint, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interruption:
    """The telescope said that something keeps it from observing, or that nothing does any more."""

    t_s: float
    state: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Night:
    """What a campaign came to. All times are seconds since the burst.

    Attributes
    ----------
    answer
        What the telescope said to the last trigger.
    outcome, summary
        Of the closing; empty without one.
    source, decay
        The counterpart's place, and the fit to its light curve; None when there is none.
    """

    answer: str
    outcome: str
    summary: str
    tasks: tuple[TaskNight, ...]
    filters: tuple[FilterNight, ...]
    interruptions: tuple[Interruption, ...]
    source: SkyPosition | None
    decay: PowerLaw | None

    @property
    def frames(self) -> int:
        """How many were taken."""
        return sum(each.frames for each in self.filters)

    @property
    def first_s(self) -> float | None:
        """When the first frame began."""
        return min((each.first_s for each in self.filters), default=None)

    @property
    def measured(self) -> tuple[PhotometryPoint, ...]:
        """All points that measure the counterpart, by time."""
        found = [point for each in self.filters for point in each.measured]
        return tuple(sorted(found, key=lambda point: point.t_s))


def night_of(
    said: Sequence[tuple[datetime, Content]],
    frames: Iterable[FrameFacts],
    *,
    triggers: Iterable[PacketId],
    trigger_time: datetime,
) -> Night:
    """Sum a campaign up.

    Parameters
    ----------
    said
        What the telescope said, in order, with its dates.
    frames
        Those that were reduced.
    triggers
        What it answered to.
    """
    contents = [content for _, content in said]
    asked = set(triggers)
    answers = [each for each in contents if isinstance(each, Receipt) and each.cited in asked]
    closings = [each for each in contents if isinstance(each, Closing)]
    curves = [e for e in contents if isinstance(e, Result) and e.product is Product.LIGHT_CURVE]
    points = curves[-1].points if curves else ()
    return Night(
        answer=_answer(answers[-1]) if answers else "none",
        outcome=str(closings[-1].outcome) if closings else "",
        summary=closings[-1].summary if closings else "",
        tasks=_tasks(contents, closings[-1] if closings else None, trigger_time),
        filters=_filters(list(frames), points, trigger_time),
        interruptions=tuple(
            Interruption(
                t_s=(date - trigger_time).total_seconds(), state=str(content.state), text=content.text
            )
            for date, content in said
            if isinstance(content, Status) and content.state is not StatusState.PLAN
        ),
        source=curves[-1].source if curves else None,
        decay=curves[-1].fit if curves else None,
    )


def _answer(receipt: Receipt) -> str:
    return f"{receipt.outcome}: {receipt.reason}" if receipt.reason else str(receipt.outcome)


def _tasks(
    contents: Iterable[Content], closing: Closing | None, trigger_time: datetime
) -> tuple[TaskNight, ...]:
    planned = {
        task.task: task
        for content in contents
        if isinstance(content, Status) and content.state is StatusState.PLAN
        for task in content.tasks
    }
    ended = {task.task: task for task in closing.tasks} if closing else {}
    found = []
    for name in dict.fromkeys([*planned, *ended]):
        plan, end = planned.get(name), ended.get(name)
        found.append(
            TaskNight(
                task=name,
                planned_s=(plan.start - trigger_time).total_seconds() if plan else None,
                filters=plan.filters if plan else (),
                exposure_s=plan.exposure_s if plan else 0.0,
                count=plan.count if plan else 0,
                outcome=str(end.outcome) if end else "",
                exposures=end.exposures if end else 0,
                reason=end.reason if end else "",
            )
        )
    return tuple(found)


def _filters(
    frames: Sequence[FrameFacts], points: Sequence[PhotometryPoint], trigger_time: datetime
) -> tuple[FilterNight, ...]:
    found = []
    for name in dict.fromkeys(frame.filter for frame in frames):
        taken = [frame for frame in frames if frame.filter == name]
        depths = [frame.limit_mag for frame in taken if frame.limit_mag is not None]
        own = [point for point in points if point.filter == name]
        found.append(
            FilterNight(
                filter=name,
                frames=len(taken),
                exposure_s=sum(frame.exposure_s for frame in taken),
                first_s=min((frame.start - trigger_time).total_seconds() for frame in taken),
                last_s=max((frame.end - trigger_time).total_seconds() for frame in taken),
                limit_mag=max(depths, default=None),
                together_mag=_together(depths),
                measured=tuple(point for point in own if not point.limit),
                limits=tuple(point for point in own if point.limit),
            )
        )
    return tuple(found)


def _together(depths: Sequence[float]) -> float | None:
    """Add limits as signals over noise add: in squares."""
    if not depths:
        return None
    return 1.25 * math.log10(sum(10.0 ** (0.8 * depth) for depth in depths))
