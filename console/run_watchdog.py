"""A telescope's watchdog: a process that shares nothing with the agent but the site's folder."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from pathlib import Path

from console import settings
from console.equipment import limited
from console.state import agent_lock, watchdog_lock
from console.tenure import holder
from console.watchdog import show_life
from followup.clock import WallClock
from followup.errors import ConfigurationError

log = logging.getLogger(__name__)


async def run_watchdog(folder: Path) -> None:
    """Watch over a telescope until told to end.

    Raises
    ------
    ConfigurationError
        When its devices are simulated: they are in the agent's process, and end with it.
    """
    config = settings.read(settings.TelescopeSettings, folder)
    indi = config.over_indi()
    if indi is None:
        raise ConfigurationError(
            f"the devices of {config.name} are simulated: they end with its agent",
            hint="a watchdog is for telescopes over INDI",
        )
    from agents.gft.conditions import Conditions  # noqa: PLC0415 - loads the INDI library
    from agents.gft.guard import Guard  # noqa: PLC0415
    from agents.gft.indi.lookout import lookout  # noqa: PLC0415
    from agents.gft.signs import Signs  # noqa: PLC0415
    from agents.gft.watchdog import Watchdog  # noqa: PLC0415

    site, limits, sky, wall = (
        limited(indi.place.site(), config.safety),
        config.safety,
        config.clock(),
        WallClock(),
    )
    async with lookout(
        indi.devices.settings(), site, sky=sky, wall=wall, park_before_closing=limits.park_before_closing
    ) as seen:
        watchdog = Watchdog(
            seen,
            Conditions(seen.reading, site=site, limits=limits, folder=folder, sky=sky, wall=wall),
            guard=Guard(agent_away_s=limits.agent_away_s),
            signs=Signs(agent_lock(folder).parent),
            runs=lambda: holder(agent_lock(folder)) is not None,
            wall=wall,
        )
        log.info("watching over %s", config.name, extra={"event": "watchdog.watches", "site": config.name})
        tasks = [asyncio.create_task(watchdog.run()), asyncio.create_task(show_life())]
        await _told_to_end()
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
    log.info("the watchdog of %s ends", config.name, extra={"event": "watchdog.ended", "site": config.name})


def watched(folder: Path) -> str:
    """Tell who watches over the telescope of a folder; empty for nobody."""
    pid = holder(watchdog_lock(folder))
    return "" if pid is None else f"process {pid}"


async def _told_to_end() -> None:
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    await ending.wait()
