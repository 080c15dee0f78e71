"""The constant stars: the same for everybody, as many as there should be, catalogued with honest errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulators.filters import PASSBANDS
from simulators.sky import (
    BRIGHTEST_R,
    FAINTEST_R,
    SimulatedCatalogue,
    SimulatedSky,
    galactic_latitude_deg,
    separation_deg,
)
from voevent.packet import SkyPosition

POLE = SkyPosition(ra_deg=192.86, dec_deg=27.13)
"""Of the Galaxy."""
PLANE = SkyPosition(ra_deg=266.4, dec_deg=-29.0)


@pytest.fixture(scope="module")
def sky():
    return SimulatedSky(1)


def _by_place(stars, names=("r",)):
    order = np.lexsort((stars.dec_deg, stars.ra_deg))
    return np.array([stars.ra_deg, stars.dec_deg, *(stars.mags[f] for f in names)])[:, order]


def test_a_sky_is_the_same_for_everybody_who_has_its_seed(sky):
    other = SimulatedSky(1)
    other.stars(PLANE, 0.1)  # what was asked before does not matter
    assert np.array_equal(_by_place(sky.stars(POLE, 0.3)), _by_place(other.stars(POLE, 0.3)))
    ours, theirs = SimulatedCatalogue(sky).cone(POLE, 0.3), SimulatedCatalogue(other).cone(POLE, 0.3)
    assert np.array_equal(_by_place(ours, tuple(PASSBANDS)), _by_place(theirs, tuple(PASSBANDS)))


def test_another_seed_is_another_sky(sky):
    assert len(sky.stars(POLE, 0.3).ra_deg) != len(SimulatedSky(2).stars(POLE, 0.3).ra_deg)


@pytest.mark.parametrize(
    ("ra", "dec"), [(150.0, 2.0), (0.05, -40.0), (359.9, 60.0), (10.0, 89.8), (200.0, -89.9)]
)
def test_overlapping_cones_show_the_same_stars(sky, ra, dec):
    wide = sky.stars(SkyPosition(ra_deg=ra, dec_deg=dec), 0.5)
    shifted = SkyPosition(ra_deg=ra, dec_deg=dec - math.copysign(0.25, dec))
    inside = separation_deg(shifted, wide.ra_deg, wide.dec_deg) <= 0.2
    narrow = sky.stars(shifted, 0.2)
    assert inside.sum() > 100
    assert np.array_equal(np.sort(wide.mags["r"][inside]), np.sort(narrow.mags["r"]))


def test_a_cone_over_the_pole_of_the_sky_is_filled_all_round(sky):
    stars = sky.stars(SkyPosition(ra_deg=77.0, dec_deg=90.0), 0.5)
    quarters, _ = np.histogram(stars.ra_deg, bins=np.linspace(0.0, 360.0, 5))
    assert quarters.min() > 0.8 * quarters.mean()


def test_stars_fill_a_cone_evenly(sky):
    centre = SkyPosition(ra_deg=150.0, dec_deg=60.0)
    stars = sky.stars(centre, 1.0)
    away = separation_deg(centre, stars.ra_deg, stars.dec_deg)
    inner, outer = np.sum(away < math.sqrt(0.5)), np.sum(away >= math.sqrt(0.5))
    assert abs(inner - outer) < 4 * math.sqrt(inner + outer)


@pytest.mark.parametrize(("centre", "low", "high"), [(POLE, 300, 450), (PLANE, 1400, 2200)])
def test_counts_follow_the_galactic_latitude(sky, centre, low, high):
    """Stars brighter than r = 16 a square degree: about 350 at the pole (Bahcall & Soneira 1980)."""
    stars = sky.stars(centre, 1.0)
    assert low < np.sum(stars.mags["r"] < 16.0) / math.pi < high


def test_counts_grow_with_depth_between_the_limits_of_the_sky(sky):
    r = sky.stars(POLE, 1.0).mags["r"]
    assert BRIGHTEST_R <= r.min() < 12.0
    assert 22.4 < r.max() <= FAINTEST_R
    assert np.sum(r < 20.0) / np.sum(r < 16.0) == pytest.approx(10 ** (0.21 * 4), rel=0.15)


def test_colours_follow_the_stellar_locus(sky):
    """As in Covey et al. 2007: M dwarfs stop growing redder in g - r, and go on in r - i."""
    mags = sky.stars(POLE, 1.0).mags
    g_r, r_i = mags["g"] - mags["r"], mags["r"] - mags["i"]
    blue = g_r < 1.0
    assert np.median(r_i[blue]) == pytest.approx(0.21, abs=0.05)
    assert np.std(r_i[blue] - np.polyval(np.polyfit(g_r[blue], r_i[blue], 1), g_r[blue])) < 0.03
    assert np.median(g_r[r_i > 0.7]) == pytest.approx(1.4, abs=0.05)
    assert np.percentile(r_i, 99) > 1.4


def test_the_catalogue_errs_as_much_as_it_says(sky):
    true, measured = sky.stars(POLE, 0.8), sky.catalogued(POLE, 0.8)
    pairs = _pairs(true, measured)
    assert len(pairs[0]) > 0.99 * len(true.ra_deg)
    for name in PASSBANDS:
        difference = measured.mags[name][pairs[1]] - true.mags[name][pairs[0]]
        pulls = difference / measured.mag_errs[name][pairs[1]]
        assert np.mean(pulls) == pytest.approx(0.0, abs=0.05)
        assert np.std(pulls) == pytest.approx(1.0, abs=0.04)
    bright = true.mags["r"][pairs[0]] < 17.0
    assert np.median(measured.mag_errs["r"][pairs[1]][bright]) == pytest.approx(0.0125, abs=0.001)
    assert np.max(measured.mag_errs["r"]) > 0.05


def test_the_catalogue_places_stars_within_some_tens_of_milliarcseconds(sky):
    true, measured = sky.stars(POLE, 0.8), sky.catalogued(POLE, 0.8)
    mine, theirs = _pairs(true, measured)
    east = (measured.ra_deg[theirs] - true.ra_deg[mine]) * math.cos(math.radians(POLE.dec_deg)) * 3.6e6
    north = (measured.dec_deg[theirs] - true.dec_deg[mine]) * 3.6e6
    for mas in (east, north):
        assert np.std(mas) == pytest.approx(30.0, rel=0.05)
        assert abs(np.mean(mas)) < 3.0


def _pairs(true, measured):
    """Indices of the same star in both, by place; chance neighbours are left out."""
    import astropy.units as u  # noqa: PLC0415 - a second to import, for two tests
    from astropy.coordinates import SkyCoord  # noqa: PLC0415

    one = SkyCoord(true.ra_deg, true.dec_deg, unit="deg")
    other = SkyCoord(measured.ra_deg, measured.dec_deg, unit="deg")
    nearest, angle, _ = one.match_to_catalog_sky(other)
    _, isolation, _ = one.match_to_catalog_sky(one, nthneighbor=2)
    sure = (angle < 0.3 * u.arcsec) & (isolation > 1.0 * u.arcsec)
    return np.flatnonzero(sure), nearest[sure]


@pytest.mark.parametrize(
    ("ra", "dec", "latitude"),
    [(192.8595, 27.1283, 90.0), (266.405, -28.936, 0.0), (83.633, 22.0145, -5.784), (0.0, 0.0, -60.19)],
)
def test_galactic_latitude(ra, dec, latitude):
    """The pole, Sgr A*, the Crab (values of SIMBAD), and the origin."""
    found = galactic_latitude_deg(SkyPosition(ra_deg=ra, dec_deg=dec))
    assert found == pytest.approx(latitude, abs=0.05)
