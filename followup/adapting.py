"""Exposure times from the fading that was measured: how long, and how often, the next visits expose.

What is expected of a visit is the brightness that a power law through the measurements gives for its time;
what the telescope reaches is taken from the frames it took of this very field: their depth and magnitude
scale hold the sky's brightness, the seeing, the air and the optics of the night.

References
----------
Howell, S. B., Handbook of CCD Astronomy, 2nd ed. (2006), section 4.4 (the signal-to-noise ratio).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import field
from datetime import datetime, timedelta

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from followup.conditions import STRICT
from followup.decision import Decision
from voevent.kinds import PhotometryPoint, PowerLaw

_ASSUMED_INDEX = 1.0
"""Decay index of an afterglow that was seen, but not for long enough to tell."""
_BELIEVED_ERROR = 0.4
_LEAST_INDEX, _HIGHEST_INDEX = 0.0, 2.5
_STEP_S = 5.0
_WORTH_IT = 1.2
"""A visit whose summed exposure would change by a smaller factor is left as it is."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Bounds:
    """How far a visit's exposures may be adapted, and to what end.

    Attributes
    ----------
    snr
        Wanted signal-to-noise ratio of the counterpart in all exposures through one filter together.
    min_exposure_s, max_exposure_s
        Of one exposure.
    min_count, max_count
        Exposures through each filter.
    """

    snr: float = Field(gt=0, le=1000)
    min_exposure_s: float = Field(gt=0, le=3600)
    max_exposure_s: float = Field(gt=0, le=3600)
    min_count: int = Field(default=1, ge=1, le=1000)
    max_count: int = Field(ge=1, le=1000)

    @model_validator(mode="after")
    def _in_order(self) -> Bounds:
        if self.max_exposure_s < self.min_exposure_s or self.max_count < self.min_count:
            raise ValueError("a maximum is below its minimum")
        return self


@plain_dataclass(frozen=True, kw_only=True, slots=True)
class Depth:
    """What one exposure through a filter reached.

    Attributes
    ----------
    limit_mag
        5-sigma limit, AB.
    zero_mag
        AB magnitude of a source of one electron per second in the aperture.
    """

    exposure_s: float
    limit_mag: float
    zero_mag: float


@plain_dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What was measured so far."""

    points: tuple[PhotometryPoint, ...] = ()
    fit: PowerLaw | None = None
    depths: Mapping[str, Depth] = field(default_factory=dict)

    @property
    def detected(self) -> bool:
        """Whether the counterpart was measured."""
        return any(not point.limit for point in self.points)


@plain_dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """The exposures of a visit through each of its filters."""

    exposure_s: float
    count: int

    @property
    def total_s(self) -> float:
        """Summed exposure through one filter."""
        return self.exposure_s * self.count

    def __str__(self) -> str:
        """Spell it as astronomers do."""
        return f"{self.count} x {self.exposure_s:g} s"


def adapted(
    epoch: str,
    series: Series,
    bounds: Bounds,
    outlook: Outlook,
    *,
    filters: Sequence[str],
    trigger_time: datetime,
    start: datetime,
    room_s: float,
) -> tuple[Series, Decision | None]:
    """Work out the exposures of a visit to come.

    Parameters
    ----------
    epoch
        The strategy's name of the visit.
    series
        As the strategy has it: the answer, too, when nothing that helps was measured.
    filters
        Of the visit; the first with measured frames is what the exposures are computed for.
    start
        Of the visit.
    room_s
        Open-shutter time that the visit may take through one filter, at most.

    Returns
    -------
    Series
        Within the bounds.
    Decision
        None when the strategy's stand and there is nothing to say.
    """
    name = next((name for name in filters if name in outlook.depths), None)
    if name is None:
        return series, None
    depth = outlook.depths[name]
    t_s = (start + timedelta(seconds=series.total_s / 2.0) - trigger_time).total_seconds()
    expected = _expected(outlook, name, t_s)
    if expected is None and not any(point.filter == name for point in outlook.points):
        # Neither found nor excluded: it may have been too bright to be measured.
        return series, None
    values = {
        "filter": name,
        "t_h": f"{t_s / 3600:.2f}",
        "limit_mag": f"{depth.limit_mag:.2f}",
        "limit_exposure_s": f"{depth.exposure_s:g}",
        "zero_mag": f"{depth.zero_mag:.2f}",
        "wanted_snr": f"{bounds.snr:g}",
    }
    if expected is None:
        wanted_s = room_s
        said = f"nothing was found in {name} down to {depth.limit_mag:.1f}: as deep as allowed"
    else:
        wanted_s = _needed_s(expected.mag, depth, bounds.snr)
        how = "" if expected.measured else " assumed"
        said = (
            f"expected {name} = {expected.mag:.1f} at {t_s / 3600:.1f} h "
            f"from alpha = {expected.index:.1f}{how}"
        )
        values |= {"expected_mag": f"{expected.mag:.2f}", "alpha": f"{expected.index:.2f}"}
        values["wanted_s"] = f"{wanted_s:.0f}"
    found = _divided(min(wanted_s, room_s), series, bounds)
    if found.total_s <= room_s and not 1.0 / _WORTH_IT < found.total_s / series.total_s < _WORTH_IT:
        text = f"{epoch}: {said}: {found} instead of {series}"
        return found, Decision(rule="adapted-exposure", text=text, values=values)
    return series, None


@plain_dataclass(frozen=True, kw_only=True, slots=True)
class _Expected:
    mag: float
    index: float
    measured: bool


def _expected(outlook: Outlook, name: str, t_s: float) -> _Expected | None:
    """Extrapolate the light curve: the last measurement in the filter, else in any."""
    seen = [point for point in outlook.points if not point.limit and point.t_s > 0.0]
    if not seen or t_s <= 0.0:
        return None
    fit = outlook.fit
    measured = fit is not None and fit.index_err <= _BELIEVED_ERROR
    index = fit.index if fit is not None and measured else _ASSUMED_INDEX
    index = min(max(index, _LEAST_INDEX), _HIGHEST_INDEX)
    # A colour of another filter is not known; it matters less than hours of fading.
    last = max((p for p in seen if p.filter == name), key=lambda p: p.t_s, default=None)
    last = last or max(seen, key=lambda p: p.t_s)
    mag = last.mag + 2.5 * index * math.log10(max(t_s, last.t_s) / last.t_s)
    return _Expected(mag=mag, index=index, measured=measured)


def _needed_s(mag: float, depth: Depth, snr: float) -> float:
    """Compute the summed exposure that gives a source of this magnitude the wanted signal-to-noise ratio.

    In a time T the source gives s T electrons and the background a noise n sqrt(T) in the aperture, so that
    snr^2 = (s T)^2 / (s T + n^2 T). The limit tells n: there the ratio is 5.
    """
    source = math.pow(10.0, 0.4 * (depth.zero_mag - mag))
    faintest = math.pow(10.0, 0.4 * (depth.zero_mag - depth.limit_mag))
    background = max(0.0, (faintest**2 * depth.exposure_s / 25.0) - faintest)
    return snr**2 * (source + background) / source**2


def _divided(wanted_s: float, series: Series, bounds: Bounds) -> Series:
    """Divide a summed exposure into equal parts within the bounds: if possible, as many as there were."""
    count = min(max(series.count, bounds.min_count), bounds.max_count)
    each_s = min(max(wanted_s / count, bounds.min_exposure_s), bounds.max_exposure_s)
    count = min(max(math.ceil(wanted_s / each_s - 1e-9), bounds.min_count), bounds.max_count)
    each_s = min(max(wanted_s / count, bounds.min_exposure_s), bounds.max_exposure_s)
    # Round numbers, as observers write them.
    rounded_s = round(each_s / _STEP_S) * _STEP_S
    return Series(exposure_s=min(max(rounded_s, bounds.min_exposure_s), bounds.max_exposure_s), count=count)
