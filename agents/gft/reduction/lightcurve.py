"""Points of a light curve from the fluxes of frames, and the power law through them.

References
----------
Sari, R., Piran, T., Narayan, R., 1998, ApJ 497, L17 (why afterglows are power laws of time).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.gft.reduction.flux import Flux, limit_magnitude, mean, to_magnitude
from voevent.kinds import PhotometryPoint, PowerLaw

MEASURE_SIGMA = 5.0
"""A flux this significant is a measurement, anything fainter an upper limit.

At lower significance mostly upward fluctuations would get a magnitude, and the curve would be too bright by
more than its errors say (Eddington 1913, MNRAS 73, 359).
"""
LIMIT_SIGMA = 5.0

_POINT_SNR = 10.0
"""Frames are joined until a point reaches this, where they can: a tenth of a magnitude."""
_STEEPNESS = 1.0
"""Decay index for which the change of flux within a point is allowed for."""
_LEAST_SPAN = 1.2
"""A power law needs times that differ by this factor at least."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The source's flux on one frame, `start_s` seconds after the trigger time."""

    start_s: float
    exposure_s: float
    flux: Flux


def points(measured: Sequence[Measured], *, task: str, filter_name: str) -> list[PhotometryPoint]:
    """Bin the fluxes of one task and filter.

    One point a frame while the source is bright; runs of consecutive frames joined while it is faint; one
    upper limit when even all together show nothing. The size of the runs follows from all frames together,
    not from each frame's own luck, which would favour upward fluctuations.

    Parameters
    ----------
    measured
        At least one, in any order.
    """
    ordered = sorted(measured, key=lambda m: m.start_s)
    overall = mean([m.flux for m in ordered])
    count = len(ordered)
    if overall.snr < MEASURE_SIGMA:
        return [_point(ordered, task, filter_name)]
    size = min(count, max(1, math.ceil(count * (_POINT_SNR / overall.snr) ** 2)))
    runs = max(1, count // size)
    return [
        _point([ordered[i] for i in run], task, filter_name) for run in np.array_split(range(count), runs)
    ]


def limit_point(
    times: Sequence[tuple[float, float]], limit_mag: float, *, task: str, filter_name: str
) -> PhotometryPoint:
    """Upper limit of a search over frames given as (start since the trigger time, exposure), in seconds."""
    return PhotometryPoint(
        task=task,
        t_s=mean_time_s(times)[0],
        exposure_s=sum(exposure for _, exposure in times),
        filter=filter_name,
        mag=limit_mag,
        mag_err=None,
        limit=True,
        limit_sigma=LIMIT_SIGMA,
        frames=len(times),
    )


def mean_time_s(
    times: Sequence[tuple[float, float]], weights: Sequence[float] | None = None
) -> tuple[float, float]:
    """Mean of ln t over the open-shutter time, and the variance of ln t.

    A flux that follows a power law has, to first order in the variance, its mean value at that time whatever
    its index; at the middle of the exposure it has only when it is linear. For one short exposure the two
    are the same.

    Parameters
    ----------
    times
        Pairs (start since the trigger time, exposure), in seconds.
    weights
        Of the frames in the mean flux; exposure times when absent.

    Returns
    -------
    t_s, variance : float
        The middle of the open-shutter time and 0 when part of it lies before the trigger time.
    """
    start = np.array([t for t, _ in times])
    span = np.array([max(e, 1e-6) for _, e in times])
    weight = np.array(weights) if weights is not None else span.copy()
    weight = weight / weight.sum()
    if np.any(start <= 0.0):
        return float(np.sum(weight * (start + span / 2.0))), 0.0
    end = start + span
    # Integrals of ln t and (ln t)^2 in closed form.
    first = (end * np.log(end) - start * np.log(start)) / span - 1.0
    second = (end * np.log(end) ** 2 - start * np.log(start) ** 2) / span - 2.0 * first
    middle = float(np.sum(weight * first))
    return math.exp(middle), max(0.0, float(np.sum(weight * second)) - middle**2)


def fit_power_law(curve: Sequence[PhotometryPoint]) -> PowerLaw | None:
    """Fit F proportional to t**(-index) to the detections, each filter with its own normalisation.

    The index' error grows with the square root of the reduced chi square where that exceeds 1: a curve with
    bumps or a break is not known as well as its points.

    Returns
    -------
    PowerLaw or None
        None when there are too few points (two more than filters) or they span too short a time.
    """
    fit = joint_fit(curve)
    return None if fit is None else fit.law


@dataclass(frozen=True, kw_only=True, slots=True)
class JointFit:
    """A power law with the AB magnitude of each filter at `epoch_s`."""

    law: PowerLaw
    epoch_s: float
    mags: dict[str, float]


def joint_fit(curve: Sequence[PhotometryPoint]) -> JointFit | None:
    """Weighted least squares of magnitudes on log time."""
    seen = [(p, p.mag_err) for p in curve if not p.limit and p.mag_err is not None and p.t_s > 0.0]
    filters = sorted({p.filter for p, _ in seen})
    if len(seen) < len(filters) + 2:
        return None
    t = np.array([p.t_s for p, _ in seen])
    if t.max() < _LEAST_SPAN * t.min():
        return None
    epoch_s = float(np.exp(np.mean(np.log(t))))
    err = np.array([e for _, e in seen])
    mag = np.array([p.mag for p, _ in seen])
    slope = 2.5 * np.log10(t / epoch_s)
    own = np.array([[p.filter == name for name in filters] for p, _ in seen], np.float64)
    design = np.column_stack([slope, own]) / err[:, None]
    covariance = np.linalg.pinv(design.T @ design)
    solution = covariance @ design.T @ (mag / err)
    chi2 = float(np.sum((design @ solution - mag / err) ** 2))
    dof = len(seen) - len(filters) - 1
    if not 0.0 < covariance[0, 0] < 25.0:
        return None
    grown = max(1.0, chi2 / dof)
    law = PowerLaw(
        index=float(solution[0]), index_err=float(np.sqrt(covariance[0, 0] * grown)), chi2=chi2, dof=dof
    )
    return JointFit(law=law, epoch_s=epoch_s, mags=dict(zip(filters, map(float, solution[1:]), strict=True)))


def _point(run: Sequence[Measured], task: str, filter_name: str) -> PhotometryPoint:
    flux = mean([m.flux for m in run])
    times = [(m.start_s, m.exposure_s) for m in run]
    if flux.snr < MEASURE_SIGMA:
        limit_mag = limit_magnitude(flux.sky_err_ujy, LIMIT_SIGMA)
        return limit_point(times, limit_mag, task=task, filter_name=filter_name)
    t_s, variance = mean_time_s(times, [m.flux.sky_err_ujy**-2 for m in run])
    curvature = 1.0857 * 0.5 * _STEEPNESS**2 * variance
    noise = 1.0857 * flux.err_ujy / flux.ujy
    return PhotometryPoint(
        task=task,
        t_s=t_s,
        exposure_s=sum(m.exposure_s for m in run),
        filter=filter_name,
        mag=to_magnitude(flux.ujy),
        mag_err=math.sqrt(noise**2 + flux.scale_err_mag**2 + flux.scatter_mag**2 + curvature**2),
        limit=False,
        frames=len(run),
    )
