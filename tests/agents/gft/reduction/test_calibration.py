from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from agents.gft.reduction.calibration import (
    BAD,
    SATURATED,
    Masters,
    build_masters,
    calibrate,
    read_masters,
    write_masters,
)
from agents.gft.reduction.errors import ReductionError
from followup.devices import FrameType, RawFrame
from followup.site import Instrument
from tests.agents.gft.reduction.observatory import CENTRE, T0, small_telescope

SIDE = 64


@pytest.fixture
def instrument() -> Instrument:
    return dataclasses.replace(small_telescope(SIDE).instrument, gain_e_adu=2.0, saturation_adu=60000.0)


def frame(pixels, kind=FrameType.LIGHT, exposure_s=10.0, name="r") -> RawFrame:
    return RawFrame(
        pixels=np.asarray(np.rint(pixels), np.uint16),
        frame_type=kind,
        date_obs=T0,
        exposure_s=exposure_s,
        filter=name,
        pointing=CENTRE,
    )


def detector(rng, response):
    """Calibration frames of a detector with 100 ADU bias, 2 ADU/s dark current and one hot pixel."""
    dark = np.full((SIDE, SIDE), 2.0)
    dark[10, 20] = 900.0
    noise = lambda: rng.normal(0.0, 3.0, (SIDE, SIDE))  # noqa: E731  (drawn anew each time)
    frames = [frame(100 + noise(), FrameType.BIAS, 0.0) for _ in range(9)]
    frames += [frame(100 + 20 * dark + noise(), FrameType.DARK, 20.0) for _ in range(5)]
    frames += [frame(100 + 30000 * response + noise(), FrameType.FLAT, 0.0) for _ in range(3)]
    return frames, dark


def test_a_calibrated_frame_is_light_in_electrons(rng, instrument):
    response = np.linspace(0.8, 1.2, SIDE)[None, :] * np.ones((SIDE, 1))
    frames, dark = detector(rng, response)
    masters = build_masters(frames, instrument)
    raw = frame(100 + 10 * dark + 5000 * response)
    pixels, mask, history = calibrate(raw, masters, instrument)
    good = mask == 0
    assert pixels.dtype == np.float32
    assert np.median(pixels[good]) == pytest.approx(10000.0, rel=0.005)
    assert np.std(pixels[good]) / 10000.0 < 0.005
    assert "divided by the flat field of filter r" in history


def test_hot_and_insensitive_pixels_are_masked_and_filled(rng, instrument):
    response = np.ones((SIDE, SIDE))
    response[30, 31] = 0.05
    frames, dark = detector(rng, response)
    masters = build_masters(frames, instrument)
    assert set(zip(*np.nonzero(masters.bad), strict=True)) == {(10, 20), (30, 31)}
    pixels, mask, _ = calibrate(frame(100 + 10 * dark + 5000 * response), masters, instrument)
    assert mask[10, 20] & BAD
    assert pixels[10, 20] == pytest.approx(10000.0, rel=0.01)


def test_saturated_pixels_are_marked_but_keep_their_light(rng, instrument):
    frames, _ = detector(rng, np.ones((SIDE, SIDE)))
    pixels = np.full((SIDE, SIDE), 500.0)
    pixels[5, 6] = 60000
    calibrated, mask, _ = calibrate(frame(pixels), build_masters(frames, instrument), instrument)
    assert mask[5, 6] & SATURATED
    assert calibrated[5, 6] > 100_000
    assert not mask[5, 7]


def test_without_calibration_frames_only_the_gain_is_applied(instrument):
    masters = build_masters([], instrument)
    pixels, mask, history = calibrate(frame(np.full((SIDE, SIDE), 700.0)), masters, instrument)
    assert np.all(pixels == 1400.0)
    assert not mask.any()
    assert any("no flat field" in sentence for sentence in history)


def test_a_frame_of_another_detector_is_refused(instrument):
    masters = build_masters([], instrument)
    with pytest.raises(ReductionError, match="32 x 32 pixels came from a detector of 64 x 64"):
        calibrate(frame(np.zeros((32, 32))), masters, instrument)
    with pytest.raises(ReductionError, match="bias frame"):
        build_masters([frame(np.zeros((32, 32)), FrameType.BIAS)], instrument)


def test_a_dark_flat_field_is_refused(instrument):
    with pytest.raises(ReductionError, match="has no light"):
        build_masters([frame(np.zeros((SIDE, SIDE)), FrameType.FLAT)], instrument)


def test_masters_survive_the_disk(rng, instrument, tmp_path):
    frames, _ = detector(rng, np.ones((SIDE, SIDE)))
    masters = build_masters(frames, instrument)
    write_masters(masters, tmp_path / "masters.fits")
    again = read_masters(tmp_path / "masters.fits")
    assert list(tmp_path.iterdir()) == [tmp_path / "masters.fits"]
    for name in ("bias", "dark", "bad"):
        np.testing.assert_array_equal(getattr(again, name), getattr(masters, name))
    assert list(again.flats) == ["r"]
    np.testing.assert_array_equal(again.flats["r"], masters.flats["r"])
    assert again.bias.dtype.isnative


def test_a_damaged_file_of_masters_is_refused(instrument, tmp_path):
    path = tmp_path / "masters.fits"
    write_masters(build_masters([], instrument), path)
    raw = bytearray(path.read_bytes())
    raw[-3000] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(ReductionError, match="not a file of master"):
        read_masters(path)
    with pytest.raises(ReductionError, match="not a file of master"):
        read_masters(tmp_path / "absent.fits")


def test_the_simulated_detector_is_calibrated_to_its_noise(masters: Masters, calibration_frames):
    assert 0 < masters.bad.sum() < 500
    assert sorted(masters.flats) == ["g", "i", "r"]
    assert np.median(masters.flats["g"]) == pytest.approx(1.0, abs=1e-3)
