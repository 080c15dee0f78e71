"""Light read from a table: through its points, between filters, and beyond its ends."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.afterglow import Afterglow
from simulators.filters import PASSBANDS
from simulators.tabulated import TabulatedAfterglow, TabulatedPoint
from voevent.kinds import PhotometryPoint

TRUE = Afterglow(r_mag=16.0, indices=(0.6, 1.4), breaks_s=(4000.0,), spectral_index=0.9)


def _table(times_s, filters, err=0.01):
    return TabulatedAfterglow(
        points=tuple(
            TabulatedPoint(
                t_s=t_s,
                filter=name,
                wavelength_nm=PASSBANDS[name].wavelength_nm,
                mag=TRUE.magnitude(t_s, name),
                mag_err=err,
            )
            for name in filters
            for t_s in times_s
        )
    )


def _times(first_s, last_s, n):
    return [first_s * (last_s / first_s) ** (i / (n - 1)) for i in range(n)]


def test_it_goes_through_its_points():
    table = _table(_times(100.0, 1e5, 30), "gri")
    for point in table.points:
        assert table.magnitude(point.t_s, point.filter) == pytest.approx(point.mag, abs=1e-9)


@given(t_s=st.floats(100.0, 1e5), name=st.sampled_from("griz"))
def test_between_points_and_filters_it_is_what_was_tabulated(t_s, name):
    # i is in no point: its colour lies between those of r and z.
    assert _TABLE.magnitude(t_s, name) == pytest.approx(TRUE.magnitude(t_s, name), abs=0.01)


_TABLE = _table(_times(100.0, 1e5, 60), "grz")


def test_a_filter_beyond_the_table_follows_the_spectral_index():
    table = _table(_times(100.0, 1e5, 60), "gri")
    assert table.magnitude(3000.0, "y") == pytest.approx(TRUE.magnitude(3000.0, "y"), abs=0.03)


def test_of_one_filter_alone_the_colour_is_the_usual_one():
    table = _table(_times(100.0, 1e5, 60), "r")
    usual = 2.5 * math.log10(PASSBANDS["z"].wavelength_nm / PASSBANDS["r"].wavelength_nm)
    assert table.magnitude(3000.0, "r") - table.magnitude(3000.0, "z") == pytest.approx(usual)


def test_a_filter_with_few_points_has_the_shape_of_the_others():
    rich = _table(_times(100.0, 1e5, 60), "r")
    poor = _table([500.0, 2e4], "g")
    table = TabulatedAfterglow(points=rich.points + poor.points)
    for t_s in (100.0, 4000.0, 9e4):
        assert table.magnitude(t_s, "g") == pytest.approx(TRUE.magnitude(t_s, "g"), abs=0.01)


def test_where_only_another_filter_was_used_its_shape_fills_the_gap():
    ends = _table([*_times(100.0, 400.0, 8), *_times(4e4, 1e5, 8)], "r")
    middle = _table(_times(300.0, 5e4, 15), "g")
    table = TabulatedAfterglow(points=ends.points + middle.points)
    assert table.magnitude(4000.0, "r") == pytest.approx(TRUE.magnitude(4000.0, "r"), abs=0.05)


@pytest.mark.parametrize(("t_s", "index"), [(3.0, 0.6), (3e6, 1.4)])
def test_before_and_after_it_is_a_power_law(t_s, index):
    table = _table([*_times(10.0, 400.0, 20), *_times(5e4, 1e6, 20)], "r")
    step = table.magnitude(t_s * 1.1, "r") - table.magnitude(t_s, "r")
    assert step / 2.5 / math.log10(1.1) == pytest.approx(index, abs=0.05)


def _r(*points):
    return TabulatedAfterglow(
        points=tuple(
            TabulatedPoint(t_s=t_s, filter="r", wavelength_nm=617.0, mag=mag, mag_err=0.01)
            for t_s, mag in points
        )
    )


def _index(table, early_s, late_s):
    step = table.magnitude(late_s, "r") - table.magnitude(early_s, "r")
    return step / 2.5 / math.log10(late_s / early_s)


def test_a_rebrightening_at_the_end_does_not_go_on():
    table = _r((100.0, 15.0), (1000.0, 17.5), (10000.0, 20.0), (15000.0, 19.0), (20000.0, 18.5))
    assert _index(table, 2e5, 2e6) == pytest.approx(0.3)


def test_a_steep_beginning_is_not_brighter_and_brighter_towards_the_trigger():
    table = _r((600.0, 10.0), (700.0, 11.5), (900.0, 13.0), (5000.0, 16.0), (50000.0, 18.5))
    assert _index(table, 60.0, 500.0) == pytest.approx(1.5)
    assert table.magnitude(60.0, "r") == pytest.approx(10.0 - 3.75, abs=0.1)


def test_points_at_about_the_same_time_tell_no_slope():
    table = _r((1000.0, 14.0), (1030.0, 18.0))
    assert _index(table, 10.0, 900.0) == pytest.approx(1.0)
    assert _index(table, 1100.0, 1e5) == pytest.approx(1.0)


def test_of_one_point_the_decay_is_the_usual_one():
    table = _table([1000.0], "r")
    assert table.magnitude(1e4, "r") - table.magnitude(1e3, "r") == pytest.approx(2.5)


def test_points_of_one_time_are_averaged():
    near = [
        TabulatedPoint(t_s=1000.0, filter="r", wavelength_nm=617.0, mag=mag, mag_err=0.05)
        for mag in (17.0, 17.2)
    ]
    assert TabulatedAfterglow(points=tuple(near)).magnitude(1000.0, "r") == pytest.approx(17.1)


def test_an_exposure_collects_the_mean_flux():
    table = _table(_times(10.0, 1e5, 200), "r")
    assert table.magnitude(600.0, "r", 900.0) == pytest.approx(TRUE.magnitude(600.0, "r", 900.0), abs=0.005)


def test_nothing_shines_before_the_trigger():
    assert _TABLE.magnitude(-5.0, "r", 4.0) == math.inf


def test_it_is_made_of_a_telescopes_own_light_curve_without_its_limits():
    def point(**said):
        usual = {"task": "t1", "t_s": 900.0, "exposure_s": 60.0, "filter": "r", "mag": 17.5, "mag_err": 0.02}
        return PhotometryPoint(**usual | {"limit": False} | said)

    table = TabulatedAfterglow.of_photometry(
        [
            point(),
            point(t_s=3000.0, mag=20.0, mag_err=None, limit=True),
            point(t_s=-40.0),
            point(filter="clear"),
        ]
    )
    assert [(p.t_s, p.filter, p.mag) for p in table.points] == [(900.0, "r", 17.5)]
    assert table.span_s == (900.0, 900.0)


@pytest.mark.parametrize("said", [{}, {"t_s": 0.0}, {"t_s": math.nan}, {"mag": math.inf}])
def test_no_table_without_points_that_mean_something(said):
    good = {"t_s": 100.0, "filter": "r", "wavelength_nm": 617.0, "mag": 17.0, "mag_err": 0.1}
    points = (TabulatedPoint(**good | said),) if said else ()
    with pytest.raises(ValueError, match="table of light"):
        TabulatedAfterglow(points=points)
