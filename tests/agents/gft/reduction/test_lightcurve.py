from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.gft.reduction.flux import Flux
from agents.gft.reduction.lightcurve import Measured, fit_power_law, mean_time_s, points
from voevent.kinds import PhotometryPoint


def flux(ujy: float, err: float = 1.0, *, scatter: float = 0.0) -> Flux:
    return Flux(
        ujy=ujy,
        sky_err_ujy=err,
        err_ujy=math.sqrt(err**2 + max(0.0, ujy) * 0.01),
        scale_err_mag=0.002,
        scatter_mag=scatter,
        starlike=True,
        blended=False,
    )


def series(fluxes, *, start_s=100.0, exposure_s=30.0) -> list[Measured]:
    return [
        Measured(start_s=start_s + 40.0 * i, exposure_s=exposure_s, flux=flux(f))
        for i, f in enumerate(fluxes)
    ]


def curve(measured):
    return points(measured, task="t1", filter_name="r")


def point(t_s: float, mag: float, err: float = 0.02, name: str = "r") -> PhotometryPoint:
    return PhotometryPoint(
        task="t1", t_s=t_s, exposure_s=30.0, filter=name, mag=mag, mag_err=err, limit=False
    )


def test_a_bright_source_has_a_point_for_each_frame():
    found = curve(series([100.0, 80.0, 70.0, 60.0]))
    assert [p.frames for p in found] == [1, 1, 1, 1]
    assert found[0].mag == pytest.approx(23.9 - 5.0)
    assert found[0].mag_err == pytest.approx(1.0857 * math.sqrt(2.0) / 100.0, rel=0.2)


def test_a_faint_source_is_stacked_until_it_is_measured_well():
    found = curve(series([4.0] * 20))
    assert [p.frames for p in found] == [10, 10]
    assert sum(p.exposure_s for p in found) == 600.0


def test_a_very_faint_source_is_one_point_and_nothing_is_one_limit():
    (only,) = curve(series([1.8] * 9))
    assert not only.limit
    assert only.frames == 9
    (limit,) = curve(series([0.3] * 9))
    assert limit.limit
    assert limit.mag_err is None
    assert limit.mag == pytest.approx(23.9 - 2.5 * math.log10(5.0 / 3.0))
    assert limit.limit_sigma == 5.0


def test_a_run_of_a_faded_source_gives_a_limit_among_points():
    found = curve(series([60.0, 20.0, 8.0, 0.0]))
    assert [p.limit for p in found] == [False, False, False, True]


def test_the_scale_of_the_field_is_not_averaged_away():
    measured = [
        Measured(start_s=100.0 + 40 * i, exposure_s=30.0, flux=flux(5.0, scatter=0.05)) for i in range(400)
    ]
    assert all(p.mag_err > 0.05 for p in curve(measured))


@given(
    start=st.floats(20.0, 1e5),
    part=st.floats(0.01, 0.7),
    index=st.floats(-1.5, 2.5),
)
def test_the_mean_flux_of_a_power_law_is_that_of_the_mean_time(start, part, index):
    exposure = part * start
    t_s, variance = mean_time_s([(start, exposure)])
    end = start + exposure
    times = np.linspace(start, end, 4001)
    mean_flux = np.trapezoid((times / t_s) ** -index, times) / exposure
    assert start < t_s < end
    # The second order of the expansion, with room for higher ones.
    assert abs(math.log(mean_flux)) <= 1.5 * 0.5 * index**2 * variance + 1e-6


def test_the_mean_time_is_that_of_the_open_shutter():
    t_s, _ = mean_time_s([(1000.0, 10.0), (1990.0, 20.0)])
    assert t_s == pytest.approx(math.exp((math.log(1005) * 10 + math.log(2000) * 20) / 30), rel=1e-5)
    assert mean_time_s([(-5.0, 20.0)]) == (5.0, 0.0)


@pytest.mark.parametrize("index", [-0.8, 0.9, 2.2])
def test_a_power_law_is_recovered_over_several_filters(rng, index):
    pulls = []
    for _ in range(60):
        measured = [
            point(t, 18.0 + colour + 2.5 * index * math.log10(t / 500.0) + rng.normal(0.0, 0.03), 0.03, name)
            for t in (120.0, 300.0, 900.0, 5000.0)
            for name, colour in (("g", 0.4), ("r", 0.0))
        ]
        fit = fit_power_law(measured)
        assert fit is not None
        assert fit.dof == 5
        pulls.append((fit.index - index) / fit.index_err)
    assert abs(np.mean(pulls)) < 0.5
    assert 0.6 < np.std(pulls) < 1.3


def test_a_curve_with_a_break_has_a_larger_error():
    straight = [point(t, 18.0 + 2.5 * math.log10(t / 100.0)) for t in (100, 200, 400, 800)]
    broken = [*straight[:2], point(400, 21.0), point(800, 24.0)]
    assert fit_power_law(broken).index_err > 5 * fit_power_law(straight).index_err


def test_no_power_law_without_enough_points_or_time():
    assert fit_power_law([]) is None
    assert fit_power_law([point(100, 18.0), point(300, 19.0)]) is None
    assert fit_power_law([point(100 + i, 18.0) for i in range(5)]) is None
    limits = [
        PhotometryPoint(
            task="t1", t_s=100.0 * 3**i, exposure_s=30, filter="r", mag=20, mag_err=None, limit=True
        )
        for i in range(5)
    ]
    assert fit_power_law(limits) is None
