"""The demonstration: a burst, telescopes, every part real, each site in a process and a folder of its own."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil

from archive.archive import Archive
from archive.errors import ArchiveError
from console import enrolment, simulation
from console.children import AgentProcess
from console.control import ask
from console.indi_stage import raise_curtain, site_settings
from console.live import LiveView, sky_time
from console.report import faults, report
from console.screen import screen
from console.servers import Servers, embedded, free_port, running
from console.settings import SETTINGS
from console.state import State, archive_files, archive_url
from console.summary import print_summary
from deploy.errors import DeployError
from deploy.indiserver import check_installed
from followup.clock import SkyClock, WallClock
from followup.errors import ConfigurationError, FollowupError
from followup.names import CSC, RELAY, CampaignName, title_of
from simulators.sites import known_telescope

_BEFORE = timedelta(hours=6)
"""How much earlier the sky's clock stands while the agents start; then it is set to the burst."""
_SOON_S = 240.0
"""With devices that take real time, alerts later than this after the first are not played."""
_STALL_S = 180.0
_LONGEST_WAIT_SKY_S = 4 * 3600.0
_PATIENCE_S = 30.0
_PARKING_S = 120.0
"""How long telescopes that take real time may take to park and to close."""
_HURRY_S = 10.0
_POLL_S = 0.5
_PAGE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoSettings:
    """What a demonstration is asked to do.

    Attributes
    ----------
    rate
        How many times faster sky time runs.
    packet
        A real alert, or a folder of them, instead of drawn bursts.
    over_indi
        Whether the telescopes' devices are INDI's simulators; they take real time.
    """

    state: State
    seed: int
    rate: float
    telescopes: tuple[str, ...]
    packet: Path | None
    bursts: int
    keep: bool
    prefect: str
    json_file: Path | None
    over_indi: bool = False


@dataclass
class _Memory:
    """Highest resident memory of all processes together."""

    peak_bytes: int = 0

    def look(self) -> None:
        """Measure now."""
        total = 0
        ours = psutil.Process()
        for process in (ours, *ours.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        self.peak_bytes = max(self.peak_bytes, total)


class Demo:
    """One demonstration, from an empty folder to the summary."""

    def __init__(self, settings: DemoSettings) -> None:
        self.settings = settings
        self.state = settings.state
        self.console = screen()
        self.clock = SkyClock(
            sky_epoch=datetime(2026, 1, 1, tzinfo=UTC),
            wall_epoch=WallClock().now(),
            rate=settings.rate,
            wall=WallClock(),
        )
        self._began = time.monotonic()
        self._since = WallClock().now().isoformat()
        self._doing = "starting"
        self.view = LiveView(self.console, self._headline)
        self._agents: list[AgentProcess] = []
        self._memory = _Memory()
        self._interrupted = asyncio.Event()
        self._expected: set[str] = set()

    async def run(self) -> bool:
        """Play it; tell whether everything came out as it should.

        Raises
        ------
        ConfigurationError
            When what is asked for cannot be done.
        """
        self._check()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupted.set)
        work = asyncio.create_task(self._play())
        stopped = asyncio.create_task(self._interrupted.wait())
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
        stopped.cancel()
        try:
            return await work
        except asyncio.CancelledError:
            self.console.print("stopped; what was done so far is in", str(self.state.root))
            return False

    def _check(self) -> None:
        for name in self.settings.telescopes:
            known_telescope(name)
        if self.settings.over_indi:
            check_installed()
        if not self.settings.telescopes:
            raise ConfigurationError("no telescope is named", hint="--telescopes gft-spm,gft-jilin")
        if (self.state.csc / SETTINGS).exists():
            raise ConfigurationError(
                f"{self.state.root} holds a demonstration already",
                hint="give another --state, or delete that folder",
            )
        report_file = self.settings.json_file
        if report_file and (report_file.is_dir() or not os.access(report_file.absolute().parent, os.W_OK)):
            raise ConfigurationError(
                f"the report cannot be written to {report_file}",
                hint="give --json a file in a folder that exists and that you may write to",
            )

    async def _play(self) -> bool:
        drawing = asyncio.create_task(asyncio.to_thread(self._draw))
        try:
            play = await drawing
            async with (
                embedded(self.state, prefect=self.settings.prefect) as servers,
                contextlib.AsyncExitStack() as devices,
            ):
                with self.view:
                    await self._set_up(play, servers, devices)
                    try:
                        await self._start_agents(servers)
                        await self._act(play)
                        self._doing = "done"
                    except BaseException:
                        await self._stop_agents(_HURRY_S)
                        raise
                document = await self._settle(play, servers)
                await self._linger(servers)
        finally:
            await asyncio.gather(*(agent.stop(_HURRY_S) for agent in self._agents))
        return not document["faults"]

    def _draw(self) -> simulation.Play:
        seed, over_indi = self.settings.seed, self.settings.over_indi
        if self.settings.packet is not None:
            play = simulation.play_alerts(seed, self.settings.packet)
        else:
            names, bursts = self.settings.telescopes, self.settings.bursts
            play = simulation.play(seed, names, bursts=bursts, over_indi=over_indi)
        return play.soon(_SOON_S) if over_indi else play

    # --- the stage -----------------------------------------------------------------------------------

    async def _set_up(
        self, play: simulation.Play, servers: Servers, devices: contextlib.AsyncExitStack
    ) -> None:
        self.clock.set(play.start - _BEFORE, WallClock().now())
        sky = self._sky_settings()
        await enrolment.make_centre(self.state, servers, sky=sky)
        api_url = f"{servers.prefect_url}/api" if servers.prefect_url else ""
        for name in self.settings.telescopes:
            enrolled = await enrolment.admit_telescope(self.state, servers.prosody, name)
            folder = self.state.telescope(name)
            content: dict[str, Any] = {"model": name, "devices": "simulated"}
            if self.settings.over_indi:
                server = await raise_curtain(folder, known_telescope(name), free_port())
                devices.push_async_callback(server.stop)
                content = site_settings(known_telescope(name), server.port)
            content |= {"prefect": {"api_url": api_url}, "sky": sky}
            enrolment.install_enrolment(enrolled, folder, content)
            simulation.write_sky(folder, play.scenario)

    def _sky_settings(self) -> dict[str, Any]:
        return {
            "sky_epoch": self.clock.sky_epoch,
            "wall_epoch": self.clock.wall_epoch,
            "rate": self.clock.rate,
        }

    async def _start_agents(self, servers: Servers) -> None:
        commands: dict[str, tuple[str, ...]] = {RELAY: ("relay", "run"), CSC: ("csc", "run")}
        commands |= {name: ("gft", "run", name) for name in self.settings.telescopes}
        self._agents = [
            AgentProcess(site, arguments, state=self.state.root, listen=self.view.hear)
            for site, arguments in commands.items()
        ]
        self.view.say(f"starting {', '.join(commands)}")
        await asyncio.gather(*(agent.start() for agent in self._agents))
        await asyncio.gather(*(agent.online() for agent in self._agents), self._prefect_ready(servers))
        await self._until(self._all_present, "the telescopes to be heard of at the science centre")

    async def _prefect_ready(self, servers: Servers) -> None:
        """Wait for the Prefect server: nothing needs it, but people want to watch from the start."""
        if servers.prefect is None:
            return
        try:
            await servers.prefect.ready()
        except DeployError as error:
            self.view.say(f"going on without Prefect: {error} ({error.hint})")
        else:
            self.view.say(f"Prefect UI: {servers.prefect_url}")

    async def _all_present(self) -> bool:
        self._memory.look()
        present = await ask(self.state.csc, "telescopes")
        return all(present.get(name) for name in self.settings.telescopes)

    # --- the play ------------------------------------------------------------------------------------

    async def _act(self, play: simulation.Play) -> None:
        self.clock.set(play.start, WallClock().now())
        for agent in self._agents:
            folder = self.state.root / agent.site
            enrolment.update(folder, sky=self._sky_settings())
            await ask(folder, "set-sky-clock", sky_epoch=play.start, wall_epoch=self.clock.wall_epoch)
        self._doing = "observing"
        for alert in play.alerts:
            await self.clock.sleep((alert.time - self.clock.now()).total_seconds())
            await self._alert(alert.raw, alert.notice.id.ivorn)
        if not self._expected:
            raise FollowupError("no alert led to a trigger", hint="followup packet show FILE tells why")
        await self._until(self._all_closed, "every campaign to be closed")

    async def _alert(self, raw: bytes, ivorn: str) -> None:
        self.view.say(f"alert {ivorn.rpartition('#')[2]}")
        encoded = base64.b64encode(raw).decode("ascii")
        try:
            made = await ask(self.state.csc, "trigger", alert=encoded, telescopes=None, drill=True)
        except ConfigurationError:
            raise
        except FollowupError as error:
            self.view.say(f"no trigger: {error}")
            return
        self._expected |= {one["campaign"] for one in made if one["ivorn"]}

    async def _all_closed(self) -> bool:
        self._memory.look()
        if not await asyncio.to_thread(self._closed_in_archive):
            return False
        # The science centre's last receipts are still to reach the telescopes.
        standings = [await ask(self.state.telescope(name), "telescope") for name in self.settings.telescopes]
        return not any(standing["campaigns"] for standing in standings)

    def _closed_in_archive(self) -> bool:
        try:
            with self._archive() as archive:
                known = {c.name: c for c in archive.campaigns()}
                return all(
                    name in known
                    and known[name].outcome is not None
                    and all(e.final is not None for e in archive.ledger(name))
                    for name in self._expected
                )
        except ArchiveError:
            return False

    async def _until(self, done: Any, what: str) -> None:
        """Wait until it is done.

        Raises
        ------
        FollowupError
            When nothing has happened for too long, or an agent has ended.
        """
        longest_wait_s = _SOON_S if self.settings.over_indi else _LONGEST_WAIT_SKY_S / self.settings.rate
        patience_s = _STALL_S + longest_wait_s
        while not await done():
            gone = [agent.site for agent in self._agents if agent.pid is None]
            if gone:
                raise FollowupError(
                    f"the agent of {', '.join(gone)} has ended", hint=f"read the logs in {self.state.root}"
                )
            if (found := running(self.state)) and not psutil.pid_exists(found["prosody"]):
                raise FollowupError(
                    "the XMPP server has ended", hint=f"read the logs in {self.state.servers / 'prosody'}"
                )
            if time.monotonic() - self.view.last_event > patience_s:
                raise FollowupError(
                    f"nothing has happened for {patience_s:.0f} s while waiting for {what}",
                    hint=f"followup status --state {self.state.root}",
                )
            await asyncio.sleep(_POLL_S)

    # --- the end -------------------------------------------------------------------------------------

    async def _settle(self, play: simulation.Play, servers: Servers) -> dict[str, Any]:
        self.console.print("every campaign is closed; reading the archive")
        if not self.settings.keep:
            await self._stop_agents(_PARKING_S if self.settings.over_indi else _PATIENCE_S)
        flow_runs = await self._flow_runs(servers)
        document = await asyncio.to_thread(self._report, play, servers, flow_runs)
        document["wall_s"] = round(time.monotonic() - self._began, 1)
        document["peak_memory_bytes"] = self._memory.peak_bytes
        if self.settings.json_file is not None:
            text = json.dumps(document, indent=1, default=str)
            await asyncio.to_thread(self.settings.json_file.write_text, text + "\n", "utf-8")
        print_summary(document, self.console)
        return document

    def _report(
        self, play: simulation.Play, servers: Servers, flow_runs: Sequence[dict[str, str]]
    ) -> dict[str, Any]:
        with self._archive() as archive:
            document = report(
                archive,
                truth=play,
                flow_runs=flow_runs,
                prefect_ui=servers.prefect_url,
                archive_location=str(archive_files(self.state.csc)),
            )
            manifests = {
                name: sum(d.files for d in archive.datasets(name)) for name in sorted(self._expected)
            }
        expected = (
            {run for name in self._expected for run in _runs_of(name)} if servers.prefect_url else set()
        )
        document["faults"] = faults(document, manifests, expected_runs=expected)
        document["state"] = str(self.state.root)
        return document

    def _archive(self) -> Archive:
        url = archive_url(self.state.csc, "")
        return Archive.open(url, archive_files(self.state.csc), migrate=False)

    async def _flow_runs(self, servers: Servers) -> list[dict[str, str]]:
        """Ask Prefect how the runs ended; give it a moment to hear of it."""
        if not servers.prefect_url:
            return []
        if servers.prefect is not None:
            with contextlib.suppress(DeployError):
                await servers.prefect.ready()
        deadline = time.monotonic() + _PATIENCE_S
        runs: list[dict[str, str]] = []
        async with httpx.AsyncClient(base_url=f"{servers.prefect_url}/api", timeout=20.0) as client:
            flows: dict[str, str] = {}
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.HTTPError):
                    wanted = {"limit": _PAGE, "flow_runs": {"expected_start_time": {"after_": self._since}}}
                    found = (await client.post("/flow_runs/filter", json=wanted)).json()
                    flows = {f["id"]: f["name"] for f in (await client.post("/flows/filter", json={})).json()}
                    runs = [
                        {
                            "name": run["name"],
                            "flow": flows.get(run["flow_id"], ""),
                            "state": run["state_name"] or "",
                            "type": run["state_type"] or "",
                        }
                        for run in found
                    ]
                    if runs and all(
                        run["type"] not in _OPEN or _is_kept(run, self.settings.keep) for run in runs
                    ):
                        break
                await asyncio.sleep(_POLL_S)
        return [run for run in runs if not _is_kept(run, self.settings.keep)]

    async def _linger(self, servers: Servers) -> None:
        if not self.settings.keep:
            return
        if servers.prefect_url:
            self.console.print(f"everything goes on running: {servers.prefect_url}")
        self.console.print("Ctrl-C ends it")
        await self._interrupted.wait()

    async def _stop_agents(self, patience_s: float) -> None:
        self._doing = "ending"
        await asyncio.gather(*(agent.stop(patience_s) for agent in self._agents))
        self._agents = []

    def _headline(self) -> str:
        elapsed = time.monotonic() - self._began
        return (
            f" followup demo · {self._doing} · {elapsed:.0f} s · {sky_time(self.clock.now())}"
            f" · {self.settings.rate:g} times as fast"
        )


_OPEN = frozenset({"RUNNING", "PENDING", "SCHEDULED", "CANCELLING"})


def _is_kept(run: dict[str, str], keep: bool) -> bool:
    """Whether a run is rightly still running: the relay's watch, while everything is kept running."""
    return keep and run["flow"] == "relay"


def _runs_of(campaign: str) -> set[tuple[str, str]]:
    title = title_of(CampaignName.parse(campaign), drill=True)
    return {(flow, title) for flow in ("follow-up", "observe")}
