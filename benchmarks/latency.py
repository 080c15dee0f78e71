"""How soon a telescope answers and moves: real processes, from the commit of a trigger on.

The embedded servers, the science centre, the relay and one simulated telescope, each started as a person
starts it. Bursts go off one after another, each somewhere the telescope can point at once; the campaign is
called off as soon as it has begun, so that the telescope is free for the next one. The times of commits are
read from the science centre's archive; that of the first command is when the telescope's agent logged that
the intention is durable, right before it told the mount.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from archive.archive import Archive
from benchmarks.table import row
from console import enrolment, simulation
from console.children import AgentProcess
from console.control import ask
from console.indi_stage import raise_curtain, site_settings
from console.servers import Servers, embedded, free_port
from console.state import State, archive_files, archive_url, replace_file
from followup.clock import SkyClock, WallClock
from followup.names import CSC, RELAY
from simulators.sites import known_telescope

BURSTS = 7
"""In each condition of the Prefect server."""

RECEIPT_GOAL_MS = 100.0
COMMAND_GOAL_MS = 200.0

_TELESCOPE = "gft-spm"
_STRATEGIES = "strategies.toml"
_SEED = 1
_RATE = 20.0
"""The agent takes its calibration frames first, some minutes of sky time."""
_PATIENCE_S = 120.0
_ENDING_S = 10.0
_POLL_S = 0.05
_QUIET_S = 4.0
"""Before each burst: what its forerunner's campaign left to be shown in Prefect is then done."""
_MS = 1000.0


def run() -> list[dict[str, Any]]:
    """Measure; returns rows with name, value, p99, unit, ratio, against and runs.

    Raises
    ------
    FollowupError
        When an agent ends, or a burst does not lead to a campaign.
    TimeoutError
        When nothing comes of a burst.
    """
    return asyncio.run(_run())


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """What is running.

    Attributes
    ----------
    commands
        When the telescope was first told to move, by campaign.
    telescope
        Its agent.
    listeners
        Called with each line of the telescope's log.
    """

    state: State
    servers: Servers
    clock: SkyClock
    commands: dict[str, datetime]
    telescope: AgentProcess
    listeners: list[Callable[[dict[str, Any]], None]]


async def _run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        async with running(State(Path(name))) as stage:
            first = [await burst(stage, 0)]
            played = {"its first burst": first, **await _conditions(stage)}
            async with asyncio.timeout(_PATIENCE_S):
                return await asyncio.to_thread(rows, stage, played)


async def _conditions(stage: Stage) -> dict[str, list[str]]:
    """Play bursts with the Prefect server up, stalled and gone; give the campaigns' names."""
    server = stage.servers.prefect
    if server is None or server.pid is None:
        raise RuntimeError("there is no Prefect server")
    numbers = iter(range(1, 1 + 3 * BURSTS))
    played = {"Prefect up": [await burst(stage, next(numbers)) for _ in range(BURSTS)]}
    os.kill(server.pid, signal.SIGSTOP)
    try:
        played["Prefect stalled"] = [await burst(stage, next(numbers)) for _ in range(BURSTS)]
    finally:
        os.kill(server.pid, signal.SIGCONT)
    await server.stop()
    played["Prefect down"] = [await burst(stage, next(numbers)) for _ in range(BURSTS)]
    return played


@contextlib.asynccontextmanager
async def running(
    state: State, *, over_indi: bool = False, rate: float = _RATE, strategies: str = ""
) -> AsyncIterator[Stage]:
    """Run the servers, the science centre, the relay and the telescope; over INDI in real time.

    Parameters
    ----------
    rate
        How fast the sky's clock runs.
    strategies
        Those that the telescope follows instead of the usual ones.
    """
    wall = WallClock()
    start = simulation.play(_SEED, [_TELESCOPE], bursts=1).start
    rate = 1.0 if over_indi else rate
    clock = SkyClock(sky_epoch=start, wall_epoch=wall.now(), rate=rate, wall=wall)
    sky = {"sky_epoch": clock.sky_epoch, "wall_epoch": clock.wall_epoch, "rate": clock.rate}
    async with embedded(state) as servers, contextlib.AsyncExitStack() as stack:
        await enrolment.make_centre(state, servers, sky=sky)
        enrolled = await enrolment.admit_telescope(state, servers.prosody, _TELESCOPE)
        prefect = {"api_url": f"{servers.prefect_url}/api"}
        content: dict[str, Any] = {"model": _TELESCOPE, "devices": "simulated"}
        if over_indi:
            indi = await raise_curtain(state.telescope(_TELESCOPE), known_telescope(_TELESCOPE), free_port())
            stack.push_async_callback(indi.stop)
            content = site_settings(known_telescope(_TELESCOPE), indi.port)
        content |= {"prefect": prefect, "sky": sky}
        if strategies:
            content["strategies_file"] = _STRATEGIES
            replace_file(state.telescope(_TELESCOPE) / _STRATEGIES, strategies)
        enrolment.install_enrolment(enrolled, state.telescope(_TELESCOPE), content)
        simulation.write_sky(state.telescope(_TELESCOPE), simulation.empty_sky(_SEED))
        commands = {RELAY: ("relay", "run"), CSC: ("csc", "run"), _TELESCOPE: ("gft", "run", _TELESCOPE)}
        moved: dict[str, datetime] = {}

        listeners: list[Callable[[dict[str, Any]], None]] = []

        def listen(site: str, line: dict[str, Any]) -> None:
            if line.get("event") == "campaign.slewing":
                moved.setdefault(line["campaign"], datetime.fromisoformat(line["time"]))
            if site == _TELESCOPE:
                for listener in listeners:
                    listener(line)

        agents = [
            AgentProcess(site, arguments, state=state.root, listen=listen)
            for site, arguments in commands.items()
        ]
        for agent in agents:
            stack.push_async_callback(agent.stop, _ENDING_S)
            await agent.start()
        await asyncio.gather(*(agent.online() for agent in agents))
        if servers.prefect is not None:
            await servers.prefect.ready()

        async def present() -> bool:
            there: dict[str, bool] = await ask(state.csc, "telescopes")
            return there[_TELESCOPE]

        await until(present)
        yield Stage(
            state=state,
            servers=servers,
            clock=clock,
            commands=moved,
            telescope=agents[-1],
            listeners=listeners,
        )


async def burst(stage: Stage, number: int) -> str:
    """Have a burst go off, and its campaign called off once the telescope moves; give its name."""
    name = await trigger(stage, number)
    await call_off(stage, name)
    return name


async def trigger(stage: Stage, number: int) -> str:
    """Have a burst go off, and wait until the telescope moves; give the campaign's name."""
    state = stage.state
    await asyncio.sleep(_QUIET_S)
    # Bursts are named by the last two digits of the second in which they are drawn: no name twice.
    now = stage.clock.now().replace(microsecond=0)
    drawn = now - timedelta(seconds=(int(now.timestamp()) - number) % 100)
    raw = await asyncio.to_thread(simulation.draw_into, state, now=drawn, seed=_SEED + number)
    alert = base64.b64encode(raw).decode("ascii")
    [made] = await ask(state.csc, "trigger", alert=alert, telescopes=[_TELESCOPE], drill=True)

    async def observing() -> bool:
        return made["campaign"] in stage.commands

    await until(observing)
    return str(made["campaign"])


async def call_off(stage: Stage, name: str) -> None:
    """Have a campaign called off, and wait until the telescope is free."""
    telescope = stage.state.telescope(_TELESCOPE)

    async def idle() -> bool:
        return not (await ask(telescope, "telescope"))["campaigns"]

    await ask(stage.state.csc, "call-off", campaign=name, reason="measured")
    await until(idle)


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something has come about."""
    async with asyncio.timeout(_PATIENCE_S):
        while not await done():  # noqa: ASYNC110 - the condition is in another process; bounded
            await asyncio.sleep(_POLL_S)


def rows(
    stage: Stage, played: dict[str, list[str]], *, command_goal_ms: float = COMMAND_GOAL_MS
) -> list[dict[str, Any]]:
    """Give how soon triggers were answered and the telescope was told to move, by condition."""
    found = []
    url = archive_url(stage.state.csc, "")
    with Archive.open(url, archive_files(stage.state.csc), migrate=False) as archive:
        for condition, names in played.items():
            receipts, commands = [], []
            for name in names:
                sent, receipted = _commits(archive, name)
                receipts.append((receipted - sent).total_seconds())
                commands.append((stage.commands[name] - sent).total_seconds())
            found += [
                row(f"trigger's commit → its receipt's commit at the CSC, {condition}", receipts,
                    scale=_MS, unit="ms", goal=RECEIPT_GOAL_MS),
                row(f"trigger's commit → first command to the telescope, {condition}", commands,
                    scale=_MS, unit="ms", goal=command_goal_ms),
            ]  # fmt: skip
    return found


def _commits(archive: Archive, name: str) -> tuple[datetime, datetime]:
    """Look up when a campaign's first trigger and its final receipt were committed at the science centre."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        for entry in archive.ledger(name):
            if entry.kind == "trigger" and entry.sent is not None and entry.final is not None:
                return entry.sent, entry.final.time
        if time.monotonic() > deadline:
            raise TimeoutError(f"the trigger of {name} has no final receipt in the archive")
        time.sleep(_POLL_S)
