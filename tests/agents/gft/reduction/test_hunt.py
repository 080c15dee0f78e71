"""Which of several candidates is believed to be the afterglow."""

import pytest

from agents.gft.reduction.plates import separation_arcsec
from tests.agents.gft.reduction.observatory import burst_at

AFTERGLOW = burst_at(0.5, 0.5, 19.8, 0.1)
GLINT = burst_at(-1.0, 0.9, 18.6, 0.1)
"""What shows on one frame only: a satellite, or a soft cosmic ray upon a star."""


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


def test_what_one_frame_shows_alone_is_no_afterglow(observatory):
    place = observatory()
    field = place.field()
    visit(place, field, "t1", {"r": [], "g": [], "i": [GLINT]})
    curve, source, _ = field.result()
    assert source is None
    assert all(point.limit for point in curve)


def test_a_faint_source_in_every_filter_outweighs_a_bright_one_in_a_single_frame(observatory):
    place = observatory()
    field = place.field()
    visit(place, field, "t1", {"r": [AFTERGLOW, GLINT], "g": [AFTERGLOW], "i": [AFTERGLOW]})
    _, source, _ = field.result()
    assert source is not None
    assert separation_arcsec(source, AFTERGLOW.position) < 1.0


def test_a_bright_source_of_the_first_frame_counts_until_other_frames_do_not_show_it(observatory):
    place = observatory()
    field = place.field()
    visit(place, field, "t1", {"r": [GLINT]})
    _, source, _ = field.result()
    assert source is not None
    assert separation_arcsec(source, GLINT.position) < 1.0
    visit(place, field, "t2", {"r": []}, start_s=2000.0)
    assert field.result()[1] is None


@pytest.mark.parametrize("filter_name", ["r", "i"])
def test_a_source_that_one_filter_shows_in_two_visits_is_believed(observatory, filter_name):
    place = observatory()
    field = place.field()
    visit(place, field, "t1", {filter_name: [GLINT], "g": []})
    assert field.result()[1] is None
    visit(place, field, "t2", {filter_name: [GLINT], "g": []}, start_s=2000.0)
    _, source, _ = field.result()
    assert source is not None
    assert separation_arcsec(source, GLINT.position) < 1.0
