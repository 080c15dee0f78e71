"""A telescope's process."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

from agents.gft.bench import Bench
from agents.gft.drill.source import DrillCamera
from agents.gft.enclosures import Enclosures
from agents.gft.keeping import Keeping, Terms
from agents.gft.logbook import Logbook, logged
from agents.gft.observatory import Observatory
from agents.gft.planning import Planner
from agents.gft.reduction.field import FieldReduction
from agents.gft.service import TelescopeAgent
from console import settings
from console.agent import Site, open_site, serve
from console.calibrating import masters_of, no_masters
from console.drill import drill_commands
from console.equipment import equipped
from console.focus import focus_commands, focus_duty
from console.memory import give_back_large_blocks
from console.people import commands_of_people, show_in_prefect
from console.run_watchdog import watched
from console.site_papers import CALIBRATION, strategies_text
from console.state import agent_lock
from console.store_login import sftp_settings
from followup.names import CSC, RELAY, topic_of
from followup.strategy import load_strategies
from messaging.rules import Rules


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
    rules, source = strategies_text(folder, config.strategies_file)
    strategies = load_strategies(rules, source=source)
    logbook = Logbook(folder / "devices", site.sky)
    async with equipped(config, folder, site.sky) as equipment:
        camera = DrillCamera(equipment.telescope.camera)
        telescope = replace(equipment.telescope, camera=camera)
        observatory = Observatory(
            logged(telescope, logbook), site.sky, park_before_closing=config.safety.park_before_closing
        )
        planner = Planner(
            site=equipment.site,
            limits=config.safety,
            instrument=equipment.instrument,
            strategies=strategies,
            clock=site.sky,
        )
        bench = Bench(
            name=config.name,
            site=equipment.site,
            instrument=equipment.instrument,
            planner=planner,
            observatory=observatory,
            catalogue=equipment.catalogue,
            masters=no_masters(equipment.instrument),
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
            reduction=FieldReduction,
            limits=config.safety,
            run=agent_lock(folder).parent,
            watchdog=lambda: watched(folder) if config.devices == "indi" else None,
            enclosures=Enclosures(
                strategies=rules,
                logbook=logbook,
                settings={"acquisition_s": config.acquisition_s, "limits": asdict(config.safety)},
            ),
        )
        duty = focus_duty(bench, config)
        agent = TelescopeAgent(bench)
        courier = site.courier(agent, Rules.for_telescope(config.name))
        bench.wake = courier.wake
        beside: list[asyncio.Task[None]] = []

        async def begin() -> None:
            # Who had the telescope still has it; and people can take it, or give it back, from now on.
            await agent.command.restore()
            bench.masters = await masters_of(
                observatory, equipment.instrument, folder / CALIBRATION, agent.safety.signs
            )
            if duty is not None:
                await duty.restore()
            # What was interrupted goes on first: a new trigger can wait until the tables are made.
            await agent.start()
            beside.append(asyncio.create_task(_keeping(site, bench.folder, config).run()))
            await planner.warm()
            if duty is not None:
                beside.append(asyncio.create_task(duty.watch()))
            show_in_prefect(site, agent)

        commands = {"telescope": lambda _: agent.standing(), **focus_commands(duty)}
        commands |= drill_commands(agent, camera, config)
        commands |= commands_of_people(site, agent)
        try:
            await serve(site, courier, commands, begin=begin, before_end=agent.stop)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            bench.close()


def _keeping(site: Site, data: Path, config: settings.TelescopeSettings) -> Keeping:
    keep = None if config.keep_data_days is None else timedelta(days=config.keep_data_days)
    terms = Terms(keep=keep, free_bytes=int(config.keep_free_gb * 1e9))
    return Keeping(site.journal, data, terms, wall=site.wall)
