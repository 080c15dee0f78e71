"""Two telescopes behind the same ports: the simulated one, and INDI's simulators behind a real server."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agents.gft.indi.apparent import Apparent, apparent, icrs, sidereal_h
from agents.gft.indi.settings import IndiSettings
from agents.gft.indi.telescope import indi_telescope
from console.indi_stage import IN_FOCUS
from deploy.indiserver import DRIVERS, IndiServer
from followup.clock import Clock, WallClock
from followup.devices import Telescope
from simulators.indi_camera import driver_settings
from simulators.scenario import Scenario, write_scenario
from simulators.sites import known_telescope
from simulators.telescope import simulated_telescope
from tests.simulators.handclock import HandClock
from voevent.packet import SkyPosition

MODEL = known_telescope("gft-spm")
SITE = MODEL.site
SLOTS = {"g": 1, "r": 2, "i": 3, "z": 4, "beyond": 99}
MOUNT, CAMERA, WHEEL, FOCUSER, DOME, WEATHER = (device for _, device in DRIVERS.values())


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A telescope, and what can be asked of it now.

    Attributes
    ----------
    finish
        Waits for something that takes its time by the telescope's clock; `pass_s` lets time pass.
    high
        A place well above every limit; `beside` is some degrees from it, `far` takes seconds to get to, the
        dome stands near the azimuth of `north`, and `low` has set.
    """

    telescope: Telescope
    clock: Clock
    finish: Callable[[Awaitable[Any]], Awaitable[Any]]
    pass_s: Callable[[float], Awaitable[None]]
    high: SkyPosition
    beside: SkyPosition
    far: SkyPosition
    north: SkyPosition
    low: SkyPosition


def place(hour_angle_h: float, dec_deg: float) -> SkyPosition:
    """A place at an hour angle of the site, now by the machine's clock."""
    now = WallClock().now()
    return icrs(Apparent(ra_h=(sidereal_h(SITE, now) - hour_angle_h) % 24.0, dec_deg=dec_deg), now)


@asynccontextmanager
async def simulated(folder: Path) -> AsyncIterator[Subject]:
    """Our own simulated telescope, at night, with a clock moved by hand."""
    clock = HandClock()
    write_scenario(Scenario(seed=4), folder / "sky.json")
    yield Subject(
        telescope=simulated_telescope(MODEL, folder / "sky.json", clock=clock),
        clock=clock,
        finish=clock.finish,  # type: ignore[arg-type]  # only coroutines are given to it
        pass_s=clock.advance,
        high=SkyPosition(ra_deg=90.0, dec_deg=30.0),
        beside=SkyPosition(ra_deg=90.0, dec_deg=35.0),
        far=SkyPosition(ra_deg=90.0, dec_deg=60.0),
        north=SkyPosition(ra_deg=90.0, dec_deg=75.0),
        low=SkyPosition(ra_deg=270.0, dec_deg=-40.0),
    )


def settings(port: int, **changes: object) -> IndiSettings:
    """What the site would say of INDI's simulators, with time-outs that a test can wait for."""
    names = {what: device for what, (_, device) in DRIVERS.items()}
    plain = IndiSettings(host="127.0.0.1", port=port, slots=SLOTS, readout_s=15.0, **names)
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]  # any of its fields


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[IndiServer]:
    """A server with all simulators, its mount near the places that tests point at."""
    running = IndiServer(tmp_path_factory.mktemp("indi"), port=free_port())
    await running.start()
    try:
        await camera_ready(running)
        await near(running)
        yield running
    finally:
        await running.stop()


async def camera_ready(running: IndiServer) -> None:
    """Give the camera the model's detector, and have it look often whether an exposure is over."""
    await running.tell(CAMERA, "SIMULATOR_SETTINGS", driver_settings(MODEL))
    await running.tell(CAMERA, "CONNECTION", {"CONNECT": "On"})
    await running.tell(CAMERA, "POLLING_PERIOD", {"PERIOD_MS": 100})
    await running.tell(FOCUSER, "CONNECTION", {"CONNECT": "On"})
    await running.tell(FOCUSER, "ABS_FOCUS_POSITION", {"FOCUS_ABSOLUTE_POSITION": IN_FOCUS})


async def near(running: IndiServer) -> None:
    """Have the mount believe that it stands near the zenith, and park there: slews are slow."""
    at = apparent(place(1.0, 28.0), WallClock().now())
    await running.tell(MOUNT, "CONNECTION", {"CONNECT": "On"})
    where = {"LAT": SITE.latitude_deg, "LONG": SITE.longitude_deg % 360.0, "ELEV": SITE.elevation_m}
    await running.tell(MOUNT, "GEOGRAPHIC_COORD", where)
    await running.tell(MOUNT, "ON_COORD_SET", {"SYNC": "On"})
    await running.tell(MOUNT, "EQUATORIAL_EOD_COORD", {"RA": at.ra_h, "DEC": at.dec_deg})
    await running.tell(MOUNT, "TELESCOPE_PARK_POSITION", {"PARK_HA": 1.0, "PARK_DEC": 28.0})


@asynccontextmanager
async def over_indi(port: int, **changes: object) -> AsyncIterator[Subject]:
    """INDI's simulators."""
    wall = WallClock()
    async with indi_telescope(settings(port, **changes), SITE, sky=wall, wall=wall) as telescope:
        yield Subject(
            telescope=telescope,
            clock=wall,
            finish=_itself,
            pass_s=wall.sleep,
            high=place(1.0, 30.0),
            beside=place(1.0, 33.0),
            far=place(-2.0, 60.0),
            north=place(-1.0, 75.0),
            low=place(12.0, -30.0),
        )


async def _itself(work: Awaitable[Any]) -> Any:
    return await work


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["simulated", "indi"])
async def subject(
    request: pytest.FixtureRequest, server: IndiServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Subject]:
    """Either telescope."""
    made: dict[str, AbstractAsyncContextManager[Subject]] = {
        "simulated": simulated(tmp_path_factory.mktemp("simulated")),
        "indi": over_indi(server.port),
    }
    async with made[request.param] as each:
        yield each
