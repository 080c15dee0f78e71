"""The science centre's process."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from agents.csc.downloads import Downloads
from agents.csc.service import CscAgent
from archive.archive import Archive
from archive.errors import ArchiveError, ArchiveFullError, ArchiveUnavailableError
from console import settings
from console.agent import Site, open_site, serve, watch_enrolments
from console.alerting import FormDesk
from console.enrolment import enrolled
from console.state import archive_files, archive_url
from console.store_login import sftp_settings
from flows.runner import PrefectRunner
from followup.errors import FollowupError
from followup.names import CSC, RELAY, CampaignName, topic_of
from messaging.rules import Rules

log = logging.getLogger(__name__)


async def run_csc(folder: Path) -> None:
    """Be the science centre until told to end."""
    config = settings.read(settings.CscSettings, folder)
    archive = await asyncio.to_thread(_archive, folder, config.archive_url)
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
                keep=timedelta(days=config.keep_parts_days),
            )
            tidying = asyncio.create_task(downloads.keep_tidy())
            try:
                await _serve(site, folder, archive, downloads)
            finally:
                tidying.cancel()
                await asyncio.gather(tidying, return_exceptions=True)
                downloads.close()
    finally:
        archive.close()


def _archive(folder: Path, configured: str) -> Archive:
    """Open the archive; one that is away or full is opened later, by who needs it (blocking)."""
    url, files = archive_url(folder, configured), archive_files(folder)
    try:
        return Archive.open(url, files)
    except (ArchiveUnavailableError, ArchiveFullError) as error:
        log.error("%s; going on without it until it is back (%s)", error, error.hint)  # noqa: TRY400
        return Archive.later(url, files)


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
            base64.b64decode(arguments["alert"]),
            arguments["telescopes"],
            drill=arguments["drill"],
            dry_run=arguments.get("dry_run", False),
        )
        return [made.facts for made in triggered]

    async def by_form(raw: bytes, chosen: Sequence[str] | None, drill: bool) -> list[dict[str, str]]:
        return [made.facts for made in await agent.trigger(raw, chosen, drill=drill)]

    async def call_off(arguments: dict[str, Any]) -> dict[str, str]:
        made = await agent.call_off(_campaign(arguments["campaign"]), arguments["reason"])
        return made.facts

    async def telescopes(_: dict[str, Any]) -> dict[str, bool | None]:
        return {name: site.session.heard(name) for name in enrolled(folder)}

    async def centre(_: dict[str, Any]) -> dict[str, Any]:
        standing = await agent.standing()
        said = {"hears": await telescopes({}), "waits": downloads.waits | standing["waits"]}
        lost: tuple[tuple[str, str], ...] = ()
        with contextlib.suppress(ArchiveError):  # it is away: that is among what is waited for
            lost = await asyncio.to_thread(archive.undelivered)
        return {**standing, **said, "undelivered": [f"{campaign}/{dataset}" for campaign, dataset in lost]}

    if isinstance(site.runner, PrefectRunner):
        site.runner.serve_form(
            FormDesk(
                enrolled=lambda: enrolled(folder), triggers=by_form, sky=site.sky, authority=site.authority
            )
        )
    watching = asyncio.create_task(
        watch_enrolments(site, lambda: enrolled(folder), arrive=arrive, leave=leave)
    )
    try:
        await serve(
            site,
            courier,
            {"trigger": trigger, "call-off": call_off, "telescopes": telescopes, "centre": centre},
            before_end=agent.stop,
        )
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def _campaign(text: str) -> CampaignName:
    try:
        return CampaignName.parse(text)
    except ValueError as error:
        raise FollowupError(str(error), hint="followup campaigns lists them") from error
