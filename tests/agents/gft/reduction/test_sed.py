from __future__ import annotations

import math

import numpy as np
import pytest

from agents.gft.reduction.sed import WAVELENGTH_NM, build_sed, fit_spectrum
from voevent.kinds import PhotometryPoint, PowerLaw, SedPoint


def point(name: str, t_s: float, mag: float, err: float = 0.03, task: str = "t1") -> PhotometryPoint:
    return PhotometryPoint(
        task=task, t_s=t_s, exposure_s=30.0, filter=name, mag=mag, mag_err=err, limit=False
    )


def afterglow(name: str, t_s: float, *, alpha: float, beta: float) -> float:
    """AB magnitude of a power law in time and frequency, 18 in r at 1000 s."""
    return (
        18.0
        + 2.5 * alpha * math.log10(t_s / 1000.0)
        - 2.5 * beta * math.log10(WAVELENGTH_NM[name] / WAVELENGTH_NM["r"])
    )


def test_an_ab_magnitude_is_a_flux_density():
    sed, epoch_s, fit = build_sed([point("g", 100.0, 23.9, 0.1), point("r", 100.0, 18.9, 0.1)], None)
    assert [p.filter for p in sed] == ["g", "r"]
    assert sed[0].flux_density_ujy == pytest.approx(1.0)
    assert sed[1].flux_density_ujy == pytest.approx(100.0)
    assert sed[1].flux_density_err_ujy == pytest.approx(100.0 * 0.1 / 1.0857, rel=0.01)
    assert epoch_s == pytest.approx(100.0)
    assert fit is None


@pytest.mark.parametrize("alpha", [-1.0, 0.6, 1.3])
def test_filters_taken_one_after_the_other_are_brought_to_one_epoch(rng, alpha):
    pulls = []
    for _ in range(60):
        curve = [
            point(f, t, afterglow(f, t, alpha=alpha, beta=0.8) + rng.normal(0.0, 0.03))
            for i, f in enumerate("griz")
            for t in (200.0 + 150 * i, 250.0 + 150 * i, 300.0 + 150 * i)
        ]
        sed, _, fit = build_sed(curve, PowerLaw(index=alpha, index_err=0.05, chi2=1.0, dof=1))
        assert [p.filter for p in sed] == list("griz")
        pulls.append((fit.index - 0.8) / fit.index_err)
    # Filters and time go together in such a sequence: the fit's own errors know nothing of that.
    assert np.mean(np.abs(pulls) < 3.0) > 0.9


def test_the_task_with_the_most_filters_is_taken():
    curve = [point("r", 100.0, 17.0, 0.01)]
    curve += [point(f, 4000.0, 19.0, task="t2") for f in "gri"]
    sed, epoch_s, _ = build_sed(curve, None)
    assert len(sed) == 3
    assert epoch_s == pytest.approx(4000.0)


def test_no_sed_of_one_filter_of_limits_or_of_an_unknown_filter():
    assert build_sed([], None) is None
    assert build_sed([point("r", 100.0, 17.0), point("r", 200.0, 18.0)], None) is None
    assert build_sed([point("r", 100.0, 17.0), point("clear", 100.0, 18.0)], None) is None


def test_an_unknown_decay_costs_certainty():
    curve = [point("g", 100.0, 18.0), point("r", 1000.0, 19.0)]
    vague, _, _ = build_sed(curve, None)
    known, _, _ = build_sed(curve, PowerLaw(index=0.9, index_err=0.01, chi2=1.0, dof=3))
    assert vague[0].flux_density_err_ujy > known[0].flux_density_err_ujy


def test_the_spectral_index_is_recovered():
    sed = [
        SedPoint(
            filter=f,
            wavelength_nm=w,
            flux_density_ujy=50.0 * (w / 600.0) ** 1.1,
            flux_density_err_ujy=1.0,
        )
        for f, w in WAVELENGTH_NM.items()
    ]
    fit = fit_spectrum(sed)
    assert fit.index == pytest.approx(1.1)
    assert fit.chi2 == pytest.approx(0.0, abs=1e-9)
    assert fit_spectrum(sed[:2]) is None
