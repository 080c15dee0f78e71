"""The stage of a replay against the science centre: the real agent, with an archive of the replay's own."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agents.csc.downloads import Downloads
from agents.csc.service import CscAgent
from archive.archive import Archive
from console.replay.centre.player import PlayedSites
from console.replay.centre.witness import unfounded
from console.replay.grounds import laid_out
from console.replay.parcels import Parcel, ParcelKey
from console.replay.player import Setting
from console.replay.record import Recording
from console.replay.retelling import Retelling
from console.replay.stillness import CountedJournal
from console.set_aside import JOURNAL
from console.state import State, archive_files, archive_url
from followup.clock import Clock
from followup.names import CSC, RELAY, topic_of
from followup.story import PlainRunner
from messaging.author import Author
from messaging.courier import Courier
from messaging.rules import Rules
from messaging.store import Store
from messaging.xmpp.topics import create_topic
from transfer.client import SftpStore
from voevent.packet import MAX_PACKET_BYTES


@dataclass(kw_only=True)
class CentreStage:
    """What is under test, and who talks to it."""

    agent: CscAgent
    journal: CountedJournal
    archive: Archive
    player: PlayedSites


@contextlib.asynccontextmanager
async def staged(
    recording: Recording, parcels: Mapping[ParcelKey, Parcel], state: State, scratch: Path, *, sky: Clock
) -> AsyncIterator[CentreStage]:
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
        wall, folder = grounds.wall, grounds.folder(CSC)
        relay = grounds.session(RELAY, peers=(CSC, name))
        telescope = grounds.session(name, peers=(CSC,))
        for session in (relay, telescope):
            await session.open()
            stack.push_async_callback(session.close)
        await create_topic(relay, name)
        journal = CountedJournal(Store(folder / JOURNAL, wall=wall, max_packet_bytes=MAX_PACKET_BYTES))
        stack.callback(journal.close)
        archive = await asyncio.to_thread(
            Archive.open, archive_url(folder, grounds.csc.archive_url), archive_files(folder)
        )
        stack.callback(archive.close)
        downloads = Downloads(
            sftp=grounds.sftp(CSC), archive=archive, folder=archive_files(folder) / "incoming", wall=wall
        )
        stack.callback(downloads.close)
        authority = recording.said[0].header.authority
        agent = CscAgent(
            author=Author(site=CSC, authority=authority, sky=sky),
            journal=journal,
            archive=archive,
            downloads=downloads,
            runner=PlainRunner(),
            telescopes=lambda: (name,),
            sky=sky,
            wall=wall,
        )
        courier = Courier(
            site=CSC,
            authority=authority,
            journal=journal,
            session=grounds.session(CSC, peers=(RELAY, name), topics=(topic_of(name),)),
            rules=Rules.for_csc(lambda: (name,)),
            desk=agent,
            sky=sky,
            wall=wall,
            rng=random.Random(1),  # noqa: S311 - jitter
        )
        setting = Setting(
            recording=recording,
            retelling=Retelling(recording, party=CSC, parcels=parcels),
            party=CSC,
            journal=journal,
            witness=partial(unfounded, journal, archive, parcels),
            sky=sky,
        )
        store = SftpStore(grounds.sftp(name))
        stack.callback(store.close)
        player = PlayedSites(
            setting,
            agent=agent,
            relay=relay,
            telescope=telescope,
            parcels=parcels,
            store=store,
            scratch=scratch,
        )
        stack.push_async_callback(player.stop)
        await agent.start(courier)
        await courier.start()
        try:
            yield CentreStage(agent=agent, journal=journal, archive=archive, player=player)
        finally:
            await agent.stop()
            await courier.stop()
