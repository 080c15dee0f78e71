"""What was observed, beside what would have been."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from console.replay.decisions import decided
from console.replay.difference import Difference
from console.replay.record import Recording
from console.replay.telescope.run import Replayed
from console.replay.whatif.frames import recorded_frames, taken_frames
from console.replay.whatif.imagined import Imagined
from console.replay.whatif.light import last_trigger
from console.replay.whatif.night import FilterNight, Night, night_of
from console.replay.whatif.supposition import Supposition
from voevent.kinds import PhotometryPoint

_MINUTES_FROM_S, _HOURS_FROM_S = 600.0, 7200.0
_NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A fact, then and now."""

    what: str
    then: str
    now: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What a what-if showed. It is neither good nor bad, but that the agent may have broken rules.

    Attributes
    ----------
    supposed
        What was otherwise.
    remarks
        What the simulated world was made of.
    decisions
        Those that came out otherwise, then and now.
    faults
        Rules that the agent broke on the way, whatever was supposed.
    reduction_s, wall_s
        How long the image processing took, and all of it.
    """

    campaign: str
    supposed: str
    remarks: tuple[str, ...]
    then: Night
    now: Night
    decisions: tuple[Difference, ...]
    faults: tuple[str, ...]
    reduction_s: float
    wall_s: float

    def to_data(self) -> dict[str, Any]:
        """Give it for scripts."""
        data = asdict(self)
        for name, night in (("then", self.then), ("now", self.now)):
            data[name] |= {"frames": night.frames, "first_s": night.first_s}
        return data

    def rows(self) -> tuple[Row, ...]:
        """Lay both nights side by side: how it went, task by task, filter by filter."""
        return tuple(_rows(self.then, self.now))


def compare(
    recording: Recording, imagined: Imagined, supposed: Supposition, replayed: Replayed, root: Path
) -> Comparison:
    """Hold what would have been beside the record (blocking: frames' headers are read).

    Parameters
    ----------
    root
        The folder in which it was played.
    """
    name = recording.name
    faults = [*replayed.complaints, *replayed.damaged]
    if not replayed.ended:
        faults.append("the campaign did not come to its end")
    return Comparison(
        campaign=str(name),
        supposed=str(supposed),
        remarks=imagined.remarks,
        then=night_of(
            [(said.header.date, said.content) for said in recording.by(name.telescope)],
            recorded_frames(recording),
            triggers=[said.packet.id for said in recording.triggers],
            trigger_time=last_trigger(recording).trigger_time,
        ),
        now=night_of(
            [(heard.header.date, heard.content) for heard in replayed.heard],
            taken_frames(root, name),
            triggers=[said.packet.id for said in imagined.conversation.triggers],
            trigger_time=imagined.trigger_time,
        ),
        decisions=tuple(
            difference
            for _, difference in decided(recording.decisions(), replayed.decisions)
            if difference is not None
        ),
        faults=tuple(faults),
        reduction_s=replayed.reduction_s,
        wall_s=replayed.wall_s,
    )


def _rows(then: Night, now: Night) -> Iterator[Row]:
    yield Row(what="answer to the trigger", then=then.answer, now=now.answer)
    yield Row(what="outcome", then=_outcome(then), now=_outcome(now))
    yield Row(what="first exposure", then=since(then.first_s), now=since(now.first_s))
    yield Row(what="counterpart first measured", then=_point(then, 0), now=_point(now, 0))
    yield Row(what="counterpart last measured", then=_point(then, -1), now=_point(now, -1))
    yield Row(what="decay index", then=_decay(then), now=_decay(now))
    if then.interruptions or now.interruptions:
        yield Row(what="interruptions", then=_interrupted(then), now=_interrupted(now))
    mine, theirs = ({task.task: task for task in night.tasks} for night in (then, now))
    for task in dict.fromkeys([*mine, *theirs]):
        yield Row(what=f"task {task}", then=_task(then, task), now=_task(now, task))
    old, new = ({each.filter: each for each in night.filters} for night in (then, now))
    for name in dict.fromkeys([*old, *new]):
        a, b = old.get(name), new.get(name)
        yield Row(what=f"{name}: frames", then=_frames(a), now=_frames(b))
        for what, of in (("deepest frame", "limit_mag"), ("all frames", "together_mag")):
            yield Row(what=f"{name}: {what}", then=_limit(a, of), now=_limit(b, of))
        yield Row(what=f"{name}: points", then=_points(a), now=_points(b))


def since(seconds: float | None) -> str:
    """Write a time since the burst as people say it."""
    if seconds is None:
        return _NONE
    if abs(seconds) < _MINUTES_FROM_S:
        return f"{seconds:+.0f} s"
    return f"{seconds / 60:+.1f} min" if abs(seconds) < _HOURS_FROM_S else f"{seconds / 3600:+.2f} h"


def _outcome(night: Night) -> str:
    return f"{night.outcome}: {night.summary}" if night.outcome else _NONE


def _point(night: Night, at: int) -> str:
    return _told(night.measured[at]) if night.measured else _NONE


def _told(point: PhotometryPoint) -> str:
    return f"{point.filter} {point.mag:.2f} ± {point.mag_err or 0.0:.2f} at {since(point.t_s)}"


def _decay(night: Night) -> str:
    return f"{night.decay.index:.2f} ± {night.decay.index_err:.2f}" if night.decay else _NONE


def _interrupted(night: Night) -> str:
    return "; ".join(f"{since(e.t_s)} {e.state}: {e.text}" for e in night.interruptions) or _NONE


def _task(night: Night, name: str) -> str:
    task = next((task for task in night.tasks if task.task == name), None)
    if task is None:
        return _NONE
    parts = []
    if task.planned_s is not None:
        series = f"{' '.join(task.filters)} {task.count} x {task.exposure_s:g} s"
        parts.append(f"{since(task.planned_s)}: {series}")
    if task.outcome:
        parts.append(f"{task.outcome}, {task.exposures} exposures")
    if task.reason:
        parts.append(task.reason)
    return "; ".join(parts)


def _frames(each: FilterNight | None) -> str:
    if each is None:
        return _NONE
    return f"{each.frames} of {each.exposure_s:g} s in all, {since(each.first_s)} to {since(each.last_s)}"


def _limit(each: FilterNight | None, of: str) -> str:
    limit = None if each is None else getattr(each, of)
    return _NONE if limit is None else f"{limit:.2f}"


def _points(each: FilterNight | None) -> str:
    if each is None:
        return _NONE
    parts = [f"{len(each.measured)} measured"] if each.measured else []
    parts += [f"{len(each.limits)} limits"] if each.limits else []
    return ", ".join(parts) or _NONE
