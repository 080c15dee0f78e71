"""Which of several candidates is believed to be the afterglow."""

import math

import numpy as np
import pytest

from agents.gft.reduction.plates import separation_arcsec
from tests.agents.gft.reduction.observatory import CENTRE, burst_at

AFTERGLOW = burst_at(0.5, 0.5, 19.8, 0.1)
GLINT = burst_at(-1.0, 0.9, 18.6, 0.1)
"""What shows on one frame only: a satellite that flares up."""


def visit(place, field, task, shown, *, start_s=900.0):
    """Take one frame through each filter; `shown` says what is in the sky during each."""
    for number, (filter_name, sources) in enumerate(shown.items()):
        place.observe(
            field,
            task,
            sources,
            start_s=start_s + 40.0 * number,
            count=1,
            filter_name=filter_name,
            seed=10 * number + int(task[1:]),
        )
        field.photometry(task, filter_name)


def is_at(source, burst):
    return source is not None and separation_arcsec(source, burst.position) < 1.0


def upon_a_star(place):
    """Make a flash a little beside a faint star of the catalogue: its shape tells nothing there."""
    stars = place.sky.catalogued(CENTRE, 2.0 / 60.0)
    [faint, *_] = np.flatnonzero((stars.mags["i"] > 18.9) & (stars.mags["i"] < 19.4))
    east = (stars.ra_deg[faint] - CENTRE.ra_deg) * math.cos(math.radians(CENTRE.dec_deg)) * 60.0
    return burst_at(east + 1.2 / 60.0, (stars.dec_deg[faint] - CENTRE.dec_deg) * 60.0, 18.8, 0.1)


def test_what_one_frame_shows_upon_a_star_is_in_doubt_and_no_limit_is_given(observatory):
    place = observatory()
    field = place.field()
    visit(place, field, "t1", {"r": [], "g": [], "i": [upon_a_star(place)]})
    curve, source, _ = field.result()
    assert source is None
    assert {point.filter for point in curve} == {"r", "g"}
    assert all(point.limit for point in curve)


def test_what_redder_filters_lack_is_no_afterglow(observatory):
    place = observatory()
    field = place.field()
    visit(place, field, "t1", {"g": [GLINT], "r": [], "i": []})
    curve, source, _ = field.result()
    assert source is None
    assert {point.filter for point in curve} == {"r", "i"}


def test_what_bluer_filters_lack_can_be_a_distant_afterglow(observatory):
    place = observatory()
    field = place.field()
    visit(place, field, "t1", {"g": [], "r": [], "i": [GLINT]})
    curve, source, _ = field.result()
    assert is_at(source, GLINT)
    assert [point.filter for point in curve if not point.limit] == ["i"]


def test_a_faint_source_in_every_filter_outweighs_a_bright_one_in_a_single_frame(observatory):
    place = observatory()
    field = place.field()
    faint_glint = burst_at(-1.0, 0.9, 19.3, 0.1)
    visit(place, field, "t1", {"g": [AFTERGLOW], "r": [AFTERGLOW], "i": [AFTERGLOW, faint_glint]})
    _, source, _ = field.result()
    assert is_at(source, AFTERGLOW)


def test_a_bright_source_of_the_first_frame_counts_until_it_is_gone_too_fast(observatory):
    place = observatory()
    field = place.field()
    visit(place, field, "t1", {"r": [GLINT]})
    assert is_at(field.result()[1], GLINT)
    visit(place, field, "t2", {"r": []}, start_s=1000.0)
    curve, source, _ = field.result()
    assert source is None
    assert [point.task for point in curve] == ["t2"], "no limit where it stood"


def test_an_afterglow_that_has_faded_below_the_limit_stays_one(observatory):
    place, burst = observatory(), burst_at(0.5, 0.5, 20.0, 2.0)
    field = place.field()
    visit(place, field, "t1", {"r": [burst]}, start_s=400.0)
    assert is_at(field.result()[1], burst)
    visit(place, field, "t2", {"r": [burst]}, start_s=4000.0)
    curve, source, _ = field.result()
    assert is_at(source, burst)
    assert [point.limit for point in curve] == [False, True]


@pytest.mark.parametrize("filter_name", ["r", "i"])
def test_a_faint_source_that_one_filter_shows_in_two_visits_is_believed(observatory, filter_name):
    place = observatory()
    field = place.field()
    visit(place, field, "t1", {filter_name: [AFTERGLOW], "g": []})
    assert field.result()[1] is None
    visit(place, field, "t2", {filter_name: [AFTERGLOW], "g": []}, start_s=2000.0)
    assert is_at(field.result()[1], AFTERGLOW)
