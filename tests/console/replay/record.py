"""Records a small campaign of all three sites: ``python -m tests.console.replay.record FOLDER``.

The bundles beside it were written so. They are kept as they are: what a later program cannot read, or replays
otherwise, is what the tests are to find. Write new ones beside them when what telescopes record has changed.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from agents.gft.enclosures import Enclosures
from agents.gft.logbook import Logbook, logged
from archive.bundle.export import export_campaign
from followup.almanac import Almanac
from tests.agents.conftest import T0, night_masters
from tests.agents.gft.reduction.observatory import small_telescope
from tests.agents.world import CAMPAIGN, STRATEGIES, World, alert


async def record(folder: Path, bundles: Path) -> None:
    """Have a campaign go on in a folder, and write it into bundles."""
    model = small_telescope(320)
    almanac = Almanac.tabulate(model.site, T0 - timedelta(minutes=10), hours=60.0)
    world = World(folder, model=model, masters=night_masters._get_wrapped_function()(), almanac=almanac)
    await world.serve_files()
    await world.start()
    bench = world.gft.bench
    logbook = Logbook(folder / "devices", bench.sky)
    bench.enclosures = Enclosures(strategies=STRATEGIES, logbook=logbook)
    bench.observatory.telescope = logged(bench.observatory.telescope, logbook)
    await world.trigger(alert())
    await world.over()
    for name, light in (("small", False), ("small-light", True)):
        export_campaign(world.csc.archive, CAMPAIGN, bundles / f"{name}.tar.zst", light=light)
    await world.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(record(Path(scratch), Path(sys.argv[1])))
