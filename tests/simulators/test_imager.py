"""Frames of the sky: a star's counts against its magnitude, the afterglow's light, Moon and twilight."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from followup.devices import FrameType
from simulators.afterglow import Afterglow, SimulatedBurst
from simulators.detector import BIAS_ADU
from simulators.earth import airmass, altitude_azimuth_deg, moon, sun
from simulators.filters import PASSBANDS
from simulators.imager import Imager
from simulators.projection import Projection
from simulators.sites import known_telescope
from simulators.sky import SimulatedSky
from voevent.packet import SkyPosition

SPM = known_telescope("gft-spm")
JILIN = known_telescope("gft-jilin")
NIGHT = datetime(2026, 11, 8, 6, 0, tzinfo=UTC)
"""Dark at San Pedro Mártir, the Moon new and below the horizon."""
FIELD = SkyPosition(ra_deg=40.0, dec_deg=30.0)
BLANK = SkyPosition(ra_deg=40.02, dec_deg=30.01)
"""Where the burst is."""


@dataclasses.dataclass(frozen=True)
class NoStars(SimulatedSky):
    """A sky without any."""

    seed: int = 0

    def stars(self, centre, radius_deg):
        found = SimulatedSky(self.seed).stars(centre, radius_deg)
        return dataclasses.replace(
            found, ra_deg=found.ra_deg[:0], dec_deg=found.dec_deg[:0], mags={f: m[:0] for f, m in found.mags.items()}
        )


def _burst(**changes):
    light = {"r_mag": 16.0, "indices": (0.9,), "breaks_s": (), "spectral_index": 1.0} | changes
    return SimulatedBurst(
        name="sb26110801", trigger_time=NIGHT, position=BLANK, afterglow=Afterglow(**light)
    )


def _frame(telescope=SPM, *, sky=None, bursts=(), seed=1, **changes):
    imager = Imager(telescope, sky or SimulatedSky(1), bursts)
    exposure = {
        "frame_type": FrameType.LIGHT,
        "start": NIGHT + timedelta(seconds=970),
        "exposure_s": 60.0,
        "filter_name": "r",
        "pointing": FIELD,
    }
    return imager.frame(rng=np.random.default_rng(seed), **(exposure | changes))


def _projection(telescope=SPM, centre=FIELD):
    instrument = telescope.instrument
    return Projection(
        centre=centre,
        width_px=instrument.width_px,
        height_px=instrument.height_px,
        pixel_scale_arcsec=instrument.pixel_scale_arcsec,
        rotation_deg=telescope.mechanics.rotation_deg,
    )


def _electrons(frame, x, y, telescope=SPM, radius=14):
    """Counts above the sky around a place, in electrons: a plain aperture, no response taken out."""
    rows, columns = np.indices(frame.pixels.shape)
    away = np.hypot(columns - x, rows - y)
    level = np.median(frame.pixels[(away > 20) & (away < 40)])
    return float(np.sum(frame.pixels[away < radius] - level)) * telescope.instrument.gain_e_adu


def _expected(mag, telescope, filter_name, exposure_s, position, start):
    altitude, _ = altitude_azimuth_deg(position, telescope.site, start)
    extinction = PASSBANDS[filter_name].extinction + telescope.conditions.haze
    zero_point = dict(telescope.instrument.zero_points)[filter_name]
    return exposure_s * 10 ** (0.4 * (zero_point - extinction * airmass(altitude) - mag))


@pytest.mark.parametrize("filter_name", ["g", "r", "i", "z"])
def test_a_star_has_the_counts_of_its_magnitude(filter_name):
    """Through zero point and extinction: bright stars that stand alone, their median to two per cent."""
    sky = SimulatedSky(1)
    # The transparency of each frame wanders by two per cent; the mean of nine hardly does.
    frames = [_frame(sky=sky, filter_name=filter_name, exposure_s=10.0, seed=seed) for seed in range(9)]
    stars = sky.stars(FIELD, 0.15)
    x, y = _projection().pixels(stars.ra_deg, stars.dec_deg)
    mags = stars.mags[filter_name]
    ratios = []
    for index in np.flatnonzero((mags > 14.0) & (mags < 16.5)):
        away = np.hypot(x - x[index], y - y[index])
        if np.any((away > 0) & (away < 40) & (mags < mags[index] + 4)):
            continue
        place = SkyPosition(ra_deg=stars.ra_deg[index], dec_deg=stars.dec_deg[index])
        expected = _expected(mags[index], SPM, filter_name, 10.0, place, frames[0].date_obs)
        ratios += [_electrons(frame, x[index], y[index]) / expected for frame in frames]
    assert len(ratios) >= 9 * 5
    # Beyond 14 pixels lies a part of the profile's wings of a per cent or less.
    assert np.median(ratios) == pytest.approx(0.99, abs=0.025)


def test_an_afterglow_shines_where_it_is_with_the_light_of_the_whole_exposure():
    burst = _burst(indices=(2.0,))
    start = NIGHT + timedelta(seconds=60)
    frames = [
        _frame(sky=NoStars(), bursts=[burst], start=start, exposure_s=120.0, seed=seed) for seed in range(5)
    ]
    (x,), (y,) = _projection().pixels(np.array([BLANK.ra_deg]), np.array([BLANK.dec_deg]))
    # The mean of t**-2 between 60 and 180 s is 1 / (60 * 180): half a magnitude brighter than in mid-exposure.
    mean = 16.0 - 2.5 * math.log10(1000.0**2 / (60.0 * 180.0))
    assert burst.magnitude(120.0, "r", 120.0) == pytest.approx(mean, abs=1e-3)
    assert burst.magnitude(120.0, "r") == pytest.approx(mean + 2.5 * math.log10(120.0**2 / (60 * 180)), abs=1e-3)
    expected = _expected(mean, SPM, "r", 120.0, BLANK, start)
    assert np.mean([_electrons(f, x, y) for f in frames]) == pytest.approx(expected, rel=0.03)


def test_an_afterglow_fades_from_frame_to_frame_and_is_absent_before_the_trigger():
    (x,), (y,) = _projection().pixels(np.array([BLANK.ra_deg]), np.array([BLANK.dec_deg]))
    early, late, before = (
        _electrons(_frame(sky=NoStars(), bursts=[_burst()], start=NIGHT + timedelta(seconds=t)), x, y)
        for t in (300, 3000, -600)
    )
    assert early / late == pytest.approx((3030 / 330) ** 0.9, rel=0.1)
    assert abs(before) < 0.02 * late


def test_a_burst_outside_the_field_leaves_nothing():
    far = dataclasses.replace(_burst(), position=SkyPosition(ra_deg=43.0, dec_deg=30.0))
    assert np.array_equal(_frame(bursts=[far]).pixels, _frame().pixels)


def test_the_frame_shows_where_the_telescope_looks_and_says_where_the_mount_thinks():
    moved = SkyPosition(ra_deg=FIELD.ra_deg, dec_deg=FIELD.dec_deg + 30 * 1.27 / 3600)
    frame = _frame(sky=NoStars(), bursts=[_burst(r_mag=13.0)], looks_at=moved)
    assert frame.pointing == FIELD
    (x,), (y,) = _projection(centre=moved).pixels(np.array([BLANK.ra_deg]), np.array([BLANK.dec_deg]))
    row, column = np.unravel_index(frame.pixels.argmax(), frame.pixels.shape)
    assert (column, row) == (pytest.approx(x, abs=1), pytest.approx(y, abs=1))
    (x,), (y,) = _projection().pixels(np.array([BLANK.ra_deg]), np.array([BLANK.dec_deg]))
    assert row == pytest.approx(y - 30, abs=1.5)


def test_frames_are_drawn_from_the_generator_alone():
    assert np.array_equal(_frame().pixels, _frame().pixels)
    assert not np.array_equal(_frame().pixels, _frame(seed=2).pixels)


@pytest.mark.parametrize("frame_type", [FrameType.BIAS, FrameType.DARK, FrameType.FLAT])
def test_calibration_frames_see_no_sky(frame_type):
    frame = _frame(frame_type=frame_type, bursts=[_burst()])
    assert "AIRMASS" not in frame.header
    assert frame.frame_type is frame_type
    middle = (SPM.instrument.saturation_adu + BIAS_ADU) / 2 if frame_type is FrameType.FLAT else BIAS_ADU
    assert np.median(frame.pixels) == pytest.approx(middle, rel=0.05)


def test_the_header_knows_what_a_driver_knows_and_nothing_of_the_truth():
    header = _frame(bursts=[_burst()]).header
    assert set(header) == {"GAIN", "RDNOISE", "SATURATE", "CCD-TEMP", "SIMULATD", "AIRMASS"}
    altitude, _ = altitude_azimuth_deg(FIELD, SPM.site, NIGHT + timedelta(seconds=970))
    assert header["AIRMASS"] == pytest.approx(airmass(altitude), abs=1e-3)
    assert header["SIMULATD"] is True


# --- the sky's brightness -----------------------------------------------------------------------------


def _sky_mag(telescope=SPM, **changes):
    """Surface brightness of a frame's background, AB mag per square arcsecond, above the atmosphere."""
    frame = _frame(telescope, sky=NoStars(), **changes)
    instrument = telescope.instrument
    dark_e = instrument.dark_current_e_s * frame.exposure_s
    electrons = (np.median(frame.pixels[400:600, 400:600]) - BIAS_ADU) * instrument.gain_e_adu - dark_e
    rate = electrons / frame.exposure_s / instrument.pixel_scale_arcsec**2
    return dict(instrument.zero_points)[frame.filter] - 2.5 * math.log10(rate)


@pytest.mark.parametrize("filter_name", ["g", "r", "i", "z"])
def test_the_night_sky_is_as_dark_as_the_site(filter_name):
    altitude, _ = altitude_azimuth_deg(FIELD, SPM.site, NIGHT + timedelta(seconds=970))
    brighter = 1.25 * math.log10(airmass(altitude))
    expected = SPM.conditions.sky_mag[filter_name] - brighter
    assert _sky_mag(filter_name=filter_name) == pytest.approx(expected, abs=0.06)


def test_the_moon_brightens_the_sky_most_in_the_blue():
    full = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
    where, lit = moon(full)
    assert lit > 0.97
    assert altitude_azimuth_deg(where, SPM.site, full)[0] > 30.0
    away = SkyPosition(ra_deg=(where.ra_deg + 60.0) % 360.0, dec_deg=where.dec_deg)
    near = SkyPosition(ra_deg=(where.ra_deg + 20.0) % 360.0, dec_deg=where.dec_deg)
    blue, red, nearer = (
        _sky_mag(start=full, pointing=away, filter_name="g"),
        _sky_mag(start=full, pointing=away, filter_name="i"),
        _sky_mag(start=full, pointing=near, filter_name="g"),
    )
    assert 18.3 < blue < 19.6
    assert SPM.conditions.sky_mag["g"] - blue > 2.0
    assert 0.1 < SPM.conditions.sky_mag["i"] - red < 1.2
    assert nearer < blue - 0.4


def test_twilight_brightens_the_sky_by_about_a_magnitude_a_degree():
    dusk = datetime(2026, 11, 8, 0, 40, tzinfo=UTC)
    high = SkyPosition(ra_deg=340.0, dec_deg=30.0)
    mags = {}
    for minutes in range(0, 90, 10):
        time = dusk + timedelta(minutes=minutes)
        altitude, _ = altitude_azimuth_deg(sun(time), SPM.site, time)
        mags[altitude] = _sky_mag(start=time, pointing=high, exposure_s=0.5)
    astronomical = [m for a, m in mags.items() if -18.0 < a < -15.0]
    nautical = {a: m for a, m in mags.items() if -12.0 < a < -7.0}
    assert all(20.0 < m < 21.1 for m in astronomical)
    slope = np.polyfit(list(nautical), list(nautical.values()), 1)[0]
    assert -1.1 < slope < -0.6


def test_seeing_grows_towards_the_horizon():
    def width(position):
        burst = dataclasses.replace(_burst(r_mag=14.0), position=position)
        frame = _frame(sky=NoStars(), bursts=[burst], pointing=position)
        data = frame.pixels[480:545, 480:545] - np.median(frame.pixels)
        return math.sqrt(np.sum(data > data.max() / 2) * 4 / math.pi) * SPM.instrument.pixel_scale_arcsec

    overhead = width(FIELD)
    low = SkyPosition(ra_deg=40.0, dec_deg=-30.0)
    altitude, _ = altitude_azimuth_deg(low, SPM.site, NIGHT)
    assert 20.0 < altitude < 40.0
    assert overhead == pytest.approx(SPM.conditions.seeing_arcsec, rel=0.25)
    assert width(low) / overhead == pytest.approx(airmass(altitude) ** 0.6, rel=0.2)


def test_a_lower_site_loses_more_light_than_a_high_one():
    assert JILIN.conditions.haze > SPM.conditions.haze
    start = datetime(2026, 11, 8, 14, 0, tzinfo=UTC)
    burst = dataclasses.replace(_burst(r_mag=14.0), trigger_time=start - timedelta(seconds=1000))
    frame = _frame(JILIN, sky=NoStars(), bursts=[burst], start=start, exposure_s=10.0)
    (x,), (y,) = _projection(JILIN).pixels(np.array([BLANK.ra_deg]), np.array([BLANK.dec_deg]))
    mag = burst.magnitude(1005.0, "r", 10.0)
    expected = _expected(mag, JILIN, "r", 10.0, BLANK, start)
    assert _electrons(frame, x, y, JILIN) == pytest.approx(expected, rel=0.08)
