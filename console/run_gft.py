"""A telescope's process."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from agents.gft.bench import Bench
from agents.gft.observatory import Observatory
from agents.gft.planning import Planner
from agents.gft.reduction.calibration import Masters, build_masters, read_masters, write_masters
from agents.gft.service import TelescopeAgent
from console import settings
from console.agent import Site, open_site, serve
from console.memory import give_back_large_blocks
from console.run_csc import sftp_settings
from followup.errors import ConfigurationError
from followup.names import CSC, RELAY, topic_of
from followup.site import Instrument
from followup.strategy import Strategies, default_strategies, load_strategies
from messaging.rules import Rules
from simulators.scenario import read_scenario
from simulators.sites import known_telescope
from simulators.sky import SimulatedCatalogue, SimulatedSky
from simulators.telescope import simulated_telescope

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
    model = known_telescope(config.model)
    scenario = folder / config.scenario_file
    sky = SimulatedSky(read_scenario(scenario).seed)
    telescope = simulated_telescope(model, scenario, clock=site.sky)
    observatory = Observatory(telescope, site.sky)
    planner = Planner(
        site=model.site,
        instrument=model.instrument,
        strategies=_strategies(folder, config.strategies_file),
        clock=site.sky,
    )
    await planner.warm()
    masters = await _masters(observatory, model.instrument, folder / "calibration.fits")
    bench = Bench(
        name=config.name,
        site=model.site,
        instrument=model.instrument,
        planner=planner,
        observatory=observatory,
        catalogue=SimulatedCatalogue(sky),
        masters=masters,
        journal=site.journal,
        author=site.author,
        sftp=sftp,
        runner=site.runner,
        folder=folder / "data",
        log_file=folder / "log.jsonl",
        simulated=True,
        sky=site.sky,
        wall=site.wall,
    )
    agent = TelescopeAgent(bench)
    courier = site.courier(agent, Rules.for_telescope(config.name))
    bench.wake = courier.wake
    await agent.start()
    try:
        await serve(site, courier, {"telescope": lambda _: agent.standing()}, before_end=agent.stop)
    finally:
        bench.close()


async def _masters(observatory: Observatory, instrument: Instrument, path: Path) -> Masters:
    """Read the master calibration frames; take them first when there are none."""
    if await asyncio.to_thread(path.is_file):
        return await asyncio.to_thread(read_masters, path)
    log.info(
        "taking calibration frames (once, some minutes of sky time)", extra={"event": "calibration.taking"}
    )
    frames = await observatory.calibration_frames(instrument.filters)
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
