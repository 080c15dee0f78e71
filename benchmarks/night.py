"""A whole night of one site in real time on INDI's simulators, every part real, and a record of it.

The night is short because of where and when it is (54.8 deg north in June: the Sun is lower than -12 deg for
half an hour). The sky's clock is set to that date and runs as fast as the machine's; nothing is skipped.

    python -m benchmarks.night FOLDER [RECORD.md]

A focus run as it gets dark, a burst, a storm, a colder tube, a drill, a burst shortly before dawn.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from agents.gft.high_field import high_field
from agents.gft.indi.connection import Connection
from benchmarks.night_log import NightLog
from console import enrolment, simulation
from console.children import AgentProcess
from console.control import ask
from console.indi_stage import IN_FOCUS, raise_curtain, site_settings
from console.servers import Servers, embedded, free_port
from console.state import State
from deploy.indiserver import DRIVERS, IndiServer
from followup.clock import SkyClock, WallClock
from followup.errors import FollowupError
from followup.names import CSC, RELAY
from followup.sun import sun_altitude_deg
from simulators.afterglow import Afterglow, SimulatedBurst
from simulators.notices import svom_sequence
from simulators.projection import offset
from simulators.scenario import read_scenario
from simulators.sites import known_telescope

TELESCOPE = "gft-schlei"
_MODEL = known_telescope(TELESCOPE)
_EVE = datetime(2026, 6, 11, 22, 0, tzinfo=UTC)
_NIGHT_DEG = -12.0
_BEFORE_DUSK = timedelta(minutes=2)
_AFTER_DAWN = timedelta(minutes=2)
_STORM_S = 75.0
_WIND = {"calm": 0.0, "storm": 60.0}
_COLDER_C = -4.0
_SEED = 20260611
_LOOK_S = 1.0
_READY_S = 240.0


def dusk_and_dawn() -> tuple[datetime, datetime]:
    """Give the times between which the Sun is low enough, to the second."""
    times = [_EVE + timedelta(seconds=s) for s in range(4 * 3600)]
    dark = [time for time in times if sun_altitude_deg(_MODEL.site, time) <= _NIGHT_DEG]
    return dark[0], dark[-1]


class Night:
    """One night, from an empty folder to the record."""

    def __init__(self, folder: Path) -> None:
        self.state = State(folder)
        self.folder = self.state.telescope(TELESCOPE)
        self.dusk, self.dawn = dusk_and_dawn()
        self.sky = SkyClock(
            sky_epoch=self.dusk - _BEFORE_DUSK, wall_epoch=WallClock().now(), rate=1.0, wall=WallClock()
        )
        self.log = NightLog(self.sky, self.dusk, self.dawn)
        self.rng = np.random.default_rng(_SEED)
        self._agents: list[AgentProcess] = []

    async def run(self) -> None:
        """Live through it."""
        async with embedded(self.state, prefect="none") as servers:
            indi = await self._set_up(servers)
            try:
                await self._agents_up()
                seeing = asyncio.create_task(self._see(indi))
                try:
                    await self._live(indi)
                finally:
                    seeing.cancel()
                    await asyncio.gather(seeing, return_exceptions=True)
            finally:
                await asyncio.gather(*(agent.stop(60.0) for agent in self._agents))
                await indi.stop()

    async def _set_up(self, servers: Servers) -> IndiServer:
        # The clock begins when the agents do: all that comes before is not part of the night.
        self.sky.set(self.dusk - _BEFORE_DUSK, WallClock().now())
        sky = {"sky_epoch": self.sky.sky_epoch, "wall_epoch": self.sky.wall_epoch, "rate": 1.0}
        await enrolment.make_centre(self.state, servers, sky=sky)
        enrolled = await enrolment.admit_telescope(self.state, servers.prosody, TELESCOPE)
        simulation.write_sky(self.folder, simulation.empty_sky(_SEED))
        indi = await raise_curtain(self.folder, _MODEL, free_port())
        content = site_settings(_MODEL, indi.port) | {
            "sky": sky,
            # By default five minutes; the night has thirty.
            "safety": {"safe_for_s": 60.0},
            "focus": {"step": 3000, "exposure_s": 2.0, "backlash": 500, "filter": "r"},
        }
        enrolment.install_enrolment(enrolled, self.folder, content)
        await _tell(indi, "focuser", "ABS_FOCUS_POSITION", {"FOCUS_ABSOLUTE_POSITION": IN_FOCUS + 5000})
        self.log.note("stage", f"the focuser stands 5000 steps beside the focus ({IN_FOCUS})")
        return indi

    async def _agents_up(self) -> None:
        commands = {RELAY: ("relay", "run"), CSC: ("csc", "run"), TELESCOPE: ("gft", "run", TELESCOPE)}
        self._agents = [
            AgentProcess(site, arguments, state=self.state.root, listen=self.log.hear)
            for site, arguments in commands.items()
        ]
        await asyncio.gather(*(agent.start() for agent in self._agents))
        await asyncio.gather(*(agent.online() for agent in self._agents))
        async with asyncio.timeout(_READY_S):
            await self._when(self._heard, until=self.dawn)
        self.log.note("stage", "all agents are online")

    # --- what happens in the night ---------------------------------------------------------------------

    async def _live(self, indi: IndiServer) -> None:
        # The telescope has a few minutes of its own: dusk, and its focus run.
        await self._until(self.dusk + timedelta(minutes=4))
        await self._burst("first", mag=15.0)
        await self._until(self.dusk + timedelta(minutes=6.5))
        await _tell(indi, "weather", "WEATHER_CONTROL", {"Wind": _WIND["storm"]})
        self.log.note("stage", "a storm begins")
        await asyncio.sleep(_STORM_S)
        await _tell(indi, "weather", "WEATHER_CONTROL", {"Wind": _WIND["calm"]})
        self.log.note("stage", "the storm is over")
        await self._when(self._quiet, until=self.dawn - timedelta(minutes=12))
        await _tell(indi, "focuser", "FOCUS_TEMPERATURE", {"TEMPERATURE": _COLDER_C})
        self.log.note("stage", f"the tube becomes {_COLDER_C:g} deg C cold")
        await self._when(self._focused_twice, until=self.dawn - timedelta(minutes=9))
        await self._drill()
        await self._when(self._quiet, until=self.dawn - timedelta(minutes=2.5))
        await self._until(self.dawn - timedelta(minutes=2))
        await self._burst("second", mag=15.5)
        await self._until(self.dawn + _AFTER_DAWN)

    async def _burst(self, which: str, *, mag: float) -> None:
        now = self.sky.now()
        position = offset(high_field(_MODEL.site, now), east_arcsec=60.0, north_arcsec=-90.0)
        burst = SimulatedBurst(
            name=f"sb260611{len(read_scenario(self.folder / simulation.SCENARIO_FILE).bursts) + 1:02d}",
            trigger_time=now - timedelta(seconds=20),
            position=position,
            afterglow=Afterglow(r_mag=mag, indices=(0.9,), breaks_s=(), spectral_index=0.8),
        )
        scenario = read_scenario(self.folder / simulation.SCENARIO_FILE).with_burst(burst)
        simulation.write_sky(self.folder, scenario)
        self.log.truth[burst.name] = burst
        alert = base64.b64encode(svom_sequence(burst, self.rng)[0].raw).decode("ascii")
        self.log.note("stage", f"the {which} burst, {burst.name}: the alert reaches the science centre")
        await ask(self.state.csc, "trigger", alert=alert, telescopes=[TELESCOPE], drill=True)

    async def _drill(self) -> None:
        self.log.note("stage", "followup gft drill")
        try:
            report = await ask(self.folder, "drill", timeout_s=900.0, who="the night")
        except FollowupError as error:
            self.log.note("drill", f"no drill: {error}")
            return
        self.log.drill = report
        said = "passed" if report["passed"] else f"not passed {report['ended']}"
        self.log.note("drill", f"{said}: found {report['found']}, {report['off_arcsec']} arcsec off")

    async def _heard(self) -> bool:
        return bool((await ask(self.state.csc, "telescopes")).get(TELESCOPE))

    async def _quiet(self) -> bool:
        standing = await ask(self.folder, "telescope")
        return not standing["campaigns"] and not standing["observing"]

    async def _focused_twice(self) -> bool:
        return self.log.count("focus.ended") >= 2

    async def _until(self, time: datetime) -> None:
        await self.sky.sleep(max(0.0, (time - self.sky.now()).total_seconds()))

    async def _when(self, done: Callable[[], Awaitable[bool]], *, until: datetime) -> None:
        while self.sky.now() < until and not await done():
            await self.sky.sleep(_LOOK_S)

    async def _see(self, indi: IndiServer) -> None:
        """Look at the devices as another INDI client does, and note what changes."""
        connection = Connection("127.0.0.1", indi.port)
        await connection.open()
        last: dict[str, str] = {}
        try:
            while True:
                for what, value in _devices(connection).items():
                    if value and last.get(what) != value:
                        last[what] = value
                        self.log.note(what, value)
                await asyncio.sleep(_LOOK_S)
        finally:
            await connection.close()


def _devices(connection: Connection) -> dict[str, str]:
    """Tell how shutter, mount and focuser stand."""

    def on(what: str, prop: str) -> str:
        vector = connection.property(DRIVERS[what][1], prop)
        if vector is None or vector.state == "Busy":
            return ""
        return next((name for name, value in vector.items() if value == "On"), "")

    shutter, park = on("dome", "DOME_SHUTTER"), on("mount", "TELESCOPE_PARK")
    return {
        "shutter": {"SHUTTER_OPEN": "open", "SHUTTER_CLOSE": "closed"}.get(shutter, ""),
        "mount": {"PARK": "parked", "UNPARK": "not parked"}.get(park, ""),
    }


async def _tell(indi: IndiServer, what: str, prop: str, values: dict[str, Any]) -> None:
    await indi.tell(DRIVERS[what][1], prop, values)


def main() -> int:
    """Live through a night and write its record."""
    folder = Path(sys.argv[1])
    night = Night(folder)
    try:
        asyncio.run(night.run())
    finally:
        (folder / "night.json").write_text(json.dumps(night.log.data(), indent=1, default=str) + "\n")
        if len(sys.argv) > 2:
            Path(sys.argv[2]).write_text(night.log.table(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
