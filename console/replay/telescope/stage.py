"""The stage of a replay against a telescope: the real agent, and what it works with."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from agents.gft.bench import Bench
from agents.gft.enclosures import Enclosures
from agents.gft.logbook import Logbook, logged
from agents.gft.observatory import Observatory
from agents.gft.planning import Planner
from agents.gft.service import TelescopeAgent
from console import settings
from console.replay.clock import JumpingClock, LookingClock
from console.replay.conversation import Conversation
from console.replay.grounds import laid_out
from console.replay.stillness import CountedJournal
from console.replay.telescope.light import UndrawnPlanner
from console.replay.telescope.player import PlayedCentre
from console.replay.telescope.scene import Scene, SceneOf
from console.replay.witness import uncommitted
from console.set_aside import JOURNAL
from console.state import State
from console.store_login import sftp_settings
from followup.clock import Clock
from followup.names import CSC, RELAY, topic_of
from followup.plan import ALMANAC_AHEAD
from followup.story import PlainRunner
from followup.strategy import load_strategies
from messaging.author import Author
from messaging.courier import Courier
from messaging.rules import Rules
from messaging.store import Store
from messaging.xmpp.topics import create_topic
from voevent.packet import MAX_PACKET_BYTES

_SPARE = timedelta(hours=5)
"""A planner tabulates anew when less than four hours are left."""


@dataclass(kw_only=True)
class Stage:
    """What is under test, and who talks to it.

    Attributes
    ----------
    scene
        What the agent works with.
    store
        Folder of the relay's store.
    """

    scene: Scene
    agent: TelescopeAgent
    journal: CountedJournal
    others: PlayedCentre
    store: Path

    @property
    def bench(self) -> Bench:
        """What the agent's campaigns work with."""
        return self.agent.bench


@contextlib.asynccontextmanager
async def staged(
    conversation: Conversation, scene_of: SceneOf, state: State, *, sky: Clock
) -> AsyncIterator[Stage]:
    """Set everything up, the agent online, nothing played yet; take it down in the end.

    Parameters
    ----------
    conversation
        What is played to the agent.
    scene_of
        Makes what the agent works with.

    Raises
    ------
    ReplayRefusedError
        When something real might be reached.
    ReplayError
        When the record does not have what is needed.
    """
    name = conversation.name.telescope
    scene = await asyncio.to_thread(scene_of, sky)
    planner = _planner(scene, sky, conversation.end - conversation.start)
    async with (
        _warmed(planner) as warm,
        laid_out(state, name) as grounds,
        contextlib.AsyncExitStack() as stack,
    ):
        wall, folder, config = grounds.wall, state.telescope(name), grounds.gft
        relay = grounds.session(RELAY, peers=(CSC, name))
        csc = grounds.session(CSC, peers=(name,))
        for session in (relay, csc):
            await session.open()
            stack.push_async_callback(session.close)
        await create_topic(relay, name)
        journal = CountedJournal(Store(folder / JOURNAL, wall=wall, max_packet_bytes=MAX_PACKET_BYTES))
        stack.callback(journal.close)
        witness = partial(uncommitted, journal)
        others = PlayedCentre(conversation, csc=csc, relay=relay, sky=sky, witness=witness)
        stack.push_async_callback(others.stop)
        bench = _bench(scene, planner, folder, config, journal=journal, sky=sky, wall=wall)
        stack.callback(bench.close)
        agent = TelescopeAgent(bench)
        courier = Courier(
            site=name,
            authority=config.authority,
            journal=journal,
            session=grounds.session(name, peers=(RELAY, CSC), topics=(topic_of(name),)),
            rules=Rules.for_telescope(name),
            desk=agent,
            sky=sky,
            wall=wall,
            rng=random.Random(1),  # noqa: S311 - jitter
        )
        bench.wake = courier.wake
        await agent.start()
        await warm
        await courier.start()
        try:
            yield Stage(scene=scene, agent=agent, journal=journal, others=others, store=grounds.store)
        finally:
            await agent.stop()
            await courier.stop()


@contextlib.asynccontextmanager
async def _warmed(planner: Planner) -> AsyncIterator[asyncio.Task[None]]:
    """Have a planner tabulate what it needs while servers start beside; the task ends when it is ready."""
    task = asyncio.create_task(planner.warm())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _planner(scene: Scene, sky: Clock, lasts: timedelta) -> Planner:
    """Make the planner; its almanac lasts for the record, and not much longer."""
    return (Planner if scene.pictures else UndrawnPlanner)(
        site=scene.site,
        limits=scene.limits,
        instrument=scene.instrument,
        strategies=load_strategies(scene.strategies, source="the strategies of the replay"),
        clock=sky,
        tabulated=ALMANAC_AHEAD + _SPARE + lasts,
    )


def _bench(
    scene: Scene,
    planner: Planner,
    folder: Path,
    config: settings.TelescopeSettings,
    *,
    journal: CountedJournal,
    sky: Clock,
    wall: Clock,
) -> Bench:
    """Make what the agent works with, of the scene."""
    logbook = Logbook(folder / "devices", sky)
    return Bench(
        name=config.name,
        site=scene.site,
        instrument=scene.instrument,
        planner=planner,
        observatory=Observatory(
            logged(scene.telescope, logbook), sky, park_before_closing=scene.limits.park_before_closing
        ),
        catalogue=scene.catalogue,
        masters=scene.masters,
        journal=journal,
        author=Author(site=config.name, authority=config.authority, sky=sky),
        sftp=sftp_settings(folder, config.name, config.sftp),
        runner=PlainRunner(),
        folder=folder / "data",
        log_file=None,
        simulated=True,
        sky=sky,
        wall=LookingClock(sky) if isinstance(sky, JumpingClock) else wall,
        limits=scene.limits,
        reduction=scene.reduction,
        pictures=scene.pictures,
        enclosures=Enclosures(strategies=scene.strategies, logbook=logbook),
    )
