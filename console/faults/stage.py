"""The stage: the embedded servers, the agents under supervision, and a failing network between them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from console import enrolment
from console.control import ask
from console.faults import bursts
from console.faults.supervision import Supervised
from console.servers import EMBEDDED, NONE, Servers, embedded
from console.simulation import write_sky
from console.state import State, replace_file
from deploy.postgresql import PostgreSQL
from followup.clock import SkyClock, WallClock
from followup.errors import ConfigurationError, FollowupError
from followup.names import CSC, RELAY
from simulators.afterglow import SimulatedBurst
from simulators.network import Proxy
from simulators.scenario import Scenario
from simulators.sky import SimulatedSky

TELESCOPES = ("gft-east", "gft-west")
MODEL = "gft-peary"
PROSODY = "prosody"
PREFECT = "prefect"
POSTGRESQL = "postgresql"
RATE = 60.0
"""How many times faster sky time runs."""

_STRATEGIES_FILE = "strategies.toml"
_READY_S = 120.0
_PATIENCE_S = 20.0
_RETRY_S = 0.3
_KEPT_BURSTS = 12
_SOON_S = 0.005


async def until(done: Callable[[], bool], patience_s: float) -> bool:
    """Wait until something that nobody announces is so; False when it took too long."""
    deadline = time.monotonic() + patience_s
    while not done():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_SOON_S)
    return True


Heard = Callable[[str, dict[str, Any]], None]


class Daemon(Protocol):
    """A server that can be killed and started again."""

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        ...

    async def start(self) -> None:
        """Start it."""
        ...


@dataclass(kw_only=True)
class Stage:
    """Everything that runs, and how to hurt it.

    Attributes
    ----------
    lines
        The network: a proxy for each site's way to a server, by (site, ``xmpp`` or ``sftp``).
    daemons
        The servers, by name.
    """

    state: State
    telescopes: tuple[str, ...]
    servers: Servers
    daemons: dict[str, Daemon]
    agents: dict[str, Supervised]
    archive_at: str
    lines: dict[tuple[str, str], Proxy]
    clock: SkyClock
    wall: WallClock
    sky: SimulatedSky
    rng: np.random.Generator
    server_deaths: dict[str, list[datetime]] = field(default_factory=dict)
    listeners: list[Heard] = field(default_factory=list)
    _bursts: list[SimulatedBurst] = field(default_factory=list)
    _number: int = 0

    def hear(self, site: str, line: dict[str, Any]) -> None:
        """Take in a line of an agent's log."""
        for listener in list(self.listeners):
            listener(site, line)

    def deaths(self, process: str) -> Sequence[datetime]:
        """Wall times at which a process ended."""
        if process in self.agents:
            return self.agents[process].deaths
        return self.server_deaths.get(process, [])

    async def kill(self, process: str, *, pause_s: float = 0.0) -> bool:
        """Kill -9 an agent, or a server, which is started again after a while; False when it is dead."""
        if process in self.agents:
            return self.agents[process].kill(pause_s=pause_s)
        server = self.daemons[process]
        if not await self._put_down(process, server):
            return False
        await asyncio.sleep(pause_s)
        await server.start()
        return True

    async def wipe_xmpp(self) -> None:
        """Kill the XMPP server and start it with nothing but its accounts: topics, items, queues are gone."""
        prosody = self.servers.prosody
        await self._put_down(PROSODY, prosody)
        await asyncio.to_thread(_wipe, prosody.config.data / "prosody.sqlite")
        await prosody.start()

    async def _put_down(self, process: str, server: Daemon) -> bool:
        if server.pid is None:
            return False
        os.kill(server.pid, signal.SIGKILL)
        self.server_deaths.setdefault(process, []).append(self.wall.now())
        await until(lambda: server.pid is None, _READY_S)
        return True

    async def rest(self) -> None:
        """Let all agents end in peace."""
        await asyncio.gather(*(agent.stop(_PATIENCE_S) for agent in self.agents.values()))

    async def trigger(self) -> list[str]:
        """Have a burst go off; return the names of the campaigns, once the science centre has them."""
        self._number += 1
        burst = bursts.draw(self.rng, self.sky, time=self.clock.now(), number=self._number)
        self._bursts = [*self._bursts[-_KEPT_BURSTS:], burst]
        for name in self.telescopes:
            await asyncio.to_thread(
                write_sky,
                self.state.telescope(name),
                Scenario(seed=self.sky.seed, bursts=tuple(self._bursts)),
            )
        raw = base64.b64encode(bursts.alert_of(burst).raw).decode("ascii")
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                # An alert stream repeats what was not taken; the same alert heard twice is one campaign.
                made = await ask(
                    self.state.csc, "trigger", timeout_s=10.0, alert=raw, telescopes=None, drill=True
                )
            except (FollowupError, OSError, ValueError):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_RETRY_S)
            else:
                return [one["campaign"] for one in made]


@contextlib.asynccontextmanager
async def staged(
    state: State, *, seed: int, telescopes: int = len(TELESCOPES), all_servers: bool = False
) -> AsyncIterator[Stage]:
    """Set the stage up, every agent online; take it down in the end.

    Parameters
    ----------
    telescopes
        How many take part.
    all_servers
        Whether a Prefect server shows the work, and the archive is in PostgreSQL.
    """
    wall = WallClock()
    clock = SkyClock(sky_epoch=bursts.NIGHT, wall_epoch=wall.now(), rate=RATE, wall=wall)
    async with (
        embedded(state, prefect=EMBEDDED if all_servers else NONE) as servers,
        _database(wanted=all_servers) as database,
    ):
        daemons: dict[str, Daemon] = {PROSODY: servers.prosody}
        if servers.prefect is not None:
            daemons[PREFECT] = servers.prefect
        if database is not None:
            daemons[POSTGRESQL] = database
        lines = {
            (site, kind): Proxy(servers.ports.xmpp if kind == "xmpp" else servers.ports.sftp)
            for site in (CSC, RELAY, *TELESCOPES[:telescopes])
            for kind in ("xmpp", "sftp")
            if (site, kind) != (RELAY, "sftp")
        }
        stage = Stage(
            state=state,
            telescopes=TELESCOPES[:telescopes],
            servers=servers,
            daemons=daemons,
            agents={},
            archive_at=database.url if database is not None else "",
            lines=lines,
            clock=clock,
            wall=wall,
            sky=SimulatedSky(seed),
            rng=np.random.default_rng(seed),
        )
        try:
            await _furnish(stage)
            _people(stage)
            for agent in stage.agents.values():
                agent.start()
            await _all_present(stage)
            yield stage
        finally:
            await stage.rest()
            for line in lines.values():
                await asyncio.to_thread(line.close)


@contextlib.asynccontextmanager
async def _database(*, wanted: bool) -> AsyncIterator[PostgreSQL | None]:
    if not wanted:
        yield None
        return
    # Not below the state: the path of a socket must be short, and PostgreSQL's own user must get there.
    with tempfile.TemporaryDirectory(prefix="followup-pg-", ignore_cleanup_errors=True) as folder:
        database = PostgreSQL(Path(folder), database="archive")
        try:
            await database.start()
            yield database
        finally:
            await database.stop()


async def _furnish(stage: Stage) -> None:
    """Make every site's folder, its ways to the servers through the proxies."""
    state, servers = stage.state, stage.servers
    sky = {
        "sky_epoch": stage.clock.sky_epoch,
        "wall_epoch": stage.clock.wall_epoch,
        "rate": stage.clock.rate,
    }
    await enrolment.make_centre(state, servers, sky=sky)
    api_url = f"{servers.prefect_url}/api" if servers.prefect_url else ""
    for name in stage.telescopes:
        enrolled = await enrolment.admit_telescope(state, servers.prosody, name)
        folder = state.telescope(name)
        content = {
            "model": MODEL,
            "devices": "simulated",
            "strategies_file": _STRATEGIES_FILE,
            "prefect": {"api_url": api_url},
            "sky": sky,
        }
        enrolment.install_enrolment(enrolled, folder, content)
        replace_file(folder / _STRATEGIES_FILE, bursts.STRATEGIES)
        write_sky(folder, Scenario(seed=stage.sky.seed))
    if stage.archive_at:
        enrolment.update(state.csc, archive_url=stage.archive_at)
    host = {"host": "127.0.0.1"}
    for (site, kind), proxy in stage.lines.items():
        domain = {"domain": servers.prosody.config.domain} if kind == "xmpp" else {}
        enrolment.update(state.root / site, **{kind: {**host, "port": proxy.port, **domain}})


def _people(stage: Stage) -> None:
    commands: dict[str, tuple[str, ...]] = {RELAY: ("relay", "run"), CSC: ("csc", "run")}
    commands |= {name: ("gft", "run", name) for name in stage.telescopes}
    for site, arguments in commands.items():
        stage.agents[site] = Supervised(
            site=site, arguments=arguments, state=stage.state.root, listen=stage.hear, wall=stage.wall
        )


async def _all_present(stage: Stage) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        with contextlib.suppress(FollowupError, OSError):
            present = await ask(stage.state.csc, "telescopes")
            if all(present.get(name) for name in stage.telescopes):
                return
        unasked = [text for agent in stage.agents.values() for text in agent.unasked]
        if unasked:
            raise ConfigurationError(unasked[0], hint=f"read the logs in {stage.state.root}")
        await asyncio.sleep(_RETRY_S)
    raise ConfigurationError(
        f"the agents did not find each other within {_READY_S:.0f} s", hint=f"read {stage.state.root}"
    )


def _wipe(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM prosody WHERE store <> 'accounts'")
        connection.execute("DELETE FROM prosodyarchive")
