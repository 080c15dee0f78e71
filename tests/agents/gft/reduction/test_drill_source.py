"""The drill's source on a frame of the sky: found by the reduction where it is, and as bright as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from agents.gft.drill.source import CARD, FadingSource, Optics, with_source
from simulators.projection import offset
from simulators.sky import SimulatedCatalogue
from tests.agents.gft.reduction.observatory import CENTRE, T0, Observatory
from tests.agents.gft.reduction.test_field import separation_arcsec


def source(mag: float, *, north_arcsec: float = 50.0) -> FadingSource:
    position = offset(CENTRE, east_arcsec=-40.0, north_arcsec=north_arcsec)
    return FadingSource(position=position, began=T0, magnitude=mag, fading=0.8)


def optics(place: Observatory) -> Optics:
    return Optics(
        masters=place.masters, instrument=place.telescope.instrument, catalogue=SimulatedCatalogue(place.sky)
    )


def test_it_is_found_where_it_is_and_as_bright_as_it_is(observatory: Callable[..., Observatory]) -> None:
    place, drawn = observatory(3), source(15.5)
    field = place.field()
    frames = place.frames([], start_s=60.0, count=3)
    for number, raw in enumerate(frames, 1):
        shown, problem = with_source(raw, drawn, optics(place))
        assert problem == ""
        assert shown.header[CARD] is True
        changed = np.argwhere(shown.pixels != raw.pixels)
        assert np.ptp(changed, axis=0).max() < 100
        field.reduce(shown, task="t1", number=number)
    points, found, _ = field.result()
    assert found is not None
    assert separation_arcsec(found, drawn.position) < 1.0
    assert points
    for point in points:
        assert not point.limit
        assert point.mag_err is not None
        assert abs(point.mag - drawn.magnitude_at(point.t_s)) < 4.0 * point.mag_err + 0.01


def test_a_frame_that_does_not_show_the_place_is_left_alone(observatory: Callable[..., Observatory]) -> None:
    place = observatory(3)
    (raw,) = place.frames([], start_s=60.0, count=1)
    shown, problem = with_source(raw, source(15.0, north_arcsec=3600.0), optics(place))
    assert shown is raw
    assert problem.startswith("the source falls beside the detector")
    clouds = dataclasses.replace(raw, pixels=np.full_like(raw.pixels, 1200))
    shown, problem = with_source(clouds, source(15.0), optics(place))
    assert shown is clouds
    assert problem


def test_its_light_fades() -> None:
    light = source(16.0)
    assert light.magnitude_at(60.0) == 16.0
    assert light.magnitude_at(600.0) == pytest.approx(18.0)
    assert light.began + timedelta(seconds=60) > T0
