"""A telescope over INDI whose agent cannot reach XMPP, hangs, and is killed: it is closed all the same."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh
import numpy as np
import pytest

from agents.gft.reduction.calibration import Masters, write_masters
from agents.gft.signs import Signs
from console.children import AgentProcess
from console.indi_stage import site_settings
from console.settings import write
from console.simulation import empty_sky, write_sky
from console.site_papers import CALIBRATION
from deploy.ca import open_authority
from deploy.indiserver import DRIVERS, IndiServer
from simulators.indi_camera import driver_settings
from simulators.sites import known_telescope
from tests.agents.gft.devices.conftest import free_port, near
from tests.console.cli import followup

pytestmark = pytest.mark.integration

MODEL = known_telescope("gft-spm")
NIGHT = datetime(2026, 11, 22, 8, tzinfo=UTC)
MOUNT, DOME, WEATHER = (DRIVERS[what][1] for what in ("mount", "dome", "weather"))
PATIENCE_S = 90.0


class Heard:
    """What a process logs."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def __call__(self, site: str, line: dict[str, Any]) -> None:
        self.lines.append(line)

    def events(self) -> list[str]:
        return [str(line["event"]) for line in self.lines if "event" in line]

    def said(self, part: str) -> bool:
        return any(part in str(line.get("message")) for line in self.lines)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - other processes say so
            await asyncio.sleep(0.05)


async def asked(server: IndiServer, condition: Callable[[IndiServer], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition(server):  # noqa: ASYNC110 - another process says so
            await asyncio.sleep(0.1)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[IndiServer]:
    running = IndiServer(tmp_path / "indi", port=free_port())
    await running.start()
    try:
        await running.tell(DRIVERS["camera"][1], "SIMULATOR_SETTINGS", driver_settings(MODEL))
        await near(running)
        await running.tell(MOUNT, "TELESCOPE_PARK", {"PARK": "On"})
        await running.tell(DOME, "CONNECTION", {"CONNECT": "On"})
        await asked(running, is_safe)
        yield running
    finally:
        await running.stop()


def telescope(state: Path, indi_port: int) -> Path:
    """The folder of a telescope whose messaging server and store do not answer."""
    folder = state / MODEL.name
    folder.mkdir(parents=True)
    nobody = free_port()
    write(
        folder,
        {
            "name": MODEL.name,
            **site_settings(MODEL, indi_port),
            "xmpp": {"host": "127.0.0.1", "port": nobody, "domain": "followup.test"},
            "sftp": {"host": "127.0.0.1", "port": nobody},
            "sky": {"sky_epoch": NIGHT, "wall_epoch": datetime.now(UTC), "rate": 1.0},
            "safety": {"safe_for_s": 10.0, "agent_away_s": 5.0},
        },
    )
    (folder / "strategies.toml").write_text((Path("console") / "indi_strategies.toml").read_text())
    write_sky(folder, empty_sky(1))
    key = asyncssh.generate_private_key("ssh-ed25519")
    for name, text in (("password", b"secret"), ("id_ed25519", key.export_private_key("openssh"))):
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(text)
    (folder / "relay_host_key.pub").write_bytes(key.export_public_key("openssh"))
    shutil.copy(open_authority(state / "ca", now=datetime.now(UTC)).certificate, folder / "ca.pem")
    flat = np.ones((1024, 1024), np.float32)
    masters = Masters(bias=flat, dark=flat, flats={"r": flat}, bad=np.zeros(flat.shape, bool))
    write_masters(masters, folder / CALIBRATION)
    return folder


async def on(server: IndiServer, what: str) -> bool:
    return (await server._get(what)).endswith("=On")


async def stands_open(server: IndiServer) -> bool:
    return await on(server, f"{DOME}.DOME_SHUTTER.SHUTTER_OPEN")


async def is_safe(server: IndiServer) -> bool:
    shut = await on(server, f"{DOME}.DOME_SHUTTER.SHUTTER_CLOSE")
    return shut and await on(server, f"{MOUNT}.TELESCOPE_PARK.PARK")


async def open_up(server: IndiServer, watchdog: Heard) -> None:
    """Have it stand open, and the watchdog see that."""
    before = len(watchdog.lines)
    await server.tell(MOUNT, "TELESCOPE_PARK", {"UNPARK": "On"})
    await server.tell(DOME, "DOME_PARK", {"UNPARK": "On"})
    await server.tell(DOME, "DOME_SHUTTER", {"SHUTTER_OPEN": "On"})
    await until(
        lambda: any(line.get("message") == "the telescope is open" for line in watchdog.lines[before:])
    )
    await asked(server, stands_open)


def _shelters(line: dict[str, Any]) -> bool:
    return line.get("event") == "watchdog.shelters"


@pytest.mark.timeout(600)
async def test_without_xmpp_with_an_agent_that_hangs_and_after_a_kill(
    server: IndiServer, tmp_path: Path
) -> None:
    folder = telescope(tmp_path, server.port)
    signs, watchdog_says, agent_says = Signs(folder / "run"), Heard(), Heard()
    watchdog = AgentProcess(MODEL.name, ("gft", "watchdog", MODEL.name), state=tmp_path, listen=watchdog_says)
    agent = AgentProcess(MODEL.name, ("gft", "run", MODEL.name), state=tmp_path, listen=agent_says)
    await watchdog.start()
    try:
        await until(lambda: "watchdog.watches" in watchdog_says.events())
        await agent.start()
        await until(lambda: "telescope.safe" in agent_says.events() and signs.alive_ago_s is not None)
        await until(lambda: agent_says.said("trying again every"))
        # It rains while nobody can be reached.
        await open_up(server, watchdog_says)
        await server.tell(WEATHER, "WEATHER_CONTROL", {"Precip": 4})
        await until(lambda: agent_says.said("unsafe: rain: 4 mm/h (limit: 0 mm/h)"))
        await asked(server, is_safe)
        assert "watchdog.shelters" not in watchdog_says.events(), "the agent does it"
        await server.tell(WEATHER, "WEATHER_CONTROL", {"Precip": 0})
        await until(lambda: agent_says.events().count("telescope.safe") == 2)
        await open_up(server, watchdog_says)
        # It rains again, while the agent hangs.
        assert agent.pid is not None
        os.kill(agent.pid, signal.SIGSTOP)
        await server.tell(WEATHER, "WEATHER_CONTROL", {"Precip": 4})
        await until(lambda: "watchdog.sheltered" in watchdog_says.events())
        assert watchdog_says.said("unsafe, and nobody closes: rain: 4 mm/h (limit: 0 mm/h)")
        assert await is_safe(server)
        os.kill(agent.pid, signal.SIGCONT)
        await until(lambda: agent_says.events().count("telescope.unsafe") == 2)
        # It clears, opens, and the agent dies.
        await server.tell(WEATHER, "WEATHER_CONTROL", {"Precip": 0})
        await until(lambda: agent_says.events().count("telescope.safe") == 3)
        await open_up(server, watchdog_says)
        os.kill(agent.pid, signal.SIGKILL)
        await until(lambda: watchdog_says.events().count("watchdog.sheltered") == 2)
        assert await is_safe(server)
        assert watchdog_says.said("the agent died or hangs, for ")
        assert "made it safe: the agent died or hangs" in signs.watchdog_did
        reasons = [str(line["message"]) for line in watchdog_says.lines if _shelters(line)]
        assert len(reasons) == 2, f"it acts when something is wrong, and only then: {reasons}"
    finally:
        for process in (agent, watchdog):
            await process.stop(30.0)
        print(*agent_says.lines, *watchdog_says.lines, sep="\n")


def test_a_watchdog_is_for_indi(tmp_path: Path) -> None:
    folder = tmp_path / MODEL.name
    folder.mkdir()
    answer = followup("gft", "watchdog", MODEL.name, "--state", tmp_path)
    assert (answer.status, "is not set up" in answer.complaint) == (2, True)
    nobody = {"host": "127.0.0.1", "port": 1}
    write(
        folder,
        {"name": MODEL.name, "model": MODEL.name, "xmpp": {**nobody, "domain": "x"}, "sftp": nobody},
    )
    answer = followup("gft", "watchdog", MODEL.name, "--state", tmp_path)
    assert answer.status == 2
    assert answer.complaint == f"the devices of {MODEL.name} are simulated: they end with its agent"
