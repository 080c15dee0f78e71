"""Saturated patches: stars of the catalogue, cosmic rays, and what may be the afterglow."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from agents.gft.reduction.overexposed import overexposed
from simulators.sky import separation_deg
from tests.agents.gft.reduction.observatory import CENTRE

RADIUS_DEG = 0.07


@pytest.fixture
def bright(observatory):
    """A frame with saturated stars in the circle: its image, what is saturated, and the catalogue."""
    place = observatory(11)
    field = place.field()
    place.observe(field, "t1", [], start_s=300.0, count=1, exposure_s=60.0)
    (frame,) = field.frames
    assert frame.usable, frame.problem
    return frame.image(), frame.saturated(), place.sky.catalogued(CENTRE, 0.2)


def brightest(stars):
    """The brightest star in the circle."""
    near = separation_deg(CENTRE, stars.ra_deg, stars.dec_deg) < RADIUS_DEG
    return int(np.argmin(np.where(near, stars.mags["r"], np.inf)))


def test_stars_of_the_catalogue_may_saturate(bright):
    image, saturated, stars = bright
    assert stars.mags["r"][brightest(stars)] < 14.0
    assert saturated.sum() > 20
    assert overexposed(image, saturated, stars, "r", (CENTRE, RADIUS_DEG)) is None


def test_what_no_star_explains_is_found(bright):
    image, saturated, stars = bright
    lost = brightest(stars)
    others = np.arange(len(stars.ra_deg)) != lost
    known = dataclasses.replace(
        stars,
        ra_deg=stars.ra_deg[others],
        dec_deg=stars.dec_deg[others],
        mags={name: mag[others] for name, mag in stars.mags.items()},
        mag_errs={name: err[others] for name, err in stars.mag_errs.items()},
    )
    found = overexposed(image, saturated, known, "r", (CENTRE, RADIUS_DEG))
    away = separation_deg(found, stars.ra_deg[[lost]], stars.dec_deg[[lost]])
    assert away[0] * 3600.0 < 1.0
    assert overexposed(image, saturated, known, "r", (CENTRE, 2.0 / 3600.0)) is None, "outside of the circle"


def test_a_star_that_the_survey_has_without_a_magnitude_explains_it(bright):
    image, saturated, stars = bright
    mags = stars.mags["r"].copy()
    mags[brightest(stars)] = np.nan
    nameless = dataclasses.replace(stars, mags={**stars.mags, "r": mags})
    assert overexposed(image, saturated, nameless, "r", (CENTRE, RADIUS_DEG)) is None


LINE = [(0, k) for k in range(5)]
DIAGONAL = [(k, k) for k in range(5)]
ROUND = [(row, column) for row in range(3) for column in range(3)]


@pytest.mark.parametrize(
    ("shape", "told"), [(LINE[:2], False), (LINE, False), (DIAGONAL, False), (ROUND, True)]
)
def test_cosmic_rays_are_small_or_streaks(bright, shape, told):
    image, saturated, stars = bright
    patch = np.zeros_like(saturated)
    dark = tuple(256 + np.transpose(shape))
    patch[dark] = True
    pixels = image.pixels.copy()
    pixels[dark] = 1e5
    image = dataclasses.replace(image, pixels=pixels)
    assert (overexposed(image, patch, stars, "r", (CENTRE, RADIUS_DEG)) is not None) is told
