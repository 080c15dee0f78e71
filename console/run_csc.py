"""The science centre's process."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

from agents.csc.downloads import Downloads
from agents.csc.service import CscAgent
from agents.csc.triggering import Triggered
from archive.archive import Archive
from console import settings
from console.agent import Site, open_site, serve, watch_enrolments
from console.enrolment import enrolled
from console.state import archive_files, archive_url
from followup.errors import ConfigurationError, FollowupError
from followup.names import CSC, RELAY, CampaignName, topic_of
from messaging.rules import Rules
from transfer.session import check_keys
from transfer.settings import SftpSettings


async def run_csc(folder: Path) -> None:
    """Be the science centre until told to end."""
    config = settings.read(settings.CscSettings, folder)
    archive = await asyncio.to_thread(
        Archive.open, archive_url(folder, config.archive_url), archive_files(folder)
    )
    try:
        async with open_site(
            folder,
            CSC,
            authority=config.authority,
            xmpp=config.xmpp,
            api_url=config.prefect.api_url,
            sky=config.clock(),
            peers=(RELAY, *enrolled(folder)),
            topics=tuple(topic_of(name) for name in enrolled(folder)),
        ) as site:
            downloads = Downloads(
                sftp=sftp_settings(folder, CSC, config.sftp),
                archive=archive,
                folder=archive_files(folder) / "incoming",
                wall=site.wall,
            )
            try:
                await _serve(site, folder, archive, downloads)
            finally:
                downloads.close()
    finally:
        archive.close()


async def _serve(site: Site, folder: Path, archive: Archive, downloads: Downloads) -> None:
    agent = CscAgent(
        author=site.author,
        journal=site.journal,
        archive=archive,
        downloads=downloads,
        runner=site.runner,
        telescopes=lambda: enrolled(folder),
        sky=site.sky,
        wall=site.wall,
    )
    courier = site.courier(agent, Rules.for_csc(lambda: enrolled(folder)))
    await agent.start(courier)

    async def arrive(name: str) -> None:
        await site.session.add_topic(topic_of(name))
        site.session.add_peer(name)

    async def leave(name: str) -> None:
        site.session.remove_topic(topic_of(name))

    async def trigger(arguments: dict[str, Any]) -> list[dict[str, str]]:
        triggered = await agent.trigger(
            base64.b64decode(arguments["alert"]), arguments["telescopes"], drill=arguments["drill"]
        )
        return [_told(made) for made in triggered]

    async def call_off(arguments: dict[str, Any]) -> dict[str, str]:
        return _told(await agent.call_off(_campaign(arguments["campaign"]), arguments["reason"]))

    async def telescopes(_: dict[str, Any]) -> dict[str, bool]:
        return {name: site.session.present(name) for name in enrolled(folder)}

    watching = asyncio.create_task(
        watch_enrolments(site, lambda: enrolled(folder), arrive=arrive, leave=leave)
    )
    try:
        await serve(
            site,
            courier,
            {"trigger": trigger, "call-off": call_off, "telescopes": telescopes},
            before_end=agent.stop,
        )
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def sftp_settings(folder: Path, user: str, config: settings.Sftp) -> SftpSettings:
    """Give the login of a site at the relay's store.

    Raises
    ------
    ConfigurationError
        When a key is missing or is none, or the site's own can be read by others.
    """
    key_file, host_key_file = folder / config.key_file, folder / config.host_key_file
    settings.secret(key_file)
    try:
        host_key = host_key_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(
            f"{host_key_file}: {error.strerror}", hint="copy it from the enrolment"
        ) from error
    login = SftpSettings(host=config.host, port=config.port, user=user, key_file=key_file, host_key=host_key)
    check_keys(login)
    return login


def _campaign(text: str) -> CampaignName:
    try:
        return CampaignName.parse(text)
    except ValueError as error:
        raise FollowupError(str(error), hint="followup campaigns lists them") from error


def _told(made: Triggered) -> dict[str, str]:
    return {
        "campaign": str(made.campaign),
        "ivorn": made.packet.ivorn if made.packet else "",
        "reason": made.reason,
    }
