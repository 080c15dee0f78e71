"""What a drill came to: whether the source was found, where, how bright, and how soon each stage came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from agents.gft.drill.source import FadingSource
from agents.gft.drill.terms import DrillTerms, Stage
from agents.gft.reduction.plates import separation_arcsec
from followup.campaign import What
from messaging.records import Entry
from voevent.kinds import Result

_NEAR_ARCSEC = 2.0
_AGREES_SIGMA, _AGREES_MAG = 3.0, 0.1
_FIRST = {Stage.RECEIPT: What.ACCEPTED, Stage.SLEW: What.SLEWING, Stage.SHUTTER: What.EXPOSING}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """A stage: how long after the alert it was reached (None: never), and its budget."""

    stage: Stage
    after_s: float | None
    budget_s: float

    @property
    def in_time(self) -> bool:
        """Whether it was reached within its budget."""
        return self.after_s is not None and self.after_s <= self.budget_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One magnitude of the source as it was reported, and the true one."""

    filter: str
    t_s: float
    mag: float
    mag_err: float
    truth: float

    @property
    def agrees(self) -> bool:
        """Whether the two are the same within the error, or a tenth of a magnitude."""
        return abs(self.mag - self.truth) <= max(_AGREES_SIGMA * self.mag_err, _AGREES_MAG)


@dataclass(frozen=True, kw_only=True, slots=True)
class DrillReport:
    """The outcome of one drill.

    Attributes
    ----------
    ended
        Why it ended before the source was found; empty when it was.
    frames, missed
        Frames with the source, and why others do not show it.
    off_arcsec
        How far from the truth the source was found.
    """

    campaign: str
    alert: datetime
    ended: str
    frames: int
    missed: tuple[str, ...]
    off_arcsec: float | None
    measured: tuple[Measured, ...]
    stages: tuple[Reached, ...]

    @property
    def found(self) -> bool:
        """Whether the source was found where it is."""
        return self.off_arcsec is not None and self.off_arcsec <= _NEAR_ARCSEC

    @property
    def passed(self) -> bool:
        """Whether all is as it should be: found, as bright as it is, in time."""
        return (
            self.found
            and bool(self.measured)
            and all(each.agrees for each in self.measured)
            and all(each.in_time for each in self.stages)
        )

    def data(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "campaign": self.campaign,
            "alert": self.alert.isoformat(),
            "passed": self.passed,
            "found": self.found,
            "ended": self.ended,
            "frames": self.frames,
            "missed": list(self.missed),
            "off_arcsec": None if self.off_arcsec is None else round(self.off_arcsec, 2),
            "measured": [{**asdict(each), "agrees": each.agrees} for each in self.measured],
            "stages": [{**asdict(each), "in_time": each.in_time} for each in self.stages],
        }


def stages(
    alert: datetime,
    entries: Sequence[Entry],
    *,
    detected: datetime | None,
    received: datetime | None,
    terms: DrillTerms,
) -> tuple[Reached, ...]:
    """Tell when each stage was reached.

    Parameters
    ----------
    alert, detected, received
        Wall times: of the alert, of the commit of the first result with the source, and of the science
        centre's receipt of that.
    entries
        Of the campaign's journal.
    """
    times: dict[Stage, datetime | None] = {
        stage: next((entry.committed for entry in entries if entry.what == what), None)
        for stage, what in _FIRST.items()
    }
    times |= {Stage.PHOTOMETRY: detected, Stage.RESULT: received}
    return tuple(
        Reached(
            stage=stage,
            after_s=None if time is None else round((time - alert).total_seconds(), 3),
            budget_s=terms.budget_s[stage],
        )
        for stage, time in times.items()
    )


def detections(result: Result, source: FadingSource) -> tuple[float | None, tuple[Measured, ...]]:
    """Hold a result against the truth: how far off the source is (arcsec), and each magnitude."""
    if result.source is None:
        return None, ()
    measured = tuple(
        Measured(
            filter=point.filter,
            t_s=round(point.t_s, 2),
            mag=point.mag,
            mag_err=point.mag_err,
            truth=round(source.magnitude_at(point.t_s), 3),
        )
        for point in result.points
        if not point.limit and point.mag_err is not None
    )
    return separation_arcsec(result.source, source.position), measured
