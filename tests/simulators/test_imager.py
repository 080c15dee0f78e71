"""Frames of the sky: a star's counts against its magnitude, the afterglow's light, Moon and twilight."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from followup.devices import FrameType
from simulators.afterglow import Afterglow, SimulatedBurst
from simulators.detector import BIAS_ADU
from simulators.earth import airmass, altitude_azimuth_deg, moon, sun
from simulators.filters import PASSBANDS
from simulators.imager import Imager
from simulators.pointspread import PointSources, draw
from simulators.projection import Projection, offset
from simulators.sites import known_telescope
from simulators.sky import SimulatedSky, Stars
from voevent.packet import SkyPosition


def _cut(telescope):
    """The middle of its detector: faster to draw."""
    return dataclasses.replace(
        telescope, instrument=dataclasses.replace(telescope.instrument, width_px=300, height_px=280)
    )


SPM, JILIN = _cut(known_telescope("gft-spm")), _cut(known_telescope("gft-jilin"))
NIGHT = datetime(2026, 11, 8, 6, 0, tzinfo=UTC)
"""Dark at San Pedro Mártir, the Moon new and below the horizon."""
FIELD = SkyPosition(ra_deg=40.0, dec_deg=30.0)
BLANK = offset(FIELD, east_arcsec=45.0, north_arcsec=30.0)
"""Where the burst is."""


class Stencil(SimulatedSky):
    """A sky with these stars only, all of one magnitude in every filter."""

    def __init__(self, places=(), mag=15.0):
        super().__init__(0)
        self.places, self.mag = places, mag

    def stars(self, centre, radius_deg):
        n = len(self.places)
        return Stars(
            ra_deg=np.array([p.ra_deg for p in self.places], dtype=float),
            dec_deg=np.array([p.dec_deg for p in self.places], dtype=float),
            mags={f: np.full(n, self.mag) for f in PASSBANDS},
        )


EMPTY = Stencil()


def _burst(**changes):
    light = {"r_mag": 16.0, "indices": (0.9,), "breaks_s": (), "spectral_index": 1.0} | changes
    return SimulatedBurst(name="sb26110801", trigger_time=NIGHT, position=BLANK, afterglow=Afterglow(**light))


def _frame(telescope=SPM, *, sky=EMPTY, bursts=(), seed=1, **changes):
    exposure = {
        "frame_type": FrameType.LIGHT,
        "start": NIGHT + timedelta(seconds=970),
        "exposure_s": 60.0,
        "filter_name": "r",
        "pointing": FIELD,
    }
    imager = Imager(telescope, sky, bursts)
    return imager.frame(rng=np.random.default_rng(seed), **(exposure | changes))


def _pixel(position, telescope=SPM, centre=FIELD):
    instrument = telescope.instrument
    projection = Projection(
        centre=centre,
        width_px=instrument.width_px,
        height_px=instrument.height_px,
        pixel_scale_arcsec=instrument.pixel_scale_arcsec,
        rotation_deg=telescope.mechanics.rotation_deg,
    )
    (x,), (y,) = projection.pixels(np.array([position.ra_deg]), np.array([position.dec_deg]))
    return x, y


def _electrons(frame, place, telescope=SPM, radius=14.0):
    """Counts above the sky in a wide round aperture, in electrons."""
    x, y = _pixel(place, telescope)
    rows, columns = np.indices(frame.pixels.shape)
    away = np.hypot(columns - x, rows - y)
    level = np.mean(frame.pixels[(away > 18) & (away < 28)])
    return float(np.sum(frame.pixels[away < radius] - level)) * telescope.instrument.gain_e_adu


def _added(burst, **changes):
    """Electrons that a burst adds to a frame (with the same noise: the detector's patterns cancel)."""
    return _electrons(_frame(bursts=[burst], **changes), BLANK) - _electrons(_frame(**changes), BLANK)


def _expected(mag, telescope, filter_name, exposure_s, start):
    altitude, _ = altitude_azimuth_deg(FIELD, telescope.site, start)
    extinction = PASSBANDS[filter_name].extinction + telescope.conditions.haze
    zero_point = dict(telescope.instrument.zero_points)[filter_name]
    return exposure_s * 10 ** (0.4 * (zero_point - extinction * airmass(altitude) - mag))


@pytest.mark.parametrize(
    ("telescope", "filter_name", "hour"),
    [(SPM, "g", 6), (SPM, "r", 6), (SPM, "i", 3), (SPM, "z", 9), (JILIN, "r", 13), (JILIN, "g", 17)],
)
def test_a_star_has_the_counts_of_its_magnitude(telescope, filter_name, hour):
    """Through zero point and extinction, at any air mass, high and hazy sites alike."""
    # Near the centre, where the detector's response is one, and far enough apart for apertures.
    places = [
        offset(FIELD, east_arcsec=60.0 * i, north_arcsec=60.0 * j) for i in (-1, 0, 1) for j in (-1, 0, 1)
    ]
    start = NIGHT.replace(hour=hour)
    ratios = []
    for seed in range(6):
        frame = _frame(
            telescope,
            sky=Stencil(places, mag=13.5),
            start=start,
            exposure_s=20.0,
            filter_name=filter_name,
            seed=seed,
        )
        expected = _expected(13.5, telescope, filter_name, 20.0, start)
        ratios += [np.median([_electrons(frame, place, telescope) for place in places]) / expected]
    # The transparency of each frame wanders by two per cent; some of the wings lie beyond the aperture.
    assert np.mean(ratios) == pytest.approx(0.99, abs=0.02)
    assert 0.002 < np.std(ratios) < 0.05


def test_an_afterglow_shines_with_the_light_of_the_whole_exposure():
    burst = _burst(r_mag=20.0, indices=(2.0,))
    start = NIGHT + timedelta(seconds=60)
    # The mean of t**-2 between 60 and 180 s is 1 / (60 s * 180 s), more than in mid-exposure.
    mean = 20.0 - 2.5 * math.log10(1000.0**2 / (60.0 * 180.0))
    assert burst.magnitude(120.0, "r", 120.0) == pytest.approx(mean, abs=1e-3)
    fainter = 2.5 * math.log10(120.0**2 / (60.0 * 180.0))
    assert burst.magnitude(120.0, "r") == pytest.approx(mean + fainter, abs=1e-3)
    counts = [_added(burst, start=start, exposure_s=120.0, seed=seed) for seed in range(6)]
    assert np.mean(counts) == pytest.approx(0.99 * _expected(mean, SPM, "r", 120.0, start), rel=0.02)


def test_an_afterglow_fades_from_frame_to_frame():
    early, late = (_added(_burst(), start=NIGHT + timedelta(seconds=t)) for t in (300, 3000))
    assert early / late == pytest.approx((3030 / 330) ** 0.9, rel=0.03)


def test_nothing_shines_before_the_trigger():
    before = {"start": NIGHT - timedelta(seconds=61)}
    assert np.array_equal(_frame(bursts=[_burst()], **before).pixels, _frame(**before).pixels)


def test_an_exposure_across_the_trigger_time_takes_the_light_of_its_last_part():
    constant = _burst(r_mag=17.0, indices=(0.0,))
    half = 0.5 * _expected(17.0, SPM, "r", 60.0, NIGHT)
    assert _added(constant, start=NIGHT - timedelta(seconds=30)) == pytest.approx(half, rel=0.04)


def test_a_burst_outside_the_field_leaves_nothing():
    far = dataclasses.replace(_burst(), position=SkyPosition(ra_deg=43.0, dec_deg=30.0))
    assert np.array_equal(_frame(bursts=[far]).pixels, _frame().pixels)


def test_the_sky_is_shown_at_the_stars_places():
    """North up, east left, but for the detector's small rotation."""
    frame = _frame(sky=Stencil([offset(FIELD, east_arcsec=120.0, north_arcsec=60.0)], mag=13.0))
    row, column = np.unravel_index(frame.pixels.argmax(), frame.pixels.shape)
    scale = SPM.instrument.pixel_scale_arcsec
    assert column == pytest.approx(149.5 - 120.0 / scale, abs=1.2)
    assert row == pytest.approx(139.5 + 60.0 / scale, abs=1.2)


def test_the_frame_shows_where_the_telescope_looks_and_says_where_the_mount_thinks():
    moved = offset(FIELD, east_arcsec=0.0, north_arcsec=38.1)
    frame = _frame(bursts=[_burst(r_mag=13.0)], looks_at=moved)
    assert frame.pointing == FIELD
    row, column = np.unravel_index(frame.pixels.argmax(), frame.pixels.shape)
    x, y = _pixel(BLANK)
    assert row == pytest.approx(y - 30.0, abs=1.5)
    assert column == pytest.approx(x, abs=1.5)


def test_frames_are_drawn_from_the_generator_alone():
    sky = SimulatedSky(1)
    assert np.array_equal(_frame(sky=sky).pixels, _frame(sky=SimulatedSky(1)).pixels)
    assert not np.array_equal(_frame(sky=sky).pixels, _frame(sky=sky, seed=2).pixels)


@pytest.mark.parametrize("frame_type", [FrameType.BIAS, FrameType.DARK, FrameType.FLAT])
def test_calibration_frames_see_no_sky(frame_type):
    frame = _frame(frame_type=frame_type, bursts=[_burst()])
    assert "AIRMASS" not in frame.header
    assert frame.frame_type is frame_type
    middle = (SPM.instrument.saturation_adu + BIAS_ADU) / 2 if frame_type is FrameType.FLAT else BIAS_ADU
    assert np.median(frame.pixels) == pytest.approx(middle, rel=0.05)
    assert np.array_equal(frame.pixels, _frame(frame_type=frame_type).pixels)


def test_the_header_knows_what_a_driver_knows_and_nothing_of_the_truth():
    header = _frame(bursts=[_burst()]).header
    assert set(header) == {"GAIN", "RDNOISE", "SATURATE", "CCD-TEMP", "SIMULATD", "AIRMASS"}
    altitude, _ = altitude_azimuth_deg(FIELD, SPM.site, NIGHT + timedelta(seconds=970))
    assert header["AIRMASS"] == pytest.approx(airmass(altitude), abs=1e-3)
    assert header["SIMULATD"] is True


# --- the sky's brightness and the seeing --------------------------------------------------------------


def _sky_mag(telescope=SPM, **changes):
    """Surface brightness of a frame's background in AB mag per square arcsecond."""
    frame = _frame(telescope, **changes)
    instrument = telescope.instrument
    electrons = (np.median(frame.pixels[100:180, 100:200]) - BIAS_ADU) * instrument.gain_e_adu
    rate = electrons / frame.exposure_s - instrument.dark_current_e_s
    return dict(instrument.zero_points)[frame.filter] - 2.5 * math.log10(
        rate / instrument.pixel_scale_arcsec**2
    )


@pytest.mark.parametrize("filter_name", ["g", "r", "i", "z"])
def test_the_night_sky_is_as_dark_as_the_site(filter_name):
    start = NIGHT + timedelta(seconds=970)
    assert altitude_azimuth_deg(moon(start)[0], SPM.site, start)[0] < 0.0
    altitude, _ = altitude_azimuth_deg(FIELD, SPM.site, start)
    expected = SPM.conditions.sky_mag[filter_name] - 1.25 * math.log10(airmass(altitude))
    assert _sky_mag(filter_name=filter_name) == pytest.approx(expected, abs=0.05)


def test_the_moon_brightens_the_sky_most_in_the_blue_and_near_it():
    full = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
    where, lit = moon(full)
    assert lit > 0.97
    assert altitude_azimuth_deg(where, SPM.site, full)[0] > 30.0

    def brighter(filter_name, degrees):
        field = SkyPosition(ra_deg=(where.ra_deg + degrees) % 360.0, dec_deg=where.dec_deg)
        altitude, _ = altitude_azimuth_deg(field, SPM.site, full)
        dark = SPM.conditions.sky_mag[filter_name] - 1.25 * math.log10(airmass(altitude))
        return dark - _sky_mag(start=full, pointing=field, filter_name=filter_name, exposure_s=10.0)

    assert 2.3 < brighter("g", 60.0) < 3.4
    assert 0.6 < brighter("i", 60.0) < 1.2
    assert brighter("g", 20.0) > brighter("g", 60.0) + 0.6


def test_twilight_drowns_the_night_sky_by_about_a_magnitude_a_degree():
    high = SkyPosition(ra_deg=340.0, dec_deg=30.0)
    brighter = {}
    for minutes in range(0, 110, 10):
        time = datetime(2026, 11, 8, 0, 50, tzinfo=UTC) + timedelta(minutes=minutes)
        sun_altitude, _ = altitude_azimuth_deg(sun(time), SPM.site, time)
        brighter[sun_altitude] = SPM.conditions.sky_mag["r"] - _sky_mag(
            start=time, pointing=high, exposure_s=0.05 if sun_altitude > -10.0 else 5.0
        )
    altitudes, excess = np.array([*brighter]), np.array([*brighter.values()])
    assert altitudes.max() > -6.0
    assert altitudes.min() < -20.0
    assert np.all(excess[altitudes < -19.0] < 0.3)
    bright = (altitudes > -13.0) & (altitudes < -5.0)
    slope, _ = np.polyfit(altitudes[bright], excess[bright], 1)
    assert slope == pytest.approx(0.9, abs=0.1)
    assert 3.0 < np.interp(-12.0, altitudes[::-1], excess[::-1]) < 4.5


def _seen_fwhm_arcsec(centre, seed, filter_name="r"):
    """Width of the profile that fits a lone star best."""
    frame = _frame(
        sky=Stencil([centre], mag=14.0), pointing=centre, seed=seed, filter_name=filter_name, exposure_s=20.0
    )
    data = frame.pixels.astype(np.float32) - np.median(frame.pixels)
    x, y = _pixel(centre, centre=centre)

    def misfit(fwhm_px):
        model = np.zeros(data.shape, dtype=np.float32)
        draw(model, PointSources(x=np.array([x]), y=np.array([y]), electrons=np.array([1.0])), fwhm_px)
        near = model > 1e-4
        amplitude = np.sum(model[near] * data[near]) / np.sum(model[near] ** 2)
        return float(np.sum((data - amplitude * model)[near] ** 2))

    return minimize_scalar(misfit, bounds=(0.8, 8.0), method="bounded").x * SPM.instrument.pixel_scale_arcsec


def test_seeing_grows_towards_the_horizon_and_the_blue():
    low = SkyPosition(ra_deg=40.0, dec_deg=-30.0)
    masses = [
        airmass(altitude_azimuth_deg(place, SPM.site, NIGHT + timedelta(seconds=970))[0])
        for place in (FIELD, low)
    ]
    assert masses[0] < 1.1
    assert masses[1] > 1.9
    # It wanders by five per cent from frame to frame.
    seen = [np.mean([_seen_fwhm_arcsec(place, seed) for seed in range(5)]) for place in (FIELD, low)]
    for fwhm, mass in zip(seen, masses, strict=True):
        assert fwhm == pytest.approx(SPM.conditions.seeing_arcsec * mass**0.6, rel=0.08)
    blue, red = (_seen_fwhm_arcsec(low, 1, filter_name) for filter_name in ("g", "z"))
    assert blue / red == pytest.approx((866.0 / 481.0) ** 0.2, rel=0.03)
