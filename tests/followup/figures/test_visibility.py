import io
from datetime import timedelta

import numpy as np
from matplotlib.image import imread

from followup.figures.style import filter_colour, filter_marker
from followup.figures.visibility import visibility_figure
from followup.schedule import schedule
from followup.strategy import default_strategies
from tests.followup.builders import MIDNIGHT, hourly, instrument


def test_the_night_is_drawn_with_its_tasks() -> None:
    seen = hourly(
        altitude=[70 - 5.0 * abs(6 - n) for n in range(25)], sun=[-40.0] * 10 + [30.0] * 10 + [-40.0] * 5
    )
    tasks, _ = schedule(
        default_strategies().strategies[0],
        seen,
        trigger_time=MIDNIGHT,
        instrument=instrument(),
        now=MIDNIGHT,
    )
    plain = visibility_figure(seen, title="sb26112201", trigger_time=MIDNIGHT - timedelta(hours=9))
    full = visibility_figure(seen, title="sb26112201", trigger_time=MIDNIGHT, tasks=tasks)
    image = imread(io.BytesIO(full))
    assert image.shape == (528, 880, 4)
    orange = np.all(np.abs(image[..., :3] - np.array([0xD5, 0x5E, 0x00]) / 255) < 0.1, axis=-1)
    bare = imread(io.BytesIO(plain))
    bare_orange = np.all(np.abs(bare[..., :3] - np.array([0xD5, 0x5E, 0x00]) / 255) < 0.1, axis=-1)
    assert orange.sum() > 300, "tasks and T0 are marked"
    assert bare_orange.sum() < 10, "only when there are any"
    assert full == visibility_figure(seen, title="sb26112201", trigger_time=MIDNIGHT, tasks=tasks)


def test_a_target_that_cannot_be_observed_is_drawn_with_the_reason() -> None:
    low = hourly(altitude=[-30.0] * 25, sun=[-40.0] * 25)
    assert imread(io.BytesIO(visibility_figure(low, title="x", trigger_time=MIDNIGHT))).shape == (528, 880, 4)


def test_filters_are_told_apart_by_colour_and_by_marker() -> None:
    names = "ugrizyJH"
    assert len({filter_colour(name) for name in names}) == len(names)
    assert len({filter_marker(name) for name in names}) == len(names)
    assert filter_marker("white") == filter_marker("other")
