"""What a telescope made of a burst of history, beside what was put into the sky and what was published."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from console.replay.history.alerts import Announced
from console.replay.history.exposed import Exposures
from console.replay.history.passbands import BANDS
from console.replay.history.published import PublishedLightCurve, PublishedPoint
from console.replay.telescope.run import Replayed
from console.replay.whatif.frames import FrameFacts
from followup.progress import separation_deg
from simulators.tabulated import TabulatedAfterglow
from voevent.kinds import Closing, PhotometryPoint, Product, Receipt, ReceiptOutcome, Result
from voevent.packet import SkyPosition

_NEAR_DEX = 0.1
"""A published point is held against one of ours if it is so near in time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Nearest:
    """The published point that is nearest to one of ours.

    Attributes
    ----------
    mag
        As published, in AB.
    moved
        What is added to it to bring it to our time and filter, along the light that was put into the sky.
    residual
        Ours minus it, moved.
    pull
        That over the errors of both.
    """

    t_s: float
    band: str
    mag: float
    mag_err: float
    source: str
    moved: float
    residual: float
    pull: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Recovered:
    """A point of the telescope's light curve.

    Attributes
    ----------
    mag, mag_err
        What was measured; `mag_err` is None and `mag` the limit when nothing was found.
    sky_mag
        What was put into the sky, averaged over the exposures of the frames as the point is; None before
        anything shone.
    extrapolated
        Whether that lies outside of all that was published.
    residual, pull
        Measured minus `sky_mag`, and that over the error; None for limits.
    nearest
        None for limits, and when nothing was published near it.
    """

    task: str
    t_s: float
    exposure_s: float
    filter: str
    mag: float
    mag_err: float | None
    limit: bool
    frames: int
    sky_mag: float | None
    extrapolated: bool
    residual: float | None = None
    pull: float | None = None
    nearest: Nearest | None = None

    @property
    def missed(self) -> bool:
        """Whether this is a limit, and what shone was brighter than it."""
        return self.limit and self.sky_mag is not None and self.sky_mag < self.mag


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterSummary:
    """All measurements through a filter.

    Attributes
    ----------
    mean_residual, scatter
        Weighted mean of the residuals and their standard deviation about it.
    chi2
        Sum of the squares of the pulls.
    mean_published
        Mean of the residuals against published points; None when there are none.
    """

    filter: str
    measured: int
    limits: int
    mean_residual: float | None
    scatter: float | None
    chi2: float
    mean_published: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What came of a burst of history.

    Attributes
    ----------
    shift_s
        By how much later than in history it came.
    answers
        What the telescope answered to each trigger, with its reason.
    outcome
        The closing's summary; empty when no campaign began.
    first_s
        When the first exposure of all points began, after T0.
    unmeasured
        Tasks with the filters whose frames gave neither a magnitude nor a limit: too bright, or no stars.
    counterpart_off_arcsec
        How far from the true place the counterpart was found; None when none was.
    left_out
        Published points that could not be used, by reason.
    faults
        Rules that were broken on the way.
    """

    burst: str
    telescope: str
    trigger_time: datetime
    shift_s: float
    answers: tuple[str, ...]
    accepted: bool
    outcome: str
    points: tuple[Recovered, ...]
    filters: tuple[FilterSummary, ...]
    first_s: float | None
    unmeasured: tuple[str, ...]
    counterpart_off_arcsec: float | None
    published: int
    left_out: Mapping[str, int]
    unheeded: tuple[str, ...]
    faults: tuple[str, ...]
    wall_s: float

    @property
    def good(self) -> bool:
        """Whether no rule was broken."""
        return not self.faults

    def to_data(self) -> dict[str, Any]:
        """Give it for scripts."""
        return {**asdict(self), "trigger_time": self.trigger_time.isoformat(), "good": self.good}


def compare(
    replayed: Replayed,
    alerts: Announced,
    published: PublishedLightCurve,
    light: TabulatedAfterglow,
    *,
    frames: Iterable[FrameFacts],
    shift: timedelta = timedelta(),
) -> Comparison:
    """Hold what was heard against the sky and the literature.

    Parameters
    ----------
    frames
        Those that the telescope reduced.
    """
    contents = [heard.content for heard in replayed.heard]
    curves = [c for c in contents if isinstance(c, Result) and c.product is Product.LIGHT_CURVE]
    closings = [content for content in contents if isinstance(content, Closing)]
    answers = [content for content in contents if isinstance(content, Receipt)]
    measured = curves[-1].points if curves else ()
    exposures = Exposures(frames, alerts.trigger_time + shift)
    points = tuple(recovered(point, published, light, exposures) for point in measured)
    faults = [*replayed.complaints, *replayed.damaged]
    if not replayed.ended:
        faults.append("the campaign did not come to its end")
    return Comparison(
        burst=alerts.conversation.name.burst,
        telescope=alerts.conversation.name.telescope,
        trigger_time=alerts.trigger_time + shift,
        shift_s=shift.total_seconds(),
        answers=tuple(f"{answer.outcome}: {answer.reason}" for answer in answers),
        accepted=any(answer.outcome is ReceiptOutcome.ACCEPTED for answer in answers),
        outcome=closings[-1].summary if closings else "",
        points=points,
        filters=_summaries(points),
        first_s=min((each.start_s for point in measured for each in exposures.of(point)), default=None),
        unmeasured=_unmeasured(exposures, points),
        counterpart_off_arcsec=_off(curves[-1].source if curves else None, alerts.position),
        published=len(published.points),
        left_out=published.left_out,
        unheeded=alerts.unheeded,
        faults=tuple(faults),
        wall_s=replayed.wall_s,
    )


def recovered(
    point: PhotometryPoint, published: PublishedLightCurve, light: TabulatedAfterglow, exposures: Exposures
) -> Recovered:
    """Hold one point against the sky, and against the nearest that was published."""
    sky = exposures.magnitude(point, light)
    first_s, last_s = light.span_s
    shone = math.isfinite(sky)
    measured = shone and not point.limit and point.mag_err is not None
    residual = point.mag - sky if measured else None
    return Recovered(
        task=point.task,
        t_s=point.t_s,
        exposure_s=point.exposure_s,
        filter=point.filter,
        mag=point.mag,
        mag_err=point.mag_err,
        limit=point.limit,
        frames=point.frames,
        sky_mag=sky if shone else None,
        extrapolated=not first_s <= point.t_s <= last_s,
        residual=residual,
        pull=residual / point.mag_err if residual is not None and point.mag_err else None,
        nearest=_nearest(point, sky, published.points, light) if measured else None,
    )


def _nearest(
    point: PhotometryPoint, sky: float, published: Sequence[PublishedPoint], light: TabulatedAfterglow
) -> Nearest | None:
    """Find the published point of the same filter, or else of the nearest one, at about the same time."""
    near = [each for each in published if abs(math.log10(each.t_s / point.t_s)) <= _NEAR_DEX]
    if not near:
        return None
    wavelength_nm = BANDS[point.filter].wavelength_nm

    def away(each: PublishedPoint) -> tuple[float, float]:
        return abs(BANDS[each.band].wavelength_nm - wavelength_nm), abs(math.log(each.t_s / point.t_s))

    found = min(near, key=away)
    moved = sky - light.magnitude(found.t_s, found.band)
    residual = point.mag - found.mag - moved
    return Nearest(
        t_s=found.t_s,
        band=found.band,
        mag=found.mag,
        mag_err=found.mag_err,
        source=found.source,
        moved=moved,
        residual=residual,
        pull=residual / math.hypot(found.mag_err, point.mag_err or 0.0),
    )


def _unmeasured(exposures: Exposures, points: Sequence[Recovered]) -> tuple[str, ...]:
    measured = {(point.task, point.filter) for point in points}
    missing: dict[str, list[str]] = {}
    for task, name in exposures.groups:
        if (task, name) not in measured:
            missing.setdefault(task, []).append(name)
    return tuple(f"{task} in {' '.join(names)}" for task, names in missing.items())


def _summaries(points: Sequence[Recovered]) -> tuple[FilterSummary, ...]:
    found = []
    for name in dict.fromkeys(point.filter for point in points):
        own = [point for point in points if point.filter == name]
        told = [
            (point.residual, point.pull, point.mag_err)
            for point in own
            if point.residual is not None and point.pull is not None and point.mag_err
        ]
        weights = [err**-2 for _, _, err in told]
        mean = sum(w * r for w, (r, _, _) in zip(weights, told, strict=True)) / sum(weights) if told else None
        near = [point.nearest.residual for point in own if point.nearest is not None]
        found.append(
            FilterSummary(
                filter=name,
                measured=len(told),
                limits=sum(point.limit for point in own),
                mean_residual=mean,
                scatter=None
                if mean is None
                else math.sqrt(sum((r - mean) ** 2 for r, _, _ in told) / len(told)),
                chi2=sum(pull**2 for _, pull, _ in told),
                mean_published=sum(near) / len(near) if near else None,
            )
        )
    return tuple(found)


def _off(found: SkyPosition | None, true: SkyPosition) -> float | None:
    return None if found is None else 3600.0 * separation_deg(found, true)
