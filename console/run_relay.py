"""The relay's process."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from agents.ftp_relay.service import RelayAgent
from agents.ftp_relay.store import SftpServer
from console import settings
from console.agent import open_site, serve, watch_enrolments
from console.enrolment import enrolled, relay_store
from followup.names import CSC, RELAY
from messaging.rules import Rules
from messaging.xmpp.topics import create_topic, delete_topic


async def run_relay(folder: Path) -> None:
    """Be the relay until told to end."""
    config = settings.read(settings.RelaySettings, folder)
    accounts = relay_store(folder)
    store = SftpServer(
        accounts.root, accounts.keys, folder / "host_key", config.sftp_port, host=config.sftp_host
    )
    await store.start()
    try:
        async with open_site(
            folder,
            RELAY,
            authority=config.authority,
            xmpp=config.xmpp,
            api_url=config.prefect.api_url,
            sky=config.clock(),
            peers=(CSC, *enrolled(folder)),
        ) as site:
            agent = RelayAgent(
                journal=site.journal,
                runner=site.runner,
                store=accounts.root,
                keep=timedelta(days=config.keep_datasets_days),
                sky=site.sky,
                wall=site.wall,
            )
            courier = site.courier(agent, Rules.for_relay(lambda: enrolled(folder)))
            await agent.start()

            async def arrive(name: str) -> None:
                await create_topic(site.session, name)
                site.session.add_peer(name)

            async def leave(name: str) -> None:
                await delete_topic(site.session, name)

            watching = asyncio.create_task(
                watch_enrolments(site, lambda: enrolled(folder), arrive=arrive, leave=leave)
            )
            try:
                await serve(site, courier, {"custody": lambda _: agent.status()}, before_end=agent.stop)
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
    finally:
        await store.stop()
