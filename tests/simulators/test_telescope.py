"""The simulated telescope behind the ports of `followup.devices`: camera, filter wheel, dome, weather."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from followup.devices import FrameType
from followup.errors import ConfigurationError, DeviceError
from simulators.afterglow import Afterglow, SimulatedBurst
from simulators.scenario import Scenario, write_scenario
from simulators.sites import known_telescope
from simulators.telescope import simulated_telescope
from tests.simulators.handclock import START, HandClock
from voevent.packet import SkyPosition

MODEL = known_telescope("gft-spm")
FIELD = SkyPosition(ra_deg=120.0, dec_deg=20.0)
READOUT_S = MODEL.instrument.readout_s
BURST = SimulatedBurst(
    name="sb26112201",
    trigger_time=START,
    position=FIELD,
    afterglow=Afterglow(r_mag=14.0, indices=(0.7,), breaks_s=(), spectral_index=1.0),
)


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "sky.json"
    write_scenario(Scenario(seed=4), path)
    return path


@pytest.fixture
def telescope(scenario, clock):
    return simulated_telescope(MODEL, scenario, clock=clock)


async def _observing(telescope, clock):
    await clock.finish(telescope.dome.open())
    await clock.finish(telescope.mount.slew(FIELD))
    await clock.finish(telescope.filter_wheel.select("r"))


def _light(telescope, exposure_s=30.0, filter_name="r"):
    return telescope.camera.expose(frame_type=FrameType.LIGHT, exposure_s=exposure_s, filter_name=filter_name)


async def test_an_exposure_takes_its_time_and_the_read_out(telescope, clock):
    await _observing(telescope, clock)
    before = clock.since_start()
    start = clock.now()
    frame = await clock.finish(_light(telescope))
    assert clock.since_start() - before == pytest.approx(30.0 + READOUT_S)
    assert frame.date_obs == start
    assert (frame.frame_type, frame.exposure_s, frame.filter) == (FrameType.LIGHT, 30.0, "r")
    assert frame.pointing == FIELD
    assert frame.pixels.shape == (1024, 1024)
    assert frame.pixels.dtype == np.uint16
    assert frame.header["GAIN"] == MODEL.instrument.gain_e_adu


async def test_calibration_frames_need_neither_tracking_nor_an_open_dome(telescope, clock):
    levels = {}
    for kind in (FrameType.BIAS, FrameType.DARK, FrameType.FLAT):
        frame = await clock.finish(telescope.camera.expose(frame_type=kind, exposure_s=2.0, filter_name="g"))
        assert frame.frame_type is kind
        levels[kind] = np.median(frame.pixels)
    assert levels[FrameType.BIAS] == pytest.approx(levels[FrameType.DARK], abs=2)
    assert levels[FrameType.FLAT] > 20_000


async def test_under_a_closed_dome_a_frame_of_the_sky_is_dark(telescope, clock):
    await _observing(telescope, clock)
    bright = await clock.finish(_light(telescope))
    await clock.finish(telescope.dome.close())
    dark = await clock.finish(_light(telescope))
    assert dark.frame_type is FrameType.LIGHT
    assert np.median(bright.pixels) > np.median(dark.pixels) + 300
    assert np.median(dark.pixels) == pytest.approx(1000, abs=3)


async def test_without_tracking_there_is_no_frame_of_the_sky(telescope, clock):
    await clock.finish(telescope.filter_wheel.select("r"))
    with pytest.raises(DeviceError, match="mount: it does not track") as caught:
        await _light(telescope)
    assert caught.value.hint


async def test_a_frame_through_a_filter_that_is_not_in_the_beam_is_refused(telescope, clock):
    await _observing(telescope, clock)
    with pytest.raises(DeviceError, match="filter r is in the beam, not g"):
        await _light(telescope, filter_name="g")


async def test_an_aborted_exposure_gives_no_frame_and_frees_the_camera(telescope, clock):
    await _observing(telescope, clock)
    exposure = asyncio.ensure_future(_light(telescope, 300.0))
    await clock.advance(10.0)
    with pytest.raises(DeviceError, match="exposing already"):
        await _light(telescope)
    await telescope.camera.abort()
    with pytest.raises(DeviceError, match="aborted"):
        await exposure
    assert (await clock.finish(_light(telescope))).exposure_s == 30.0


async def test_a_cancelled_exposure_frees_the_camera(telescope, clock):
    await _observing(telescope, clock)
    exposure = asyncio.ensure_future(_light(telescope, 300.0))
    await clock.advance(10.0)
    exposure.cancel()
    with pytest.raises(asyncio.CancelledError):
        await exposure
    assert await clock.finish(_light(telescope))


async def test_aborting_nothing_does_nothing(telescope, clock):
    await telescope.camera.abort()
    await _observing(telescope, clock)
    assert await clock.finish(_light(telescope))


@pytest.mark.parametrize("exposure_s", [-1.0, 3601.0, float("nan")])
async def test_impossible_exposures_are_refused(telescope, exposure_s):
    with pytest.raises(DeviceError, match="cannot expose for"):
        await telescope.camera.expose(frame_type=FrameType.DARK, exposure_s=exposure_s, filter_name="r")


async def test_a_burst_that_goes_off_later_is_in_the_next_frame(telescope, clock, scenario):
    await _observing(telescope, clock)
    before = await clock.finish(_light(telescope))
    write_scenario(Scenario(seed=4).with_burst(BURST), scenario)
    after = await clock.finish(_light(telescope))
    # The pointing error is some 10 px; the rest of the field is the same but for the noise.
    middle = slice(460, 564)
    gain = after.pixels[middle, middle].max() - float(before.pixels[middle, middle].max())
    assert gain > 2000


async def test_two_telescopes_from_one_scenario_take_the_same_first_frame(scenario):
    frames = []
    for _ in range(2):
        clock = HandClock()
        telescope = simulated_telescope(MODEL, scenario, clock=clock)
        await _observing(telescope, clock)
        frames.append(await clock.finish(_light(telescope)))
    assert np.array_equal(frames[0].pixels, frames[1].pixels)


async def test_frames_of_one_field_differ_in_their_noise(telescope, clock):
    await _observing(telescope, clock)
    one, other = [await clock.finish(_light(telescope)) for _ in range(2)]
    difference = one.pixels.astype(float) - other.pixels
    assert np.median(np.abs(difference)) > 5


async def test_a_filter_change_takes_time_and_the_same_filter_none(telescope, clock):
    await clock.finish(telescope.filter_wheel.select("i"))
    assert clock.since_start() == MODEL.mechanics.filter_change_s
    await clock.finish(telescope.filter_wheel.select("i"))
    assert clock.since_start() == MODEL.mechanics.filter_change_s


async def test_a_filter_it_has_not_is_refused(telescope):
    with pytest.raises(DeviceError, match="filter wheel: there is no filter K") as caught:
        await telescope.filter_wheel.select("K")
    assert caught.value.hint == "it has g, r, i, z"


async def test_the_dome_opens_once(telescope, clock):
    assert not await telescope.dome.is_open()
    for _ in range(2):
        await clock.finish(telescope.dome.open())
        assert await telescope.dome.is_open()
        assert clock.since_start() == MODEL.mechanics.dome_s
    await clock.finish(telescope.dome.close())
    assert not await telescope.dome.is_open()


async def test_the_weather_is_good_unless_a_file_says_otherwise(telescope, clock, scenario):
    reading = await telescope.weather.reading()
    assert reading.safe
    assert reading.time == clock.now()
    assert reading.values["humidity_percent"] < 90
    weather = scenario.with_name("weather.json")
    said = {"safe": False, "reason": "rain", "age_s": 300, "values": {"humidity_percent": 98}}
    weather.write_text(json.dumps(said))
    reading = await telescope.weather.reading()
    assert not reading.safe
    assert reading.reason == "rain"
    assert (clock.now() - reading.time).total_seconds() == 300
    assert reading.values["humidity_percent"] == 98
    weather.unlink()
    assert (await telescope.weather.reading()).safe


@pytest.mark.parametrize("text", ["", "rain", "[]", "{}", '{"safe": true, "age_s": "old"}', "7"])
async def test_unreadable_weather_is_an_error_and_no_good_weather(telescope, scenario, text):
    scenario.with_name("weather.json").write_text(text)
    with pytest.raises(DeviceError, match="weather station") as caught:
        await telescope.weather.reading()
    assert caught.value.retriable
    assert caught.value.hint


def test_a_telescope_without_a_sky_is_refused(tmp_path, clock):
    with pytest.raises(ConfigurationError, match="is not a simulated sky"):
        simulated_telescope(MODEL, tmp_path / "none.json", clock=clock)
