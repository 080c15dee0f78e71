"""The hyperbola through star sizes: its minimum, and when there is none to be believed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.gft.focusing.curve import NoFocusError, Sample, fit


def samples(
    best: float, *, first: int = 0, step: int = 500, points: int = 9, noise: float = 0.0
) -> list[Sample]:
    rng = np.random.default_rng(1)
    return [
        Sample(
            position=at,
            diameter_px=3.0 * math.hypot(1.0, (at - best) / 700.0) * (1.0 + noise * rng.normal()),
            stars=20,
        )
        for at in range(first, first + points * step, step)
    ]


@settings(max_examples=20)
@given(st.floats(900, 3100))
def test_the_minimum_is_found(best: float) -> None:
    assert fit(samples(best), min_stars=5).best == pytest.approx(best, abs=15)


def test_noise_moves_it_little_and_one_shaken_frame_hardly() -> None:
    noisy = samples(2100.0, noise=0.03)
    shaken = [*noisy[:3], Sample(position=1500, diameter_px=25.0, stars=20), *noisy[4:]]
    for each in (noisy, shaken):
        assert fit(each, min_stars=5).best == pytest.approx(2100, abs=150)


@pytest.mark.parametrize(("best", "end"), [(-600.0, "low"), (4900.0, "high")])
def test_a_focus_beyond_the_edge_is_refused(best: float, end: str) -> None:
    with pytest.raises(NoFocusError, match=f"at the {end} edge") as no:
        fit(samples(best), min_stars=5)
    assert no.value.hint


def test_too_few_stars_are_refused() -> None:
    poor = [Sample(position=s.position, diameter_px=s.diameter_px, stars=4) for s in samples(2000.0)]
    with pytest.raises(NoFocusError, match="0 of 9 positions show 5 or more \\(at most 4\\)"):
        fit(poor, min_stars=5)
    unseen = [Sample(position=s.position, diameter_px=math.nan, stars=0) for s in samples(2000.0)]
    with pytest.raises(NoFocusError, match="too few stars"):
        fit([*unseen[:5], *samples(2000.0)[5:]], min_stars=5)


def test_sizes_that_say_nothing_are_refused() -> None:
    flat = [
        Sample(position=s.position, diameter_px=3.0 + 0.01 * (n % 3), stars=9)
        for n, s in enumerate(samples(0))
    ]
    with pytest.raises(NoFocusError, match=r"no clear minimum|edge|not between"):
        fit(flat, min_stars=5)
