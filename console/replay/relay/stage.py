"""The stage of a replay against the relay: the real agent with its store."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from agents.ftp_relay.holdings import LocalHoldings
from agents.ftp_relay.service import RelayAgent
from agents.ftp_relay.tidying import Tidying
from console.enrolment import relay_store
from console.replay.grounds import laid_out
from console.replay.parcels import Parcel, ParcelKey
from console.replay.player import Setting
from console.replay.record import Recording
from console.replay.relay.player import PlayedEnds
from console.replay.relay.witness import uncustodied
from console.replay.retelling import Retelling
from console.replay.stillness import CountedJournal
from console.set_aside import JOURNAL
from console.state import State
from followup.clock import Clock
from followup.names import CSC, RELAY, topic_of
from followup.story import PlainRunner
from messaging.courier import Courier
from messaging.rules import Rules
from messaging.store import Store
from messaging.xmpp.topics import create_topic
from transfer.client import SftpStore
from voevent.packet import MAX_PACKET_BYTES


@dataclass(kw_only=True)
class RelayStage:
    """What is under test, and who talks to it."""

    journal: CountedJournal
    player: PlayedEnds


@contextlib.asynccontextmanager
async def staged(
    recording: Recording, parcels: Mapping[ParcelKey, Parcel], state: State, scratch: Path, *, sky: Clock
) -> AsyncIterator[RelayStage]:
    """Set everything up, the agent online, nothing played yet; take it down in the end.

    Parameters
    ----------
    parcels
        What the telescope uploads.
    scratch
        A folder for what is made on the way.

    Raises
    ------
    ReplayRefusedError
        When something real might be reached.
    """
    name = recording.name.telescope
    async with laid_out(state, name) as grounds, contextlib.AsyncExitStack() as stack:
        wall, folder, config = grounds.wall, grounds.folder(RELAY), grounds.relay
        journal = CountedJournal(Store(folder / JOURNAL, wall=wall, max_packet_bytes=MAX_PACKET_BYTES))
        stack.callback(journal.close)
        tidying = Tidying(
            journal,
            LocalHoldings(relay_store(folder).root),
            keep=timedelta(days=config.keep_datasets_days),
            keep_parts=timedelta(days=config.keep_parts_days),
            sky=sky,
            wall=wall,
        )
        agent = RelayAgent(journal=journal, runner=PlainRunner(), tidying=tidying, sky=sky)
        relay = grounds.session(RELAY, peers=(CSC, name))
        courier = Courier(
            site=RELAY,
            authority=recording.said[0].header.authority,
            journal=journal,
            session=relay,
            rules=Rules.for_relay(lambda: (name,)),
            desk=agent,
            sky=sky,
            wall=wall,
            rng=random.Random(1),  # noqa: S311 - jitter
        )
        await agent.start()
        stack.push_async_callback(agent.stop)
        await courier.start()
        stack.push_async_callback(courier.stop)
        await create_topic(relay, name)
        ends = [grounds.session(user, peers=(RELAY,), topics=(topic_of(name),)) for user in (CSC, name)]
        stores = [SftpStore(grounds.sftp(user)) for user in (CSC, name)]
        for store in stores:
            stack.callback(store.close)
        player = PlayedEnds(
            Setting(
                recording=recording,
                retelling=Retelling(recording, party=RELAY, parcels=parcels),
                party=RELAY,
                journal=journal,
                witness=partial(uncustodied, journal),
                sky=sky,
            ),
            centre=ends[0],
            telescope=ends[1],
            parcels=parcels,
            lower=stores[0],
            upper=stores[1],
            scratch=scratch,
        )
        stack.push_async_callback(player.stop)
        for session in ends:
            await session.open()
            stack.push_async_callback(session.close)
        yield RelayStage(journal=journal, player=player)
