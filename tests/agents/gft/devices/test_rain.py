"""Rain over INDI's simulators: the exposure ends, the mount parks, the dome shuts; then it may go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from agents.gft.gate import SAFETY, ShutError
from agents.gft.observatory import Observatory
from agents.gft.safety import SafetyWatch
from deploy.indiserver import IndiServer
from followup.clock import WallClock
from followup.limits import Limits
from followup.site import Site
from tests.agents.gft.devices.conftest import CAMERA, DOME, MOUNT, SITE, WEATHER, Subject, over_indi

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@dataclass
class Day:
    """As much of a `Bench` as safety asks for; the Sun may shine, for the devices live in our time."""

    observatory: Observatory
    folder: Path
    name: str = "gft-spm"
    sky: WallClock = field(default_factory=WallClock)
    wall: WallClock = field(default_factory=WallClock)
    site: Site = field(default_factory=lambda: replace(SITE, max_sun_altitude_deg=90.0))
    limits: Limits = field(default_factory=lambda: Limits(safe_for_s=10.0))

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def gate(self) -> Any:
        return self.observatory.gate

    @staticmethod
    def watchdog() -> str | None:
        return None


@pytest_asyncio.fixture(loop_scope="module")
async def subject(server: IndiServer) -> AsyncIterator[Subject]:
    async with over_indi(server.port, weather_s=1.0) as each:
        yield each


async def test_rain_during_an_exposure(subject: Subject, server: IndiServer, tmp_path: Path) -> None:
    observatory = Observatory(subject.telescope, subject.clock)
    heard = subject.telescope.dome.device.connection.heard  # type: ignore[attr-defined]
    watch = SafetyWatch(cast("Any", Day(observatory, tmp_path)))
    await watch.look()
    assert not observatory.gate.reasons
    running = asyncio.ensure_future(watch.run())
    try:
        await observatory.point(subject.high)
        exposing = asyncio.ensure_future(observatory.expose(exposure_s=120.0, filter_name="r"))
        while not heard[CAMERA, "CCD_EXPOSURE", "Busy"]:  # noqa: ASYNC110 - said by the driver
            await asyncio.sleep(0.05)
        parks, shuts = heard[MOUNT, "TELESCOPE_PARK", "Busy"], heard[DOME, "DOME_SHUTTER", "Busy"]
        await server.tell(WEATHER, "WEATHER_CONTROL", {"Precip": 3})
        with pytest.raises(ShutError, match=r"rain: 3 mm/h \(limit: 0 mm/h\)"):
            await exposing
        async with asyncio.timeout(60.0):
            while not observatory.sheltered:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert heard[MOUNT, "TELESCOPE_PARK", "Busy"] > parks
        assert heard[DOME, "DOME_SHUTTER", "Busy"] > shuts
        assert not await subject.telescope.dome.is_open()
        assert not observatory.trouble
        await server.tell(WEATHER, "WEATHER_CONTROL", {"Precip": 0})
        async with asyncio.timeout(60.0):
            await observatory.gate.free(SAFETY)
    finally:
        await server.tell(WEATHER, "WEATHER_CONTROL", {"Precip": 0})
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_station_whose_warnings_are_switched_off(subject: Subject, server: IndiServer) -> None:
    override = subject.telescope.weather.device  # type: ignore[attr-defined]
    await override.ready()
    await override.ask("WEATHER_OVERRIDE", {"OVERRIDE": "On"})
    try:
        await override.wait(lambda: override.on("WEATHER_OVERRIDE", "OVERRIDE"), 10.0, "it does not")
        reading = await subject.telescope.weather.reading()
        assert not reading.safe
        assert reading.reason == "its warnings are switched off (WEATHER_OVERRIDE)"
    finally:
        await override.ask("WEATHER_OVERRIDE", {"OVERRIDE": "Off"})
        await override.wait(lambda: not override.on("WEATHER_OVERRIDE", "OVERRIDE"), 10.0, "it does not")


async def test_wind_is_told_in_metres_per_second(subject: Subject, server: IndiServer) -> None:
    await server.tell(WEATHER, "WEATHER_CONTROL", {"Gust": 18})
    try:
        station = subject.telescope.weather.device  # type: ignore[attr-defined]
        await station.ready()
        changed = "the gust was not told"
        await station.wait(
            lambda: station.number("WEATHER_PARAMETERS", "WEATHER_WIND_GUST") == 18, 10.0, changed
        )
        assert (await subject.telescope.weather.reading()).values["gust_m_s"] == pytest.approx(5.0)
    finally:
        await server.tell(WEATHER, "WEATHER_CONTROL", {"Gust": 0})
