"""Apertures, star profiles and zero points on pictures drawn here."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS

from agents.gft.reduction.apertures import aperture_radius_px, measure
from agents.gft.reduction.astrometry import to_sky
from agents.gft.reduction.errors import ReductionError, UnsolvedError
from agents.gft.reduction.image import Neighbours, Shape, ZeroPoint
from agents.gft.reduction.profile import StarProfile
from agents.gft.reduction.sources import background, centroids, detect, measure_profile
from agents.gft.reduction.zeropoint import calibrate_magnitudes
from followup.catalogue import ReferenceStars
from simulators.pointspread import PointSources, draw

SIDE = 400
SKY_E = 400.0


def picture(rng, x, y, electrons, fwhm_px=2.6):
    """Stars on an even sky, with photon noise."""
    image = np.full((SIDE, SIDE), SKY_E, np.float32)
    draw(image, PointSources(x=np.asarray(x), y=np.asarray(y), electrons=np.asarray(electrons)), fwhm_px)
    return rng.poisson(image).astype(np.float32)


def no_mask():
    return np.zeros((SIDE, SIDE), np.bool_)


def north_up(scale_arcsec=1.3):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [30.0, 10.0]
    wcs.wcs.crpix = [SIDE / 2, SIDE / 2]
    wcs.wcs.cd = np.diag([-scale_arcsec / 3600.0, scale_arcsec / 3600.0])
    return wcs


def catalogue(wcs, x, y, mag, err=0.01):
    positions = [to_sky(wcs, a, b) for a, b in zip(x, y, strict=True)]
    return ReferenceStars(
        ra_deg=np.array([p.ra_deg for p in positions]),
        dec_deg=np.array([p.dec_deg for p in positions]),
        mags={"r": np.asarray(mag, float)},
        mag_errs={"r": np.full(len(mag), err)},
    )


def grid(spacing=40):
    x, y = (g.ravel().astype(float) for g in np.mgrid[30 : SIDE - 30 : spacing, 30 : SIDE - 30 : spacing])
    return x, y


def test_apertures_measure_light_with_honest_errors(rng):
    x, y = grid(25)
    x, y = x + rng.uniform(-0.5, 0.5, len(x)), y + rng.uniform(-0.5, 0.5, len(y))
    electrons = np.full(len(x), 3000.0)
    shape = StarProfile(2.6, 3.5)
    radius = aperture_radius_px(shape)
    pixels = picture(rng, x, y, electrons)
    light = measure(pixels, no_mask(), x, y, radius_px=radius, fwhm_px=2.6)
    pull = (light.flux - np.mean(light.flux)) / light.err
    assert 0.85 < np.std(pull) < 1.15
    assert np.mean(light.flux) == pytest.approx(3000.0 * shape.enclosed(radius), rel=0.05)
    assert np.median(light.noise) == pytest.approx(np.sqrt(SKY_E), rel=0.05)
    empty = measure(pixels, no_mask(), x + 12, y, radius_px=radius, fwhm_px=2.6)
    assert 0.85 < np.std(empty.flux / empty.sky_err) < 1.15
    assert abs(np.mean(empty.flux / empty.sky_err)) < 0.3


def test_an_aperture_beyond_the_edge_or_on_bad_pixels_says_so(rng):
    masked = no_mask()
    masked[100, 100] = True
    x, y = np.array([0.5, 100.0, 200.0]), np.array([200.0, 100.0, 200.0])
    light = measure(picture(rng, [], [], []), masked, x, y, radius_px=2.0, fwhm_px=2.6)
    assert np.isnan(light.flux[0])
    assert light.lost[1] == pytest.approx(1.0 / (np.pi * 4.0), rel=0.01)
    assert light.lost[2] == 0.0


@pytest.mark.parametrize("fwhm_px", [1.8, 2.6, 5.0])
def test_the_profile_of_stars_is_measured(rng, fwhm_px):
    x, y = grid(60)
    x, y = x + rng.uniform(-0.5, 0.5, len(x)), y + rng.uniform(-0.5, 0.5, len(y))
    pixels = picture(rng, x, y, np.full(len(x), 1e5), fwhm_px)
    sky = background(pixels, no_mask())
    found = detect(pixels - sky.level, sky.noise, 2.0, 6.0)
    assert len(found) == len(x)
    distance = np.hypot(found.x[:, None] - x, found.y[:, None] - y)
    assert np.median(distance.min(axis=1)) < 0.12
    profile = measure_profile(pixels - sky.level, no_mask(), found, 2.0)
    assert profile is not None
    # A pixel widens a narrow star.
    assert profile.fwhm_px == pytest.approx(np.hypot(fwhm_px, 0.7), rel=0.06)
    assert 2.5 < profile.beta < 5.0


def test_cosmic_rays_have_no_profile(rng):
    pixels = picture(rng, [], [], [])
    x, y = grid(60)
    pixels[y.astype(int), x.astype(int)] += 20000.0
    sky = background(pixels, no_mask())
    found = detect(pixels - sky.level, sky.noise, 2.0, 6.0)
    assert measure_profile(pixels - sky.level, no_mask(), found, 2.0) is None


def test_light_caught_at_a_distance_agrees_with_the_profile():
    profile = StarProfile(3.0, 3.5)
    assert profile.captured(np.array([0.0]), 2.5)[0] == pytest.approx(profile.enclosed(2.5), rel=0.01)
    assert profile.captured(np.array([15.0]), 1.0)[0] == pytest.approx(
        np.pi * profile(np.array([15.0]))[0], rel=0.1
    )
    grid_y, grid_x = np.mgrid[-60:61, -60:61]
    assert profile(np.hypot(grid_x, grid_y)).sum() == pytest.approx(1.0, abs=0.01)


def test_a_position_that_runs_away_stays_where_it_was(rng):
    pixels = picture(rng, [200.0], [200.0], [1e6])
    x, y = centroids(pixels - SKY_E, np.array([204.0, 200.3]), np.array([200.0, 199.8]), 2.6)
    assert (x[0], y[0]) == (204.0, 200.0)
    assert np.hypot(x[1] - 200.0, y[1] - 200.0) < 0.03


class TestZeroPoint:
    zero_mag = 27.0

    def field(self, rng, *, err=0.01):
        x, y = grid(36)
        mag = rng.uniform(14.0, 18.5, len(x))
        pixels = picture(rng, x, y, 10 ** (0.4 * (self.zero_mag - mag)))
        profile = StarProfile(2.7, 3.5)
        shape = Shape(profile=profile, radius_px=aperture_radius_px(profile))
        return pixels, north_up(), shape, x, y, mag + rng.normal(0.0, err, len(x))

    def calibrate(self, pixels, wcs, shape, stars, name="r"):
        return calibrate_magnitudes(pixels, no_mask(), wcs=wcs, shape=shape, stars=stars, filter_name=name)

    def test_it_is_the_scale_of_the_frame(self, rng):
        pixels, wcs, shape, x, y, mag = self.field(rng)
        zero = self.calibrate(pixels, wcs, shape, catalogue(wcs, x, y, mag))
        in_aperture = StarProfile(2.6, 3.5).enclosed(shape.radius_px)
        assert zero.mag == pytest.approx(self.zero_mag + 2.5 * np.log10(in_aperture), abs=0.06)
        assert zero.err < 0.004
        assert zero.scatter < 0.01
        assert zero.stars > 40

    def test_variable_stars_do_not_move_it(self, rng):
        pixels, wcs, shape, x, y, mag = self.field(rng)
        good = self.calibrate(pixels, wcs, shape, catalogue(wcs, x, y, mag))
        mag[::8] += 0.7
        zero = self.calibrate(pixels, wcs, shape, catalogue(wcs, x, y, mag))
        assert zero.mag == pytest.approx(good.mag, abs=3 * good.err)

    def test_a_bad_flat_field_shows_as_scatter(self, rng):
        pixels, wcs, shape, x, y, mag = self.field(rng)
        zero = self.calibrate(pixels, wcs, shape, catalogue(wcs, x, y, mag + rng.normal(0, 0.05, len(mag))))
        assert zero.scatter == pytest.approx(0.05, rel=0.35)

    def test_an_unknown_filter_names_the_known_ones(self, rng):
        pixels, wcs, shape, x, y, mag = self.field(rng)
        with pytest.raises(ReductionError, match="no magnitudes in filter H") as caught:
            self.calibrate(pixels, wcs, shape, catalogue(wcs, x, y, mag), "H")
        assert "r" in caught.value.hint

    def test_without_stars_there_is_none(self, rng):
        _, wcs, shape, x, y, mag = self.field(rng)
        with pytest.raises(UnsolvedError, match="can be measured"):
            self.calibrate(picture(rng, [], [], []), wcs, shape, catalogue(wcs, x, y, mag))


def test_neighbours_predict_the_light_of_stars(rng):
    wcs, profile = north_up(), StarProfile(2.7, 3.5)
    shape = Shape(profile=profile, radius_px=2.4)
    stars = catalogue(
        wcs, [100.0, 105.0, np.nextafter(300.0, 0)], [100.0, 100.0, 300.0], [15.0, 16.0, np.nan]
    )
    zero = ZeroPoint(mag=27.0, err=0.0, scatter=0.0, stars=1)
    neighbours = Neighbours(stars, "r", wcs, shape, zero)
    light, err = neighbours.light(np.array([100.0, 300.0]), np.array([100.0, 300.0]))
    own = 10 ** (0.4 * 12.0)
    other = 10 ** (0.4 * 11.0) / profile.enclosed(2.4) * profile.captured(np.array([5.0]), 2.4)[0]
    assert light[0] == pytest.approx(own + other, rel=0.02)
    assert 0.04 * own < err[0] < 0.08 * own
    assert light[1] == 0.0
