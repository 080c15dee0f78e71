"""Records a small campaign of all three sites: ``python -m tests.console.replay.record FOLDER``.

The bundles beside it were written so; in `bundles/centre` is one that the telescope would not repeat: the sky
went 200 times as fast, and it was called off before it had planned. They are kept as they are: what a later
program cannot read, or replays otherwise, is what the tests are to find. Write new ones beside them when what
telescopes record has changed.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from agents.gft.enclosures import Enclosures
from agents.gft.logbook import Logbook, logged
from archive.archive import Archive
from archive.bundle.export import export_campaign
from console.run_csc import _archive as open_archive
from followup.almanac import Almanac
from followup.names import CampaignName
from tests.agents.conftest import T0, night_masters
from tests.agents.gft.reduction.observatory import small_telescope
from tests.agents.world import CAMPAIGN, STRATEGIES, World, alert, until


async def record(folder: Path, *, spoilt: str = "", called_off: str = "") -> Archive:
    """Have a campaign go on in a folder; give the archive that it ended in.

    Parameters
    ----------
    spoilt
        Dataset of which a file is damaged at the relay, once.
    called_off
        Why it is called off as soon as the telescope has accepted it; empty for not at all.
    """
    model = small_telescope(320)
    almanac = Almanac.tabulate(model.site, T0 - timedelta(minutes=10), hours=60.0)
    world = World(folder, model=model, masters=night_masters._get_wrapped_function()(), almanac=almanac)
    world.spoilt = {spoilt: 1} if spoilt else {}
    await world.serve_files()
    await world.start()
    bench = world.gft.bench
    logbook = Logbook(folder / "devices", bench.sky)
    bench.enclosures = Enclosures(strategies=STRATEGIES, logbook=logbook)
    bench.observatory.telescope = logged(bench.observatory.telescope, logbook)
    await world.trigger(alert())
    if called_off:
        await until(lambda: any(c._accepted for c in world.csc.agent.campaigns.values()))
        await world.csc.agent.call_off(CampaignName.parse(CAMPAIGN), called_off)
    await world.over()
    await world.stop()
    return await asyncio.to_thread(open_archive, world.csc.folder, "")


def main(bundles: Path) -> None:
    """Record all of them."""
    wanted: dict[str, dict[str, str]] = {
        "small": {},
        "repaired": {"spoilt": "t1"},
        "called-off": {"called_off": "the Moon is too near"},
    }
    with tempfile.TemporaryDirectory() as scratch:
        for name, how in wanted.items():
            folder = Path(scratch) / name
            folder.mkdir()
            with asyncio.run(record(folder, **how)) as archive:
                export_campaign(archive, CAMPAIGN, bundles / f"{name}-light.tar.zst", light=True)
                if name == "small":
                    export_campaign(archive, CAMPAIGN, bundles / f"{name}.tar.zst")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
