"""Two campaigns at once, while all sites die again and again, before or after whatever they commit."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from followup.campaign import What
from messaging.journal import Journal
from tests.agents.test_resume import check_complete
from tests.agents.world import BURST, EXPOSURES, GFT, Chance, Process, World, alert, until
from voevent.kinds import Outcome
from voevent.packet import SkyPosition

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("plain")]

OTHER = "sb26112202"
NAMES = (f"{BURST}.{GFT}", f"{OTHER}.{GFT}")
DEATHS = 12
"""Of each site."""


async def perish(process: Process, chance: Chance) -> None:
    """Have a process die, and its successors too, as chance has it."""
    while chance.left:
        process.journal.fuse = chance
        await process.dies()
        await asyncio.sleep(0.05)
        await process.start()


async def closed(world: World) -> None:
    """Wait until the science centre has accepted both closings."""

    def look() -> bool:
        known = {campaign.name: campaign for campaign in world.csc.archive.campaigns()}
        return all(
            name in known
            and known[name].outcome is not None
            and all(entry.final for entry in world.csc.archive.ledger(name))
            for name in NAMES
        )

    await until(look)


@pytest.mark.parametrize("seed", [1])
async def test_all_sites_die_at_random(whole_world: World, seed: int) -> None:
    world = whole_world
    chances = {
        process: Chance(random.Random(f"{seed} {process.user}"), one_in=one_in, deaths=DEATHS)  # noqa: S311 - of tests
        for process, one_in in ((world.gft, 8), (world.csc, 10), (world.relay, 10))
    }
    beside = SkyPosition(ra_deg=96.0, dec_deg=41.0, error_radius_deg=0.04)
    await world.trigger(alert())
    await world.trigger(alert(burst=OTHER, position=beside))
    async with asyncio.TaskGroup() as group:
        for process, chance in chances.items():
            group.create_task(perish(process, chance))
    await closed(world)
    deaths = 0
    for name in NAMES:
        await check_complete(world, name)
        assert world.csc.archive.campaign(name).outcome is Outcome.COMPLETED
        entries = await Journal.read(world.gft.journal, lambda reader, name=name: reader.entries(name))
        begun = Counter(e.data["exposure"] for e in entries if e.what == What.EXPOSING)
        exposed = Counter(e.data["exposure"] for e in entries if e.what == What.EXPOSED)
        assert exposed == Counter(EXPOSURES), "each once"
        deaths += begun.total() - len(EXPOSURES)
    assert deaths <= DEATHS, "no more is repeated than was in flight"
