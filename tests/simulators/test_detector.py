"""What a detector makes of light and darkness: bias, dark, flat, noise, saturation, cosmic rays."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from simulators.detector import BIAS_ADU, Detector
from simulators.pointspread import PointSources
from simulators.sites import known_telescope

INSTRUMENT = dataclasses.replace(known_telescope("gft-jilin").instrument, width_px=400, height_px=300)
GAIN, READ_NOISE = INSTRUMENT.gain_e_adu, INSTRUMENT.read_noise_e
NOTHING = PointSources(x=np.array([]), y=np.array([]), electrons=np.array([]))


@pytest.fixture(scope="module")
def detector():
    return Detector(INSTRUMENT)


def _rng(seed=1):
    return np.random.default_rng(seed)


def _light(detector, *, rng=None, sources=NOTHING, sky_e_px=2000.0, exposure_s=30.0, filter_name="r"):
    return detector.light(
        sources=sources,
        sky_e_px=sky_e_px,
        fwhm_px=2.5,
        exposure_s=exposure_s,
        filter_name=filter_name,
        rng=rng or _rng(),
    )


def _mean(frames):
    return np.mean([frame.astype(float) for frame in frames], axis=0)


def test_frames_are_drawn_from_the_generator_alone(detector):
    assert np.array_equal(_light(detector), _light(Detector(INSTRUMENT)))
    assert not np.array_equal(_light(detector), _light(detector, rng=_rng(2)))
    frame = _light(detector)
    assert (frame.shape, frame.dtype) == ((300, 400), np.uint16)


def test_each_telescope_has_a_detector_of_its_own(detector):
    other = Detector(dataclasses.replace(INSTRUMENT, telescope="gft-other"))
    assert not np.array_equal(detector.bias(rng=_rng()), other.bias(rng=_rng()))


def test_a_bias_holds_the_pedestal_and_the_read_out_noise(detector):
    one, two = (detector.bias(rng=_rng(seed)).astype(float) for seed in (1, 2))
    assert np.mean(one) == pytest.approx(BIAS_ADU, abs=0.5)
    # Rounding to whole ADU adds a twelfth.
    assert np.var(one - two) / 2 == pytest.approx((READ_NOISE / GAIN) ** 2 + 1 / 12, rel=0.03)


def test_the_bias_pattern_is_in_every_frame(detector):
    halves = [_mean(detector.bias(rng=_rng(10 * half + i)) for i in range(8)) for half in (1, 2)]
    columns = [half.mean(axis=0) for half in halves]
    assert np.corrcoef(*columns)[0, 1] > 0.95
    assert np.std(columns[0]) == pytest.approx(1.5, rel=0.2)


def test_dark_current_grows_with_time_and_hot_pixels_stand_out(detector):
    bias = _mean(detector.bias(rng=_rng(i)) for i in range(4))
    short, long = (
        (_mean(detector.dark(exposure_s=t, rng=_rng(i)) for i in range(4)) - bias) * GAIN
        for t in (300.0, 600.0)
    )
    rate = INSTRUMENT.dark_current_e_s * np.exp(0.3**2 / 2)
    assert np.median(short) == pytest.approx(INSTRUMENT.dark_current_e_s * 300, rel=0.1)
    ordinary = long < np.percentile(long, 99)
    assert np.mean(long[ordinary]) == pytest.approx(rate * 600, rel=0.1)
    hot = (short > 500.0) & (long > 1000.0)
    assert 5 < hot.sum() < 100  # three in ten thousand, of 120,000
    cool = long[hot] < INSTRUMENT.saturation_adu * GAIN * 0.9
    assert np.median(long[hot][cool] / short[hot][cool]) == pytest.approx(2.0, rel=0.05)


def test_a_frame_without_exposure_has_no_dark_current_and_no_cosmic_rays(detector):
    assert np.array_equal(detector.dark(exposure_s=0.0, rng=_rng()), detector.bias(rng=_rng()))


def test_the_noise_of_light_is_that_of_its_electrons(detector):
    one, two = (_light(detector, rng=_rng(seed), exposure_s=0.001).astype(float) for seed in (1, 2))
    electrons = (one + two) / 2 - BIAS_ADU
    variance = np.var(one - two) / 2
    assert variance == pytest.approx(np.mean(electrons) / GAIN + (READ_NOISE / GAIN) ** 2, rel=0.03)
    assert np.mean(electrons) * GAIN == pytest.approx(2000.0, rel=0.05)


def test_a_flat_shows_the_same_response_as_the_sky(detector):
    bias = _mean(detector.bias(rng=_rng(i)) for i in range(4))
    flat = _mean(detector.flat(exposure_s=3.0, filter_name="r", rng=_rng(i)) for i in range(10)) - bias
    sky = _mean(_light(detector, sky_e_px=3e4, exposure_s=0.001, rng=_rng(50 + i)) for i in range(10)) - bias
    flat, sky = flat / np.median(flat), sky / np.median(sky)
    assert np.std(flat) > 0.015  # vignetting, pixels and dust
    # What is left is noise of the two means, and the screen's gradient of some thousandths.
    assert np.std(sky / flat) < 0.0045


def test_a_flat_is_half_full_whatever_the_exposure(detector):
    levels = [np.median(detector.flat(exposure_s=t, filter_name="r", rng=_rng())) for t in (1.0, 10.0)]
    middle = BIAS_ADU + (INSTRUMENT.saturation_adu - BIAS_ADU) / 2
    assert levels == pytest.approx([middle, middle], rel=0.04)


def test_dust_sits_on_the_filters_and_pixels_on_the_detector(detector):
    def flat(name):
        frames = [
            detector.flat(exposure_s=1.0, filter_name=name, rng=_rng(i)).astype(float) for i in range(6)
        ]
        mean = np.mean(frames, axis=0)
        return mean / np.median(mean)

    ratio = flat("g") / flat("r")
    # Pixel response (0.8 %) cancels; rings of dust, some per cent deep, do not.
    assert np.median(np.abs(ratio - 1.0)) < 0.004
    assert np.percentile(np.abs(ratio - 1.0), 99.5) > 0.01


def test_pixels_saturate(detector):
    star = PointSources(x=np.array([200.0]), y=np.array([150.0]), electrons=np.array([1e7]))
    frame = _light(detector, sources=star)
    assert frame.max() == INSTRUMENT.saturation_adu
    assert 20 < np.sum(frame == INSTRUMENT.saturation_adu) < 2000
    assert frame[150, 200] == INSTRUMENT.saturation_adu


def test_no_light_makes_a_frame_negative(detector):
    dim = dataclasses.replace(INSTRUMENT, read_noise_e=3000.0)
    assert Detector(dim).bias(rng=_rng()).min() == 0


def test_a_star_leaves_its_electrons(detector):
    star = PointSources(x=np.array([210.3]), y=np.array([140.8]), electrons=np.array([2e5]))
    with_it, without = (
        _mean(_light(detector, sources=s, exposure_s=0.001, rng=_rng(i)) for i in range(4))
        for s in (star, NOTHING)
    )
    box = np.s_[110:172, 180:241]
    assert (with_it - without)[box].sum() * GAIN == pytest.approx(2e5, rel=0.01)


def test_cosmic_rays_hit_as_often_as_the_exposure_is_long(detector):
    counts = []
    for exposure_s in (100.0, 1000.0):
        quiet = detector.dark(exposure_s=exposure_s, rng=_rng(900)).astype(float)
        noise = np.sqrt(READ_NOISE**2 + INSTRUMENT.dark_current_e_s * exposure_s) / GAIN
        hits = 0
        for seed in range(5):
            frame = detector.dark(exposure_s=exposure_s, rng=_rng(seed))
            hits += int(np.sum(frame - quiet > 12 * noise + 50))
        counts.append(hits / 5)
    # Tracks of one to some pixels: 4 and 40 rays on average, whatever the seeds.
    assert 4 < counts[0] < 40
    assert 5 < counts[1] / counts[0] < 20


def test_a_frame_is_drawn_within_a_fraction_of_a_second(detector):
    import time  # noqa: PLC0415

    whole = Detector(known_telescope("gft-spm").instrument)
    rng = _rng()
    n = 1500
    stars = PointSources(
        x=rng.uniform(0, 1023, n), y=rng.uniform(0, 1023, n), electrons=10 ** rng.uniform(2, 5, n)
    )
    _light(whole, sources=stars)
    began = time.process_time()
    _light(whole, sources=stars)
    assert time.process_time() - began < 1.0
