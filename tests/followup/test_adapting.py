"""Exposures follow the fading: brighter is exposed for less, fainter for longer, all within the bounds."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.adapting import Bounds, Depth, Outlook, Series, adapted
from tests.followup.builders import MIDNIGHT
from voevent.kinds import PhotometryPoint, PowerLaw

BOUNDS = Bounds(snr=20, min_exposure_s=30, max_exposure_s=180, min_count=1, max_count=6)
PLANNED = Series(exposure_s=60.0, count=3)
DEPTH = Depth(exposure_s=60.0, limit_mag=20.0, zero_mag=25.0)
"""A source of magnitude 20.0 has 5 sigma in 60 s."""


def point(mag: float, t_s: float, filter_name: str = "r", *, limit: bool = False) -> PhotometryPoint:
    err = None if limit else 0.05
    return PhotometryPoint(
        task="t1", t_s=t_s, exposure_s=60.0, filter=filter_name, mag=mag, mag_err=err, limit=limit
    )


def adapt(
    outlook: Outlook,
    *,
    start_s: float = 4200.0,
    room_s: float = 5000.0,
    filters: tuple[str, ...] = ("r", "i"),
) -> tuple[Series, str, dict[str, str]]:
    series, decision = adapted(
        "1-hour",
        PLANNED,
        BOUNDS,
        outlook,
        filters=("r", "i"),
        trigger_time=MIDNIGHT,
        start=MIDNIGHT + timedelta(seconds=start_s),
        room_s=room_s,
    )
    return series, decision.text if decision else "", dict(decision.values) if decision else {}


def outlook(*points: PhotometryPoint, index: float | None = None, **depths: Depth) -> Outlook:
    fit = None if index is None else PowerLaw(index=index, index_err=0.1, chi2=1.0, dof=3)
    return Outlook(points=points, fit=fit, depths=depths or {"r": DEPTH})


def test_nothing_measured_leaves_the_strategy_alone() -> None:
    assert adapt(Outlook()) == (PLANNED, "", {})
    assert adapt(outlook(point(17.0, 300.0), g=DEPTH)) == (PLANNED, "", {}), "no frame through its filters"


def test_a_faint_one_is_exposed_for_longer_and_it_is_said_why() -> None:
    series, text, values = adapt(outlook(point(18.1, 1290.0), index=1.0))
    assert series.total_s > PLANNED.total_s
    assert text == f"1-hour: expected r = 19.4 at 1.2 h from alpha = 1.0: {series} instead of 3 x 60 s"
    assert values["expected_mag"] == "19.40"
    assert values["alpha"] == "1.00"
    assert values["limit_mag"] == "20.00"


def test_a_bright_one_is_exposed_for_less() -> None:
    series, text, _ = adapt(outlook(point(14.0, 1290.0), index=1.0))
    assert series == Series(exposure_s=30.0, count=1)
    assert "1 x 30 s instead of 3 x 60 s" in text


def test_what_was_not_found_is_looked_for_as_deep_as_allowed() -> None:
    series, text, _ = adapt(outlook(point(20.0, 300.0, limit=True)))
    assert series == Series(exposure_s=180.0, count=6)
    assert text.startswith("1-hour: nothing was found in r down to 20.0: as deep as allowed")


def test_a_decay_that_is_not_measured_is_assumed() -> None:
    _, text, values = adapt(outlook(point(19.0, 1290.0)))
    assert "alpha = 1.0 assumed" in text
    assert values["alpha"] == "1.00"


def test_only_what_is_worth_it_is_changed() -> None:
    """About 19.4 + the noise of this depth: what the strategy has is just right."""
    wanted = [
        mag
        for mag in (18.0 + 0.02 * step for step in range(100))
        if adapt(outlook(point(mag, 4290.0), index=0.0))[1] == ""
    ]
    assert 0.05 <= max(wanted) - min(wanted) <= 0.5


@given(
    seen=st.builds(point, st.floats(5.0, 30.0), st.floats(1.0, 1e5), limit=st.booleans()),
    index=st.none() | st.floats(-5.0, 5.0),
    depth=st.builds(
        Depth,
        exposure_s=st.floats(1.0, 600.0),
        limit_mag=st.floats(10.0, 26.0),
        zero_mag=st.floats(15.0, 28.0),
    ),
    room_s=st.floats(180.0, 1e4),
)
def test_the_bounds_hold_whatever_was_measured(
    seen: PhotometryPoint, index: float | None, depth: Depth, room_s: float
) -> None:
    series, text, _ = adapt(outlook(seen, index=index, r=depth), room_s=room_s)
    assert BOUNDS.min_exposure_s <= series.exposure_s <= BOUNDS.max_exposure_s
    assert BOUNDS.min_count <= series.count <= BOUNDS.max_count
    assert series.total_s <= max(room_s, PLANNED.total_s)
    assert bool(text) == (series != PLANNED)


def test_the_ratio_that_was_wanted_is_reached() -> None:
    """Checked by the equation of the textbook, with the background that the limit implies."""
    series, _, values = adapt(outlook(point(19.5, 4200.0), index=0.0))
    source = math.pow(10.0, 0.4 * (25.0 - 19.5))
    at_limit = math.pow(10.0, 0.4 * (25.0 - 20.0)) * 60.0
    background = at_limit**2 / 25.0 - at_limit  # in 60 s
    total_s = float(values["wanted_s"])
    snr = source * total_s / math.sqrt(source * total_s + background * total_s / 60.0)
    assert snr == pytest.approx(20.0, rel=0.01)
    assert series.total_s == pytest.approx(total_s, rel=0.1)
