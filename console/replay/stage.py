"""The stage of a replay against a telescope: servers of its own, the real agent, and nothing else.

Nothing here can reach anything real: the servers are embedded ones in a new folder, with a certificate
authority, passwords and keys made for it, and the agent is only let go when its settings lead there.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agents.ftp_relay.store import SftpServer
from agents.gft.bench import Bench
from agents.gft.enclosures import Enclosures
from agents.gft.local_catalogue import LocalCatalogue
from agents.gft.logbook import Logbook, logged
from agents.gft.observatory import Observatory
from agents.gft.planning import Planner
from agents.gft.reduction.calibration import read_masters
from agents.gft.service import TelescopeAgent
from console import enrolment, settings
from console.replay.clock import JumpingClock, LookingClock
from console.replay.devices import Frames, played_telescope
from console.replay.errors import ReplayRefusedError
from console.replay.keys import spelt
from console.replay.light import NO_MASTERS, Headers, NoStars, PlayedReduction, UndrawnPlanner
from console.replay.others import Heard, PlayedCentre
from console.replay.record import Recording
from console.replay.stillness import CountedJournal
from console.servers import DOMAIN, HOST, NONE, Servers, embedded
from console.set_aside import JOURNAL
from console.settings import Xmpp, secret
from console.state import State
from console.store_login import sftp_settings
from followup.clock import Clock, WallClock
from followup.names import CSC, RELAY, topic_of
from followup.story import PlainRunner
from followup.strategy import load_strategies
from messaging.author import Author
from messaging.courier import Courier
from messaging.journal import Journal
from messaging.reader import Reader
from messaging.rules import Rules
from messaging.store import Store
from messaging.xmpp.session import XmppSession
from messaging.xmpp.settings import XmppSettings
from messaging.xmpp.topics import create_topic
from voevent.kinds import Receipt
from voevent.packet import MAX_PACKET_BYTES


@dataclass(kw_only=True)
class Stage:
    """What is under test, and who talks to it.

    Attributes
    ----------
    store
        Folder of the relay's store.
    """

    agent: TelescopeAgent
    journal: CountedJournal
    others: PlayedCentre
    store: Path

    @property
    def bench(self) -> Bench:
        """What the agent's campaigns work with."""
        return self.agent.bench


def check_folder(root: Path) -> None:
    """Make sure that a replay's folder is its own.

    Raises
    ------
    ReplayRefusedError
        When something stands in it.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ReplayRefusedError(
            f"{root} is not empty: a replay needs a folder of its own, so that it can reach nothing real",
            hint="name a folder that does not exist",
        )


def check_settings(config: settings.TelescopeSettings, servers: Servers) -> None:
    """Make sure that an agent's settings lead to the replay's own servers, and to no device.

    Settings can come from the environment, too: these are what the agent would really use.

    Raises
    ------
    ReplayRefusedError
        When they lead elsewhere.
    """
    for what, said, ours in (
        ("XMPP server", (config.xmpp.host, config.xmpp.port), (HOST, servers.ports.xmpp)),
        ("SFTP store", (config.sftp.host, config.sftp.port), (HOST, servers.ports.sftp)),
    ):
        if said != ours:
            raise ReplayRefusedError(
                f"the settings lead to the {what} {said[0]}:{said[1]}, not to the replay's own",
                hint="unset the environment variables FOLLOWUP_…",
            )
    if config.xmpp.domain != DOMAIN:
        raise ReplayRefusedError(f"the settings name the domain {config.xmpp.domain}, not {DOMAIN}")
    if config.devices != "simulated" or config.indi is not None:
        raise ReplayRefusedError("the settings name real devices; in a replay they are played")
    if config.prefect.api_url:
        raise ReplayRefusedError("the settings name a Prefect server; a replayed agent shows nothing there")


@contextlib.asynccontextmanager
async def staged(
    recording: Recording, state: State, *, sky: Clock, strategies: str = ""
) -> AsyncIterator[Stage]:
    """Set everything up, the agent online, nothing played yet; take it down in the end.

    Parameters
    ----------
    strategies
        Those to follow instead of the recorded ones.

    Raises
    ------
    ReplayRefusedError
        When something real might be reached.
    ReplayError
        When the record does not have what is needed.
    """
    check_folder(state.root)
    state.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    wall, name = WallClock(), recording.name.telescope
    async with embedded(state, prefect=NONE) as servers, contextlib.AsyncExitStack() as stack:
        await enrolment.make_centre(state, servers)
        enrolled = await enrolment.admit_telescope(state, servers.prosody, name)
        folder = state.telescope(name)
        enrolment.install_enrolment(enrolled, folder, {"devices": "simulated", "model": "played"})
        config = settings.read(settings.TelescopeSettings, folder)
        check_settings(config, servers)
        accounts = enrolment.relay_store(state.relay)
        store = SftpServer(
            accounts.root, accounts.keys, state.relay / "host_key", servers.ports.sftp, host=HOST
        )
        await store.start()
        stack.push_async_callback(store.stop)
        relay = _session(state.relay, RELAY, config.xmpp, wall=wall, peers=(CSC, name))
        csc = _session(state.csc, CSC, config.xmpp, wall=wall, peers=(name,))
        for session in (relay, csc):
            await session.open()
            stack.push_async_callback(session.close)
        await create_topic(relay, name)
        journal = CountedJournal(Store(folder / JOURNAL, wall=wall, max_packet_bytes=MAX_PACKET_BYTES))
        stack.callback(journal.close)
        witness = partial(_uncommitted, journal)
        others = PlayedCentre(recording, csc=csc, relay=relay, sky=sky, wall=wall, witness=witness)
        stack.push_async_callback(others.stop)
        bench = await asyncio.to_thread(
            _bench, recording, folder, config, journal=journal, sky=sky, wall=wall, strategies=strategies
        )
        stack.callback(bench.close)
        agent = TelescopeAgent(bench)
        courier = Courier(
            site=name,
            authority=config.authority,
            journal=journal,
            session=_session(
                folder, name, config.xmpp, wall=wall, peers=(RELAY, CSC), topics=(topic_of(name),)
            ),
            rules=Rules.for_telescope(name),
            desk=agent,
            sky=sky,
            wall=wall,
            rng=random.Random(1),  # noqa: S311 - jitter
        )
        bench.wake = courier.wake
        await agent.start()
        await bench.planner.warm()
        await courier.start()
        try:
            yield Stage(agent=agent, journal=journal, others=others, store=accounts.root / name)
        finally:
            await agent.stop()
            await courier.stop()


async def _uncommitted(journal: Journal, heard: Heard) -> str:
    """Look into the agent's journal at the moment something of it is heard: it must stand there already.

    A receipt that accepts a trigger must have its effect there, too.
    """

    def look(reader: Reader) -> str:
        if reader.stored(heard.packet.id) is None:
            return f"{spelt(heard.key)} was said before it was committed"
        if not isinstance(heard.content, Receipt):
            return ""
        if reader.stored(heard.content.cited) is None:
            return f"{spelt(heard.key)} was said before what it is about was committed"
        return ""

    return await journal.read(look)


def _session(
    folder: Path, user: str, xmpp: Xmpp, *, wall: Clock, peers: tuple[str, ...], topics: tuple[str, ...] = ()
) -> XmppSession:
    return XmppSession(
        XmppSettings(
            host=xmpp.host,
            port=xmpp.port,
            domain=xmpp.domain,
            user=user,
            password=secret(folder / "password"),
            ca_file=folder / "ca.pem",
            peers=peers,
            topics=topics,
        ),
        wall=wall,
        rng=random.Random(1),  # noqa: S311 - jitter
    )


def _bench(
    recording: Recording,
    folder: Path,
    config: settings.TelescopeSettings,
    *,
    journal: CountedJournal,
    sky: Clock,
    wall: Clock,
    strategies: str,
) -> Bench:
    """Make what the agent works with, of the record (blocking)."""
    site, instrument = recording.place()
    rules = strategies or recording.strategies
    light = recording.bundle.manifest.light
    headers = Headers.read(recording) if light else None
    limits = recording.limits()
    telescope = played_telescope(recording.devices(), headers or Frames(recording.frames()), sky)
    logbook = Logbook(folder / "devices", sky)
    return Bench(
        name=config.name,
        site=site,
        instrument=instrument,
        planner=(UndrawnPlanner if light else Planner)(
            site=site,
            instrument=instrument,
            strategies=load_strategies(rules, source="the strategies of the replay"),
            clock=sky,
        ),
        observatory=Observatory(
            logged(telescope, logbook), sky, park_before_closing=limits.park_before_closing
        ),
        catalogue=NoStars() if light else LocalCatalogue(recording.stars, instrument.filters),
        masters=NO_MASTERS if light else read_masters(recording.masters),
        journal=journal,
        author=Author(site=config.name, authority=config.authority, sky=sky),
        sftp=sftp_settings(folder, config.name, config.sftp),
        runner=PlainRunner(),
        folder=folder / "data",
        log_file=None,
        simulated=True,
        sky=sky,
        wall=LookingClock(sky) if isinstance(sky, JumpingClock) else wall,
        limits=limits,
        reduction=partial(PlayedReduction, recording, headers) if headers else None,
        pictures=not light,
        enclosures=Enclosures(strategies=rules, logbook=logbook),
    )
