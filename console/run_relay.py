"""The relay's process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path

from agents.ftp_relay.holdings import Holdings, LocalHoldings, RemoteHoldings
from agents.ftp_relay.service import RelayAgent
from agents.ftp_relay.store import SftpServer
from agents.ftp_relay.tidying import Tidying
from console import settings
from console.agent import Site, open_site, serve, watch_enrolments
from console.enrolment import enrolled, relay_store
from console.store_login import sftp_settings
from followup.names import CSC, RELAY, CampaignName
from messaging import outbox
from messaging.courier import Courier
from messaging.reader import Reader
from messaging.rules import Rules
from messaging.xmpp.topics import create_topic, delete_topic
from transfer.client import SftpStore


async def run_relay(folder: Path) -> None:
    """Be the relay until told to end."""
    config = settings.read(settings.RelaySettings, folder)
    async with (
        _store(folder, config) as holdings,
        open_site(
            folder,
            RELAY,
            authority=config.authority,
            xmpp=config.xmpp,
            api_url=config.prefect.api_url,
            sky=config.clock(),
            peers=(CSC, *enrolled(folder)),
        ) as site,
    ):
        tidying = Tidying(
            site.journal,
            holdings,
            keep=timedelta(days=config.keep_datasets_days),
            keep_parts=timedelta(days=config.keep_parts_days),
            sky=site.sky,
            wall=site.wall,
        )
        agent = RelayAgent(journal=site.journal, runner=site.runner, tidying=tidying, sky=site.sky)
        courier = site.courier(agent, Rules.for_relay(lambda: enrolled(folder)))
        await agent.start()
        watching = asyncio.create_task(_watch(site, courier, folder))
        try:
            await serve(site, courier, {"custody": lambda _: agent.status()}, before_end=agent.stop)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


@contextlib.asynccontextmanager
async def _store(folder: Path, config: settings.RelaySettings) -> AsyncIterator[Holdings]:
    """Serve the embedded store; or use one of OpenSSH, which is there without us."""
    if config.sftp is not None:
        remote = RemoteHoldings(SftpStore(sftp_settings(folder, RELAY, config.sftp)))
        try:
            yield remote
        finally:
            await asyncio.to_thread(remote.close)
        return
    accounts = relay_store(folder)
    server = SftpServer(
        accounts.root, accounts.keys, folder / "host_key", config.sftp_port, host=config.sftp_host
    )
    await server.start()
    try:
        yield LocalHoldings(accounts.root)
    finally:
        await server.stop()


async def _watch(site: Site, courier: Courier, folder: Path) -> None:
    """Make the topics of telescopes that are enrolled, remove those of telescopes that were revoked."""

    async def arrive(name: str) -> None:
        await create_topic(site.session, name)
        site.session.add_peer(name)
        await site.journal.write(partial(outbox.reinstate, telescope=name))
        # What was published before there was a topic came back, and would wait its turn.
        courier.retry(CSC)

    async def leave(name: str) -> None:
        await delete_topic(site.session, name)
        await site.journal.write(partial(outbox.withdraw, telescope=name))

    known = await site.journal.read(Reader.campaigns)
    await watch_enrolments(
        site,
        lambda: enrolled(folder),
        arrive=arrive,
        leave=leave,
        before={CampaignName.parse(name).telescope for name in known},
        anew=True,
    )
