"""When the shutter was open for a point of a light curve, and how bright it was meanwhile."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.gft.reduction.lightcurve import mean_time_s
from console.replay.whatif.frames import FrameFacts
from simulators.afterglow import Light
from voevent.kinds import PhotometryPoint


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """A frame: when it began, since the burst, how long it took, and what it counts for beside others."""

    start_s: float
    exposure_s: float
    weight: float


class Exposures:
    """The frames of a campaign, by task and filter.

    A point is made of so many frames as it says, one after the other, and its time is the mean of ln t over
    them, not their middle: of all such runs those frames are taken that give its time. Each counts as in the
    point, by its depth: a source that is faint against the sky is as uncertain as the sky is.

    Parameters
    ----------
    frames
        Reduced ones.
    trigger_time
        Of the burst.
    """

    def __init__(self, frames: Iterable[FrameFacts], trigger_time: datetime) -> None:
        self._exposures: dict[tuple[str, str], list[Exposure]] = defaultdict(list)
        for frame in sorted(frames, key=lambda frame: frame.start):
            self._exposures[(frame.task, frame.filter)].append(
                Exposure(
                    start_s=(frame.start - trigger_time).total_seconds(),
                    exposure_s=frame.exposure_s,
                    weight=0.0 if frame.limit_mag is None else 10.0 ** (0.8 * (frame.limit_mag - 20.0)),
                )
            )

    @property
    def groups(self) -> tuple[tuple[str, str], ...]:
        """Tasks and filters of which there are frames, in order of the first one."""
        return tuple(self._exposures)

    def of(self, point: PhotometryPoint) -> Sequence[Exposure]:
        """Give the frames of a point; nothing when there are not so many."""
        taken = self._exposures.get((point.task, point.filter), [])
        # What has no depth could not be measured.
        taken = [each for each in taken if each.weight > 0.0] or taken
        runs = [taken[first : first + point.frames] for first in range(len(taken) - point.frames + 1)]
        return min(runs, key=lambda run: abs(_time_s(run, point) - point.t_s), default=())

    def magnitude(self, point: PhotometryPoint, light: Light) -> float:
        """Average the light over the frames of a point; at its time alone when there are none."""
        run = self.of(point)
        if not run:
            return light.magnitude(point.t_s, point.filter)
        flux = sum(
            weight
            * 10.0
            ** (-0.4 * light.magnitude(each.start_s + each.exposure_s / 2.0, point.filter, each.exposure_s))
            for weight, each in zip(_weights(run), run, strict=True)
        )
        return -2.5 * math.log10(flux / sum(_weights(run))) if flux > 0.0 else math.inf


def _weights(run: Sequence[Exposure]) -> list[float]:
    if all(each.weight > 0.0 for each in run):
        return [each.weight for each in run]
    return [max(each.exposure_s, 1e-6) for each in run]


def _time_s(run: Sequence[Exposure], point: PhotometryPoint) -> float:
    times = [(each.start_s, each.exposure_s) for each in run]
    return mean_time_s(times, None if point.limit else _weights(run))[0]
