"""A telescope's process."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

from agents.gft.bench import Bench
from agents.gft.keeping import Keeping, Terms
from agents.gft.observatory import Observatory
from agents.gft.planning import Planner
from agents.gft.reduction.calibration import Masters, build_masters, read_masters, write_masters
from agents.gft.service import TelescopeAgent
from console import settings
from console.agent import Site, open_site, serve
from console.equipment import equipped
from console.memory import give_back_large_blocks
from console.store_login import sftp_settings
from followup.errors import ConfigurationError
from followup.names import CSC, RELAY, topic_of
from followup.site import Instrument
from followup.strategy import Strategies, default_strategies, load_strategies
from messaging.rules import Rules

log = logging.getLogger(__name__)


async def run_gft(folder: Path) -> None:
    """Be a telescope until told to end."""
    give_back_large_blocks()
    config = settings.read(settings.TelescopeSettings, folder)
    async with open_site(
        folder,
        config.name,
        authority=config.authority,
        xmpp=config.xmpp,
        api_url=config.prefect.api_url,
        sky=config.clock(),
        peers=(RELAY, CSC),
        topics=(topic_of(config.name),),
    ) as site:
        await _serve(site, folder, config)


async def _serve(site: Site, folder: Path, config: settings.TelescopeSettings) -> None:
    # What is wrong with the settings must not take the minutes until the telescope is ready to show.
    sftp = sftp_settings(folder, config.name, config.sftp)
    strategies = _strategies(folder, config.strategies_file)
    async with equipped(config, folder, site.sky) as equipment:
        observatory = Observatory(equipment.telescope, site.sky)
        planner = Planner(
            site=equipment.site, instrument=equipment.instrument, strategies=strategies, clock=site.sky
        )
        masters = await _masters(observatory, equipment.instrument, folder / "calibration.fits")
        bench = Bench(
            name=config.name,
            site=equipment.site,
            instrument=equipment.instrument,
            planner=planner,
            observatory=observatory,
            catalogue=equipment.catalogue,
            masters=masters,
            journal=site.journal,
            author=site.author,
            sftp=sftp,
            runner=site.runner,
            folder=folder / "data",
            log_file=folder / "log.jsonl",
            simulated=equipment.simulated,
            sky=site.sky,
            wall=site.wall,
            acquisition_s=config.acquisition_s,
        )
        agent = TelescopeAgent(bench)
        courier = site.courier(agent, Rules.for_telescope(config.name))
        bench.wake = courier.wake
        # What was interrupted goes on first: a new trigger can wait the seconds until the tables are made.
        await agent.start()
        keeping = asyncio.create_task(_keeping(site, bench.folder, config).run())
        try:
            await planner.warm()
            await serve(site, courier, {"telescope": lambda _: agent.standing()}, before_end=agent.stop)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            bench.close()


def _keeping(site: Site, data: Path, config: settings.TelescopeSettings) -> Keeping:
    keep = None if config.keep_data_days is None else timedelta(days=config.keep_data_days)
    terms = Terms(keep=keep, free_bytes=int(config.keep_free_gb * 1e9))
    return Keeping(site.journal, data, terms, wall=site.wall)


async def _masters(observatory: Observatory, instrument: Instrument, path: Path) -> Masters:
    """Read the master calibration frames; take them first when there are none."""
    if await asyncio.to_thread(path.is_file):
        return await asyncio.to_thread(read_masters, path)
    log.info(
        "taking calibration frames (once, some minutes of sky time)", extra={"event": "calibration.taking"}
    )
    frames = await observatory.calibration_frames(instrument)
    masters = await asyncio.to_thread(build_masters, frames, instrument)
    await asyncio.to_thread(write_masters, masters, path)
    return masters


def _strategies(folder: Path, file: Path | None) -> Strategies:
    if file is None:
        return default_strategies()
    path = folder / file
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path}: {error.strerror}", hint="strategies_file in site.toml names it"
        ) from error
    return load_strategies(text, source=str(path))
