"""The observing log, and what goes with a campaign's records."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.gft.enclosures import DEVICES, MASTERS, SITE, STARS, STRATEGIES, Enclosures
from agents.gft.local_catalogue import LocalCatalogue
from agents.gft.logbook import Logbook, logged
from agents.gft.reduction.calibration import Masters, read_masters
from followup.devices import Telescope, WeatherReading
from followup.errors import DeviceError
from simulators.sites import known_telescope
from simulators.sky import SimulatedCatalogue, SimulatedSky
from tests.simulators.handclock import HandClock
from voevent.packet import SkyPosition

START = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
PLACE = SkyPosition(ra_deg=95.0, dec_deg=40.0)


class Dial(HandClock):
    """Shows what it is set to."""

    def set(self, time: datetime) -> None:
        self._time = time


class Device:
    """Does what it is told, unless it is broken."""

    failure: DeviceError | None = None
    answer: Any = None

    async def do(self, *_told: Any) -> Any:
        if self.failure is not None:
            raise self.failure
        return self.answer

    slew = open = face = reading = is_open = flip_due = do


@pytest.fixture
def clock() -> Dial:
    return Dial(START)


@pytest.fixture
def book(tmp_path: Path, clock: Dial) -> Logbook:
    return Logbook(tmp_path / "devices", clock)


def telescope(device: Device) -> Telescope:
    one: Any = device
    return Telescope(mount=one, camera=one, filter_wheel=one, dome=one, weather=one)


def written(book: Logbook) -> list[dict[str, Any]]:
    end = book.sky.now() + timedelta(days=1)
    return [json.loads(line) for line in book.lines(START - timedelta(days=1), end)]


async def test_commands_are_written_down_with_what_came_of_them(book: Logbook) -> None:
    device = Device()
    noted = logged(telescope(device), book)
    await noted.mount.slew(PLACE)
    device.failure = DeviceError("dome", "it is stuck", retriable=True)
    with pytest.raises(DeviceError):
        await noted.dome.open()
    with pytest.raises(DeviceError):
        await noted.dome.is_open()
    slew, opened = written(book)
    assert (slew["device"], slew["did"]) == ("mount", "slew")
    assert slew["told"] == {"argument_1": {"ra_deg": 95.0, "dec_deg": 40.0}}
    assert (opened["failed"], opened["retriable"]) == ("it is stuck", True)
    assert noted.focuser is None


async def test_weather_is_written_down_when_it_says_something_new(book: Logbook, clock: Dial) -> None:
    device = Device()
    noted = logged(telescope(device), book)
    for after_s, safe in ((0, True), (30, True), (60, False), (90, False), (120, True), (750, True)):
        clock.set(START + timedelta(seconds=after_s))
        device.answer = WeatherReading(time=clock.now(), safe=safe, reason="" if safe else "rain")
        assert await noted.weather.reading() is device.answer
    said = [(line["time"][14:19], line["found"]["safe"]) for line in written(book)]
    assert said == [("00:00", True), ("01:00", False), ("02:00", True), ("12:30", True)]


def test_a_campaign_gets_its_part_and_the_weather_before_it(book: Logbook, clock: Dial) -> None:
    book.weather(WeatherReading(time=START, safe=True))
    book.write(START, "mount", "park")
    clock.set(START + timedelta(hours=20))
    book.write(clock.now(), "mount", "slew")
    clock.set(START + timedelta(hours=30))
    book.write(clock.now(), "mount", "park")
    with (book.folder / "2026-11-23.jsonl").open("a") as file:
        file.write('{"time": "2026-11-23T')
    since, until = START + timedelta(hours=19), START + timedelta(hours=21)
    assert [json.loads(line)["did"] for line in book.lines(since, until)] == ["reading", "slew"]
    clock.set(START + timedelta(days=40))
    book.write(clock.now(), "mount", "park")
    assert [path.name for path in book.folder.iterdir()] == ["2027-01-01.jsonl"]


def test_everything_that_a_replay_needs_can_be_read_again(tmp_path: Path, book: Logbook) -> None:
    model = known_telescope("gft-spm")
    instrument = replace(model.instrument, width_px=64, height_px=64)
    masters = Masters(
        bias=np.full((64, 64), 300.0, np.float32),
        dark=np.zeros((64, 64), np.float32),
        bad=np.zeros((64, 64), np.bool_),
    )
    catalogue = SimulatedCatalogue(SimulatedSky(3))
    book.write(START, "mount", "slew")
    near = SkyPosition(ra_deg=95.01, dec_deg=40.0)
    made = Enclosures(strategies="default = 'x'\n", logbook=book, settings={"acquisition_s": 5.0}).write(
        tmp_path,
        site=model.site,
        instrument=instrument,
        masters=masters,
        catalogue=catalogue,
        pointings=[PLACE, near],
        since=START,
        until=START,
    )
    assert set(made) == {MASTERS, STRATEGIES, SITE, DEVICES, STARS}
    assert np.array_equal(read_masters(tmp_path / MASTERS).bias, masters.bias)
    kept = LocalCatalogue(tmp_path / STARS, instrument.filters).cone(PLACE, 0.3)
    true = catalogue.cone(PLACE, 0.3)
    assert sorted(kept.ra_deg) == sorted(true.ra_deg), "each star once, to the last digit"
    assert sorted(kept.mags["r"]) == sorted(true.mags["r"])
    assert json.loads((tmp_path / SITE).read_text())["settings"] == {"acquisition_s": 5.0}
    assert (tmp_path / DEVICES).read_text().count("\n") == 1
