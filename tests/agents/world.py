"""A science centre, a relay and one telescope in one event loop: real agents, journals, archive and store.

The messaging server is the in-memory twin, the devices are simulated, the sky's clock runs fast. Each site
can be ended, killed at a chosen entry of its journal, and started again over the same folder.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

import asyncssh

from agents.csc.downloads import Downloads
from agents.csc.service import CscAgent
from agents.ftp_relay.holdings import LocalHoldings
from agents.ftp_relay.service import RelayAgent
from agents.ftp_relay.store import SftpServer, host_key_line
from agents.ftp_relay.tidying import Tidying
from agents.gft.bench import Bench
from agents.gft.observatory import Observatory
from agents.gft.planning import Planner
from agents.gft.reduction.calibration import Masters
from agents.gft.service import TelescopeAgent
from console.run_csc import _archive as open_archive
from followup.almanac import Almanac
from followup.campaign import What, fold
from followup.clock import Clock, SkyClock, WallClock
from followup.devices import Telescope
from followup.errors import DeviceError
from followup.limits import Limits
from followup.names import CSC, RELAY, CampaignName, topic_of
from followup.story import Ended, Story
from followup.strategy import load_strategies
from messaging.author import Author
from messaging.courier import Courier
from messaging.desk import Desk
from messaging.errors import JournalError, JournalUnavailableError
from messaging.journal import Journal
from messaging.memory import MemoryServer, MemorySession
from messaging.records import Entry
from messaging.rules import Rules
from messaging.store import Store
from messaging.timing import Timing
from messaging.transaction import Transaction
from simulators.afterglow import Afterglow, SimulatedBurst
from simulators.scenario import Scenario, write_scenario
from simulators.sites import KnownTelescope
from simulators.sky import SimulatedCatalogue, SimulatedSky
from simulators.telescope import simulated_telescope
from transfer.settings import SftpSettings
from voevent.alert import Alert, build_alert
from voevent.kinds import Receipt
from voevent.packet import MAX_PACKET_BYTES, Packet, SkyPosition
from voevent.svom import SvomPacketType

T = TypeVar("T")

T0 = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
BEGIN = T0 + timedelta(seconds=70)
"""The sky's time when the sites have started."""
CENTRE = SkyPosition(ra_deg=95.0, dec_deg=40.0, error_radius_deg=2.5 / 60.0)
RATE = 300.0
MAKES_SAFE = {"camera.abort", "mount.stop", "mount.park", "dome.close"}
"""What the safety watch may tell the devices at any time, of a telescope that nobody tends."""
BURST = "sb26112201"
GFT = "gft-spm"
CAMPAIGN = f"{BURST}.{GFT}"
AUTHORITY = "followup"
TIMING = Timing(
    first_s=0.4, cap_s=2.0, slow_first_s=1.0, slow_cap_s=4.0, retry_s=0.2, poll_s=0.2, sweep_s=1.0
)
EXPOSURES = ("t1-r-001", "t1-g-002", "t2-r-001", "t2-r-002")
"""All exposures of the strategy."""
STRATEGIES = """
default = "brief"
[[strategies]]
name = "brief"
description = "two visits, four frames"
max_age_s = 86400
max_error_radius_fields = 1.2
[[strategies.epochs]]
name = "first-look"
start_s = 0
latest_s = 86400
filters = ["r", "g"]
exposure_s = 20
count = 1
[[strategies.epochs]]
name = "again"
start_s = 240
latest_s = 86400
filters = ["r"]
exposure_s = 30
count = 2
"""


def alert(
    kind: SvomPacketType = SvomPacketType.ECLAIRS_WAKEUP,
    *,
    position: SkyPosition | None = CENTRE,
    after_s: float = 60.0,
    burst: str = BURST,
    drill: bool = True,
) -> bytes:
    """An alert about the burst, so long after it."""
    said = Alert(
        burst=burst,
        trigger_time=T0,
        date=T0 + timedelta(seconds=after_s),
        position=position,
        instrument="ECLAIRs",
        description=f"{burst}: {kind.name}",
        packet_type=kind,
    )
    return build_alert(said, authority=AUTHORITY, author="simulated-svom", drill=drill).raw


def below_horizon() -> SkyPosition:
    return SkyPosition(ra_deg=95.0, dec_deg=-80.0, error_radius_deg=2.5 / 60.0)


@dataclass
class Stories:
    """A runner that keeps the stories it is given."""

    told: list[Story] = field(default_factory=list)

    def follow(self, story: Story) -> None:
        self.told.append(story)

    async def settle(self, timeout_s: float) -> None:
        pass

    def close(self) -> None:
        pass

    @property
    def last(self) -> Story:
        return self.told[-1]

    async def ended(self, count: int = 1) -> Ended:
        """Wait until so many stories were begun, and the last of them is over."""
        await until(lambda: len(self.told) >= count)
        return await ended(self.last)


async def ended(story: Story) -> Ended:
    """Wait for a story's end."""
    loop = asyncio.get_running_loop()
    end: asyncio.Future[Ended] = loop.create_future()

    def read(event: object) -> None:
        if isinstance(event, Ended):
            loop.call_soon_threadsafe(lambda: None if end.done() else end.set_result(event))

    story.read(read)
    return await end


async def until(look: Callable[[], T | None]) -> T:
    """Look again and again until there is something to be seen; the test's time-out ends a vain wait."""
    while not (seen := look()):  # noqa: ASYNC110 - what is waited for is of many kinds
        await asyncio.sleep(0.02)
    return seen


class UnsaidError(Exception):
    """The process died before this was committed."""


@dataclass
class Fuse:
    """A process dies when one of these is written into its journal: just before the commit, or after it."""

    whats: Collection[str]
    when: Literal["before", "after"] = "after"

    def burns(self, heard: Sequence[str]) -> str:
        """What of all that was heard is fatal; empty when nothing is."""
        return next((what for what in heard if what in self.whats), "")


SAFE = Fuse(())


class Chance(Fuse):
    """A process dies now and then, just before a commit or after it, whatever it is; so often at most."""

    def __init__(self, rng: random.Random, *, one_in: int, deaths: int) -> None:
        super().__init__(())
        self._rng = rng
        self._one_in = one_in
        self.left = deaths

    def burns(self, heard: Sequence[str]) -> str:
        if not self.left or self._rng.randrange(self._one_in):
            return ""
        self.left -= 1
        self.when = "before" if self._rng.randrange(2) else "after"
        return f"{self.when} {', '.join(heard) or 'another commit'}"


class _Ear:
    """A transaction whose notes and packets are listened to."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.heard: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)

    def note(self, campaign: str, what: str, data: Any, **facts: Any) -> int:
        self.heard.append(str(what))
        return self._transaction.note(campaign, what, data, **facts)

    def store_receipt(self, packet: Packet, receipt: Receipt, **facts: Any) -> Any:
        self.heard.append(f"receipt {receipt.outcome}")
        return self._transaction.store_receipt(packet, receipt, **facts)


class MortalJournal(Journal):
    """The journal of a process that can be killed.

    Attributes
    ----------
    full
        Whether its disk is.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.fuse = SAFE
        self.full = False
        self.died_of = ""
        self.died = asyncio.Event()
        self.buried = asyncio.Event()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        await self._if_dead()
        if self.full:
            raise JournalUnavailableError("database or disk is full")
        fuse, fatal = self.fuse, ""

        def heard(transaction: Transaction) -> T:
            nonlocal fatal
            ear: Any = _Ear(transaction)
            value = work(ear)
            fatal = fuse.burns(ear.heard)
            if fatal and fuse.when == "before":
                raise UnsaidError
            return value

        try:
            value = await super().write(heard)
        except UnsaidError:
            self.die(fatal)
            await self._if_dead()
            raise
        if fatal:
            self.die(fatal)
        await self._if_dead()
        return value

    def die(self, of: str) -> None:
        """Write and read nothing any more."""
        if not self.died.is_set():
            self.died_of = of
            self.died.set()

    async def read(self, query: Callable[..., T]) -> T:
        await self._if_dead()
        return await super().read(query)

    async def _if_dead(self) -> None:
        if self.died.is_set():
            await self.buried.wait()
            raise JournalError("this process is dead")


class Watched:
    """A device whose calls are listened to, delayed or failed by `World.before`."""

    def __init__(self, device: object, name: str, gft: Gft) -> None:
        self._device = device
        self._name = name
        self._gft = gft

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._device, method)

        async def watched(*args: Any, **facts: Any) -> Any:
            name = f"{self._name}.{method}"
            if name not in {"weather.reading", "dome.is_open"}:  # asked all the time
                self._gft.commands.append(name)
            fault = self._gft.faults.get(name)
            if fault is not None:
                await fault()
            return await call(*args, **facts)

        return watched


class WrongClock:
    """A site's clock that is ahead of the true time, or behind it, and runs as fast."""

    def __init__(self, true: Clock, ahead: timedelta) -> None:
        self._true = true
        self._ahead = ahead

    def now(self) -> datetime:
        return self._true.now() + self._ahead

    async def sleep(self, seconds: float) -> None:
        await self._true.sleep(seconds)


class Process:
    """One site's process.

    Attributes
    ----------
    ahead
        How wrong its clocks are.
    """

    user: str
    rules: Rules
    ahead = timedelta()

    def __init__(self, world: World) -> None:
        self.world = world
        self.folder = world.folder / self.user
        self.folder.mkdir()
        self.runner: Stories
        self.journal: MortalJournal
        self.session: MemorySession
        self.courier: Courier
        self._starting: asyncio.Task[None] | None = None

    @property
    def sky(self) -> Clock:
        return WrongClock(self.world.sky, self.ahead)

    @property
    def wall(self) -> Clock:
        return WrongClock(self.world.wall, self.ahead)

    @property
    def author(self) -> Author:
        return Author(site=self.user, authority=AUTHORITY, sky=self.sky)

    def open(self, desk: Callable[[], Desk], fuse: Fuse) -> None:
        """Open the journal, and make the courier for the desk that is made then."""
        self.runner = self.world.runner(self)
        store = Store(self.folder / "journal.sqlite", wall=self.wall, max_packet_bytes=MAX_PACKET_BYTES)
        self.journal = MortalJournal(store)
        self.journal.fuse = fuse
        self.session = self.world.server.session(self.user)
        self.courier = Courier(
            site=self.user,
            authority=AUTHORITY,
            journal=self.journal,
            session=self.session,
            rules=self.rules,
            desk=desk(),
            sky=self.sky,
            wall=self.wall,
            rng=random.Random(1),  # noqa: S311 - jitter
            timing=TIMING,
        )

    async def start(self, fuse: Fuse = SAFE) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    def abandon(self) -> Sequence[asyncio.Task[None]]:
        """Give the agent's tasks up; return them."""
        raise NotImplementedError

    async def kill(self) -> None:
        """End as kill -9 does: nothing more is said or written, nothing put in order."""
        self.journal.die("a signal")
        self.session.break_off()
        self.journal.buried.set()
        if self._starting is not None:
            # What reads the journal now fails: it was buried.
            await asyncio.wait({self._starting}, timeout=1.0)
            self._starting.cancel()
        tasks = self.abandon()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.courier.stop()
        self.release()

    def release(self) -> None:
        self.journal.close()

    async def dies(self) -> str:
        """Wait until the process dies; bury it, and say what it died of."""
        await self.journal.died.wait()
        await self.kill()
        return self.journal.died_of

    async def entries(self, campaign: str = CAMPAIGN) -> list[Entry]:
        return await self.journal.read(lambda reader: reader.entries(campaign))


class Csc(Process):
    user = CSC
    rules = Rules.for_csc(lambda: (GFT,))

    async def start(self, fuse: Fuse = SAFE) -> None:
        self.archive = await asyncio.to_thread(open_archive, self.folder, self.world.archive_url)
        self.open(self._make, fuse)
        await self.agent.start(self.courier)
        await self.courier.start()

    def _make(self) -> CscAgent:
        self.downloads = Downloads(
            sftp=self.world.sftp(CSC),
            archive=self.archive,
            folder=self.folder / "incoming",
            wall=self.wall,
        )
        fetch = self.downloads._fetch

        def spoiled(name: CampaignName, upload: Any, progress: Any) -> None:
            self.world.downloading.wait(30.0)
            self.world.spoil(upload.dataset)
            fetch(name, upload, progress)

        self.downloads._fetch = spoiled  # type: ignore[method-assign]  # as a bad disk at the relay would
        self.agent = CscAgent(
            author=self.author,
            journal=self.journal,
            archive=self.archive,
            downloads=self.downloads,
            runner=self.runner,
            telescopes=lambda: (GFT,),
            sky=self.sky,
            wall=self.wall,
        )
        return self.agent

    async def stop(self) -> None:
        await self.agent.stop()
        await self.courier.stop()
        self.release()

    def abandon(self) -> Sequence[asyncio.Task[None]]:
        self.agent._drawing.shutdown(wait=True, cancel_futures=True)
        return tuple(self.agent._tasks)

    def release(self) -> None:
        self.downloads.close()
        super().release()
        self.archive.close()


class Relay(Process):
    user = RELAY
    rules = Rules.for_relay(lambda: (GFT,))

    async def start(self, fuse: Fuse = SAFE) -> None:
        self.open(self._make, fuse)
        await self.agent.start()
        await self.courier.start()

    def _make(self) -> RelayAgent:
        tidying = Tidying(
            self.journal,
            LocalHoldings(self.world.store),
            keep=timedelta(days=1),
            keep_parts=timedelta(days=1),
            sky=self.sky,
            wall=self.wall,
        )
        self.agent = RelayAgent(journal=self.journal, runner=self.runner, tidying=tidying, sky=self.sky)
        return self.agent

    async def stop(self) -> None:
        await self.agent.stop()
        await self.courier.stop()
        self.release()

    def abandon(self) -> Sequence[asyncio.Task[None]]:
        return () if self.agent._tidying is None else (self.agent._tidying,)


class Gft(Process):
    """The telescope.

    Attributes
    ----------
    commands
        What its devices were told, in order, over all its processes.
    in_flight
        How often the process was killed during each exposure.
    faults
        Called before a device does what it is told: raises, waits, or kills.
    """

    user = GFT
    rules = Rules.for_telescope(GFT)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.commands: list[str] = []
        self.in_flight: Counter[str] = Counter()
        self.faults: dict[str, Callable[[], Awaitable[None]]] = {}
        burst = SimulatedBurst(
            name=BURST,
            trigger_time=T0,
            position=SkyPosition(ra_deg=95.01, dec_deg=40.01),
            afterglow=Afterglow(r_mag=16.5, indices=(0.9,), breaks_s=(), spectral_index=1.0),
        )
        write_scenario(Scenario(seed=3, bursts=(burst,)), self.folder / "sky.json")

    @property
    def used_for(self) -> list[str]:
        """What its devices were told besides being made safe."""
        return [command for command in self.commands if command not in MAKES_SAFE]

    async def start(self, fuse: Fuse = SAFE) -> None:
        self.open(self._make, fuse)
        self.bench.wake = self.courier.wake
        # What it takes up may kill it before it has begun with all.
        self._starting = asyncio.create_task(self._start())
        dying = asyncio.create_task(self.journal.died.wait())
        await asyncio.wait({self._starting, dying}, return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if self._starting.done():
            self._starting.result()

    async def _start(self) -> None:
        await self.agent.start()
        await self.courier.start()

    def _make(self) -> TelescopeAgent:
        world = self.world
        planner = Planner(
            site=world.model.site,
            limits=Limits(),
            instrument=world.model.instrument,
            strategies=load_strategies(world.strategies, source="strategies"),
            clock=self.sky,
        )
        planner._almanac = world.almanac
        self.bench = Bench(
            name=GFT,
            site=world.model.site,
            instrument=world.model.instrument,
            planner=planner,
            observatory=Observatory(self._telescope(), self.sky),
            catalogue=SimulatedCatalogue(SimulatedSky(3)),
            masters=world.masters,
            journal=self.journal,
            author=self.author,
            sftp=world.sftp(GFT),
            runner=self.runner,
            folder=self.folder / "data",
            log_file=None,
            simulated=True,
            sky=self.sky,
            wall=self.wall,
        )
        self.agent = TelescopeAgent(self.bench)
        return self.agent

    def _telescope(self) -> Telescope:
        real = simulated_telescope(self.world.model, self.folder / "sky.json", clock=self.sky)
        devices: dict[str, Any] = {
            name: Watched(getattr(real, name), name, self)
            for name in ("mount", "camera", "filter_wheel", "dome", "weather")
        }
        return Telescope(**devices)

    async def stop(self) -> None:
        await self.agent.stop()
        await self.courier.stop()
        self.release()

    async def kill(self) -> None:
        entries = await Journal.read(self.journal, lambda reader: reader.entries(CAMPAIGN))
        state = fold(entries)
        self.in_flight.update(state.begun - state.exposed.keys())
        await super().kill()

    def abandon(self) -> Sequence[asyncio.Task[None]]:
        return tuple(self.agent._tasks)

    def release(self) -> None:
        self.bench.close()
        super().release()

    def fail(self, command: str, error: DeviceError, *, times: int = 1) -> None:
        """Have a device fail so often when it is told this."""
        left = iter(range(times))

        async def fault() -> None:
            if next(left, None) is not None:
                raise error

        self.faults[command] = fault

    def hold(self, command: str, number: int) -> asyncio.Event:
        """Have a device wait when it is told this for that time, until the event is set."""
        release = asyncio.Event()
        told = 0

        async def fault() -> None:
            nonlocal told
            told += 1
            if told == number:
                await release.wait()

        self.faults[command] = fault
        return release

    async def told(self, command: str, number: int) -> None:
        """Wait until a device was told this so often."""
        await until(lambda: self.commands.count(command) >= number)

    async def dies_at(self, command: str) -> None:
        """Wait until a device is told this, and have the process die then; the device does not do it."""

        async def fault() -> None:
            del self.faults[command]
            self.journal.die(command)
            await self.journal.buried.wait()
            raise DeviceError(command, "nobody is there any more")

        self.faults[command] = fault
        await self.journal.died.wait()
        await self.kill()

    def weather(self, **reading: Any) -> None:
        new = self.folder / "weather.new"
        new.write_text(json.dumps(reading))
        new.replace(self.folder / "weather.json")

    async def begun(self) -> Counter[str]:
        """How often each exposure was begun, by the journal; nothing comes after it was exposed."""
        counts: Counter[str] = Counter()
        exposed = set()
        for entry in await self.entries():
            if entry.what in {What.EXPOSING, What.EXPOSED}:
                assert entry.data["exposure"] not in exposed
            if entry.what == What.EXPOSED:
                exposed.add(entry.data["exposure"])
            elif entry.what == What.EXPOSING:
                counts[entry.data["exposure"]] += 1
        return counts

    async def noted(self, what: What, campaign: str = CAMPAIGN, **facts: Any) -> Entry:
        """Wait until the journal says so."""

        while True:
            for entry in await self.entries(campaign):
                if entry.what == what and facts.items() <= entry.data.items():
                    return entry
            await asyncio.sleep(0.02)


class World:
    """All sites, their server and the relay's store.

    Attributes
    ----------
    spoilt
        How often the store is to damage a dataset after its upload, by dataset.
    downloading
        Cleared to hold downloads up.
    archive_url
        The science centre's database; empty for a SQLite file of its own.
    runner
        Makes what shows the stories of a process.
    strategies
        Of the telescope, from its next start on.
    """

    def __init__(self, folder: Path, *, model: KnownTelescope, masters: Masters, almanac: Almanac) -> None:
        self.folder = folder
        self.model = model
        self.masters = masters
        self.almanac = almanac
        self.wall = WallClock()
        self.sky = SkyClock(sky_epoch=BEGIN, wall_epoch=self.wall.now(), rate=RATE, wall=self.wall)
        self.server = MemoryServer(wall=self.wall)
        self.server.create_topic(topic_of(GFT), publisher=RELAY, members=[CSC, GFT])
        self.store = folder / "store"
        self.spoilt: dict[str, int] = {}
        self.downloading = threading.Event()
        self.downloading.set()
        self.archive_url = ""
        self.runner: Callable[[Process], Stories] = lambda _process: Stories()
        self.strategies = STRATEGIES
        self._sftp: SftpServer | None = None
        self._port = 1
        self._host_key = ""
        self.csc, self.relay, self.gft = Csc(self), Relay(self), Gft(self)

    async def serve_files(self) -> None:
        """Start the relay's store; without it nothing can be uploaded."""
        server = SftpServer(self.store, self.folder / "keys", self.folder / "host_key", 0)
        await server.start()
        for user in (CSC, GFT):
            key = asyncssh.generate_private_key("ssh-ed25519")
            self._key(user).touch(mode=0o600)
            self._key(user).write_bytes(key.export_private_key("openssh"))
            server.accounts.admit(user, key.export_public_key("openssh").decode())
        self._sftp = server
        self._port, self._host_key = server.port, host_key_line(self.folder / "host_key")

    def sftp(self, user: str) -> SftpSettings:
        return SftpSettings(
            host="127.0.0.1", port=self._port, user=user, key_file=self._key(user), host_key=self._host_key
        )

    def _key(self, user: str) -> Path:
        return self.folder / f"{user}.key"

    def spoil(self, dataset: str) -> None:
        """Damage a file of a dataset in the store, if that is still to happen."""
        if self.spoilt.get(dataset, 0) > 0:
            self.spoilt[dataset] -= 1
            [*_, victim] = sorted((self.store / GFT / CAMPAIGN / dataset / "raw").glob("*.fz"))
            data = bytearray(victim.read_bytes())
            data[-1] ^= 0xFF
            victim.write_bytes(data)

    async def start(self) -> None:
        for process in (self.relay, self.csc, self.gft):
            await process.start()
        self.turn_back()

    def turn_back(self) -> None:
        """Have the burst go off now: on a slow machine the night would be over soon."""
        self.sky.set(BEGIN, self.wall.now())

    async def stop(self) -> None:
        for process in (self.gft, self.csc, self.relay):
            await process.stop()
        await self.server.close()
        if self._sftp is not None:
            await self._sftp.stop()

    async def trigger(self, raw: bytes) -> None:
        [made] = await self.csc.agent.trigger(raw, [GFT])
        assert made.packet is not None

    async def over(self) -> tuple[Ended, Ended]:
        """Wait until both the telescope's and the science centre's story have ended."""
        return await self.gft.runner.ended(), await self.csc.runner.ended()
