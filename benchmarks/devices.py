"""How soon devices do what they are told over INDI: its own simulators, as in the demonstration."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from agents.gft.gate import SAFETY
from agents.gft.indi.apparent import Apparent, icrs, sidereal_h
from agents.gft.indi.telescope import indi_telescope
from agents.gft.observatory import Observatory
from benchmarks.table import row
from console.device_settings import Indi
from console.indi_stage import raise_curtain, site_settings
from console.servers import free_port
from console.simulation import empty_sky, write_sky
from followup.clock import WallClock
from simulators.sites import known_telescope
from voevent.packet import SkyPosition

ROUNDS = 5
EXPOSURES = 10
EXPOSURE_S = 2.0
OVERHEAD_GOAL_MS = 500.0
STOP_GOAL_MS = 1000.0

_MODEL = known_telescope("gft-spm")
_MS = 1000.0
_COORD = "EQUATORIAL_EOD_COORD"


def run() -> list[dict[str, Any]]:
    """Measure; returns rows with name, value, p99, unit, ratio, against and runs."""
    with tempfile.TemporaryDirectory(prefix="followup-bench-") as folder:
        return asyncio.run(_measured(Path(folder)))


async def _measured(folder: Path) -> list[dict[str, Any]]:
    write_sky(folder, empty_sky(1))
    (folder / "site.toml").touch()
    server = await raise_curtain(folder, _MODEL, free_port())
    settings = Indi(**site_settings(_MODEL, server.port)["indi"]).settings()
    wall = WallClock()
    try:
        async with indi_telescope(settings, _MODEL.site, sky=wall, wall=wall) as telescope:
            observatory = Observatory(telescope, wall)
            observatory.gate.lift(SAFETY)  # nobody looks at the conditions here
            await observatory.point(_place(1.0, 30.0))
            commanded, stopped = [], []
            for number in range(ROUNDS):
                moving, stopping = await _slewed_and_stopped(observatory, _place(1.0, 50.0 + number))
                commanded.append(moving)
                stopped.append(stopping)
                await observatory.point(_place(1.0, 30.0))
            between = await _series(observatory)
    finally:
        await server.stop()
    return [
        row("command to slew, to the mount's saying that it moves", commanded, scale=_MS, unit="ms"),
        row("order to halt, to the mount's standing still", stopped, scale=_MS, unit="ms", goal=STOP_GOAL_MS),
        row("between exposures of a series", between, scale=_MS, unit="ms", goal=OVERHEAD_GOAL_MS),
    ]


async def _slewed_and_stopped(observatory: Observatory, target: SkyPosition) -> tuple[float, float]:
    device: Any = observatory.telescope.mount.device  # type: ignore[attr-defined]  # an INDI one
    heard, key = device.connection.heard, (device.name, _COORD, "Busy")
    before, began = heard[key], time.perf_counter()
    pointing = asyncio.ensure_future(observatory.point(target))
    while heard[key] == before:
        await device.connection.news()
    moving = time.perf_counter() - began
    await asyncio.sleep(0.5)
    began = time.perf_counter()
    await observatory.halt()
    stopping = time.perf_counter() - began
    await asyncio.gather(pointing, return_exceptions=True)
    return moving, stopping


async def _series(observatory: Observatory) -> list[float]:
    """Give how long the shutter was closed between two exposures, by the frames' own headers."""
    frames = [await observatory.expose(exposure_s=EXPOSURE_S, filter_name="r") for _ in range(EXPOSURES + 1)]
    open_for = timedelta(seconds=EXPOSURE_S)
    return [
        (after.date_obs - before.date_obs - open_for).total_seconds()
        for before, after in itertools.pairwise(frames)
    ]


def _place(hour_angle_h: float, dec_deg: float) -> SkyPosition:
    now = WallClock().now()
    ra_h = (sidereal_h(_MODEL.site, now) - hour_angle_h) % 24.0
    return icrs(Apparent(ra_h=ra_h, dec_deg=dec_deg), now)
