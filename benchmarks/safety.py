"""How soon a telescope over INDI is made safe when its weather station warns: INDI's own simulators."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from agents.gft.gate import SAFETY, ShutError
from agents.gft.indi.apparent import Apparent, apparent, icrs, sidereal_h
from agents.gft.indi.telescope import indi_telescope
from agents.gft.observatory import Observatory
from agents.gft.safety import SafetyWatch
from benchmarks.table import row
from console.device_settings import Indi
from console.indi_stage import raise_curtain, site_settings
from console.servers import free_port
from console.simulation import empty_sky, write_sky
from deploy.indiserver import DRIVERS, IndiServer
from followup.clock import WallClock
from followup.limits import Limits
from followup.site import Site
from simulators.sites import known_telescope
from voevent.packet import SkyPosition

ROUNDS = 7
GOAL_MS = 2000.0

_MODEL = known_telescope("gft-spm")
_MS = 1000.0
_MOUNT, _CAMERA, _DOME, _WEATHER = (DRIVERS[what][1] for what in ("mount", "camera", "dome", "weather"))


@dataclass
class _Day:
    """As much of a bench as the safety watch asks for; the Sun may shine: devices live in our time."""

    observatory: Observatory
    folder: Path
    name: str = _MODEL.name
    sky: WallClock = field(default_factory=WallClock)
    wall: WallClock = field(default_factory=WallClock)
    site: Site = field(default_factory=lambda: replace(_MODEL.site, max_sun_altitude_deg=90.0))
    limits: Limits = field(default_factory=lambda: Limits(safe_for_s=10.0))
    run: None = None

    @property
    def gate(self) -> Any:
        return self.observatory.gate

    @staticmethod
    def watchdog() -> str | None:
        return None


def run() -> list[dict[str, Any]]:
    """Measure; returns rows with name, value, p99, unit, ratio, against and runs."""
    with tempfile.TemporaryDirectory(prefix="followup-bench-") as folder:
        return asyncio.run(_measured(Path(folder)))


async def _measured(folder: Path) -> list[dict[str, Any]]:
    write_sky(folder, empty_sky(1))
    (folder / "site.toml").touch()
    server = await raise_curtain(folder, _MODEL, free_port())
    settings = replace(Indi(**site_settings(_MODEL, server.port)["indi"]).settings(), weather_s=1.0)
    wall = WallClock()
    try:
        await _park_near(server)
        async with indi_telescope(settings, _MODEL.site, sky=wall, wall=wall) as telescope:
            observatory = Observatory(telescope, wall)
            watch = SafetyWatch(cast("Any", _Day(observatory, folder)))
            watching = asyncio.ensure_future(watch.run())
            try:
                rounds = [await _shower(observatory, server) for _ in range(ROUNDS)]
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
    finally:
        await server.stop()
    camera, mount, dome = zip(*rounds, strict=True)
    both = [max(pair) for pair in zip(camera, mount, strict=True)]
    start = "the station's warning, to the "
    return [
        row(f"{start}exposure's end and the mount's parking", both, scale=_MS, unit="ms", goal=GOAL_MS),
        row(f"{start}dome's closing", dome, scale=_MS, unit="ms", goal=GOAL_MS),
    ]


async def _shower(observatory: Observatory, server: IndiServer) -> tuple[float, float, float]:
    """Have it rain during an exposure: how long until camera, mount and dome say that they have heard."""
    station: Any = observatory.telescope.weather.device  # type: ignore[attr-defined]  # an INDI one
    heard = station.connection.heard
    await observatory.gate.free(SAFETY)
    await observatory.point(_place(1.0, 30.0))
    ends, parks, closes = (
        _counts(heard, key)
        for key in (
            (_CAMERA, "CCD_ABORT_EXPOSURE"),
            (_MOUNT, "TELESCOPE_PARK", "Busy"),
            (_DOME, "DOME_SHUTTER", "Busy"),
        )
    )
    begins = _counts(heard, (_CAMERA, "CCD_EXPOSURE", "Busy"))
    exposing = asyncio.ensure_future(observatory.expose(exposure_s=60.0, filter_name="r"))
    await _when(station, begins)
    warns = _counts(heard, (_WEATHER, "WEATHER_STATUS", "Alert"))
    conditions = (
        lambda: warns() or station.number("WEATHER_PARAMETERS", "WEATHER_RAIN_HOUR") > 0,
        ends,
        parks,
        closes,
    )
    waiting = asyncio.gather(*(_when(station, each) for each in conditions))
    await server.tell(_WEATHER, "WEATHER_CONTROL", {"Precip": 3})
    warned, *done = await waiting
    with contextlib.suppress(ShutError):
        await exposing
    await server.tell(_WEATHER, "WEATHER_CONTROL", {"Precip": 0})
    return done[0] - warned, done[1] - warned, done[2] - warned


def _counts(heard: Any, key: tuple[str, ...]) -> Callable[[], bool]:
    before = heard[key]
    return lambda: heard[key] > before


async def _when(station: Any, condition: Callable[[], bool]) -> float:
    async with asyncio.timeout(60.0):
        while not condition():
            await station.connection.news()
    return time.perf_counter()


async def _park_near(server: IndiServer) -> None:
    """Have the mount believe that it stands where it will point, and park there: it slews slowly."""
    at = apparent(_place(1.0, 28.0), WallClock().now())
    site = _MODEL.site
    await server.tell(_MOUNT, "CONNECTION", {"CONNECT": "On"})
    where = {"LAT": site.latitude_deg, "LONG": site.longitude_deg % 360.0, "ELEV": site.elevation_m}
    await server.tell(_MOUNT, "GEOGRAPHIC_COORD", where)
    await server.tell(_MOUNT, "ON_COORD_SET", {"SYNC": "On"})
    await server.tell(_MOUNT, "EQUATORIAL_EOD_COORD", {"RA": at.ra_h, "DEC": at.dec_deg})
    await server.tell(_MOUNT, "TELESCOPE_PARK_POSITION", {"PARK_HA": 1.0, "PARK_DEC": 28.0})


def _place(hour_angle_h: float, dec_deg: float) -> SkyPosition:
    now = WallClock().now()
    ra_h = (sidereal_h(_MODEL.site, now) - hour_angle_h) % 24.0
    return icrs(Apparent(ra_h=ra_h, dec_deg=dec_deg), now)
