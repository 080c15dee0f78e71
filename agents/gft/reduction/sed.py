"""The spectral energy distribution at one epoch, from magnitudes taken one filter after the other.

References
----------
Oke, J. B., Gunn, J. E., 1983, ApJ 266, 713 (AB magnitudes); Tonry, J. L., et al., 2012, ApJ 750, 99 (g to y);
Bessell, M. S., 2005, ARA&A 43, 293 (UBVRI, JHK).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from agents.gft.reduction.image import AB_UJY
from agents.gft.reduction.lightcurve import joint_fit
from voevent.kinds import PhotometryPoint, PowerLaw, SedPoint

WAVELENGTH_NM = {
    "u": 355.7,
    "g": 481.1,
    "r": 615.6,
    "i": 750.4,
    "z": 866.9,
    "y": 961.3,
    "U": 360.5,
    "B": 441.3,
    "V": 551.2,
    "R": 658.6,
    "I": 806.0,
    "J": 1235.0,
    "H": 1662.0,
    "K": 2159.0,
}
"""Effective wavelengths."""

_TYPICAL_DECAY = (0.9, 0.5)
"""Index and its spread, for a task too short to tell."""
_LIGHT_NM_HZ = 2.99792458e17

Sed = tuple[tuple[SedPoint, ...], float, PowerLaw | None]


def build_sed(curve: Sequence[PhotometryPoint], decay: PowerLaw | None) -> Sed | None:
    """Bring the filters of the task that saw most of them to a common time.

    Parameters
    ----------
    curve
        All points of the campaign.
    decay
        The light curve's power law; a typical one with a generous error stands in when it is unknown.

    Returns
    -------
    points, epoch_s, fit : tuple
        Flux densities, the time since the trigger time that they are for, and the fit
        F proportional to frequency**(-index) (three filters at least). None with fewer than two filters.
    """
    chosen = _richest_task(curve)
    filters = {p.filter for p in chosen}
    if len(filters) < 2:
        return None
    # Weighted, the mean time is where the points themselves say most.
    weight = np.array([(p.mag_err or 1.0) ** -2 for p in chosen])
    epoch_s = float(np.exp(np.sum(weight * np.log([p.t_s for p in chosen])) / weight.sum()))
    local = joint_fit(chosen)
    index, index_err = _TYPICAL_DECAY
    if local is not None and local.law.index_err < _TYPICAL_DECAY[1]:
        index, index_err = local.law.index, local.law.index_err
    elif decay is not None and decay.index_err < _TYPICAL_DECAY[1]:
        # The slope of the whole curve need not be that of this task.
        index, index_err = decay.index, max(decay.index_err, 0.2)
    sed = tuple(
        _sed_point(name, [p for p in chosen if p.filter == name], epoch_s, index, index_err)
        for name in sorted(filters, key=lambda f: WAVELENGTH_NM[f])
    )
    return sed, epoch_s, fit_spectrum(sed)


def fit_spectrum(sed: Sequence[SedPoint]) -> PowerLaw | None:
    """Fit F proportional to frequency**(-index); None with fewer than three positive points."""
    bright = [p for p in sed if p.flux_density_ujy > 0.0]
    if len(bright) < 3:
        return None
    x = np.log([_LIGHT_NM_HZ / p.wavelength_nm for p in bright])
    y = np.log([p.flux_density_ujy for p in bright])
    weight = np.array([(p.flux_density_ujy / p.flux_density_err_ujy) ** 2 for p in bright])
    x0, y0 = np.sum(weight * x) / weight.sum(), np.sum(weight * y) / weight.sum()
    spread = float(np.sum(weight * (x - x0) ** 2))
    slope = float(np.sum(weight * (x - x0) * (y - y0))) / spread
    chi2 = float(np.sum(weight * (y - y0 - slope * (x - x0)) ** 2))
    dof = len(bright) - 2
    return PowerLaw(index=-slope, index_err=math.sqrt(max(1.0, chi2 / dof) / spread), chi2=chi2, dof=dof)


def _richest_task(curve: Sequence[PhotometryPoint]) -> list[PhotometryPoint]:
    """Pick the detections of the task with the most filters, of several the one with the smallest errors."""
    tasks: dict[str, list[PhotometryPoint]] = {}
    for point in curve:
        if (
            not point.limit
            and point.mag_err is not None
            and point.filter in WAVELENGTH_NM
            and point.t_s > 0.0
        ):
            tasks.setdefault(point.task, []).append(point)

    def worth(points: list[PhotometryPoint]) -> tuple[int, float]:
        worst = max(
            min(p.mag_err or 9.0 for p in points if p.filter == f) for f in {p.filter for p in points}
        )
        return len({p.filter for p in points}), -worst

    return max(tasks.values(), key=worth, default=[])


def _sed_point(
    name: str, points: Sequence[PhotometryPoint], epoch_s: float, index: float, index_err: float
) -> SedPoint:
    """Weighted mean of one filter, moved along the decay to the epoch."""
    lever = np.array([2.5 * math.log10(p.t_s / epoch_s) for p in points])
    err = np.array([p.mag_err or 1.0 for p in points])
    weight = err**-2 / np.sum(err**-2)
    mag = float(np.sum(weight * (np.array([p.mag for p in points]) - index * lever)))
    moved = abs(float(np.sum(weight * lever))) * index_err
    # The points of one filter share the magnitude scale: their mean is no better than the best of them.
    mag_err = math.hypot(max(float(np.sum(err**-2)) ** -0.5, 0.5 * float(err.min())), moved)
    flux = 10.0 ** (0.4 * (AB_UJY - mag))
    return SedPoint(
        filter=name,
        wavelength_nm=WAVELENGTH_NM[name],
        flux_density_ujy=flux,
        flux_density_err_ujy=flux * mag_err / 1.0857,
    )
