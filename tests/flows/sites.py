"""A process with all sites' agents, each showing its work in Prefect: campaigns on command.

A line with a burst's name triggers its telescope; the answers tell how the campaign gets on. With the word
``stuck`` behind it its exposures never end by themselves. Prefect reads its settings at import and starts
threads of its own, so this is not the process of the tests.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import agents.gft.reduction.field
from console.agent import make_runner
from followup.almanac import Almanac
from followup.campaign import What
from followup.figures import finding_chart, lightcurve, sed, visibility
from messaging.journal import Journal
from tests.agents.gft.reduction.observatory import small_telescope
from tests.agents.plain import PlainReduction, picture
from tests.agents.world import GFT, T0, Process, Stories, World, alert, until


def say(**answer: Any) -> None:
    print(json.dumps(answer), flush=True)


async def play(world: World, burst: str) -> None:
    """Trigger on a burst; tell when the telescope was told to move, and when all is over."""
    burst, *stuck = burst.split()
    if stuck:
        world.gft.faults["camera.expose"] = asyncio.Event().wait
    world.turn_back()
    [made] = await world.csc.agent.trigger(alert(burst=burst), [GFT])
    packet = made.packet
    assert packet is not None
    name = f"{burst}.{GFT}"
    stored = await world.csc.journal.read(lambda reader: reader.stored(packet.id))
    assert stored is not None
    while True:
        entries = await Journal.read(world.gft.journal, lambda reader: reader.entries(name))
        # It need not slew where it points already.
        if moved := [e.committed for e in entries if e.what in {What.SLEWING, What.EXPOSING}]:
            break
        await asyncio.sleep(0.01)
    say(moved=burst, seconds=(moved[0] - stored.committed).total_seconds())
    await until(lambda: name not in {*world.gft.agent.campaigns, *world.csc.agent.campaigns})
    ledger = await asyncio.to_thread(world.csc.archive.ledger, name)
    settled = all(entry.final is not None for entry in ledger)
    if stuck:
        say(stopped=burst, commands=world.gft.commands)
    say(over=burst, outcome=world.csc.archive.campaign(name).outcome, settled=settled)


async def main() -> None:
    folder, api_url = Path(sys.argv[1]), sys.argv[2]
    agents.gft.reduction.field.FieldReduction = PlainReduction  # type: ignore[assignment, misc]
    for module, drawn in {
        lightcurve: "light_curve_figure",
        finding_chart: "finding_chart_figure",
        sed: "sed_figure",
        visibility: "visibility_figure",
    }.items():
        setattr(module, drawn, picture)
    model = small_telescope(320)
    night = Almanac.tabulate(model.site, T0 - timedelta(minutes=10), hours=60.0)
    nothing: Any = None
    world = World(folder, model=model, masters=nothing, almanac=night)

    def runner(process: Process) -> Stories:
        shows: Any = make_runner(process.folder, process.user, api_url)
        return shows  # type: ignore[no-any-return]

    world.runner = runner
    await world.serve_files()
    await world.start()
    say(ready=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    async for line in commands:
        await play(world, line.decode().strip())
    for process in (world.gft, world.csc, world.relay):
        await process.agent.stop()
        await process.runner.settle(20.0)
        process.runner.close()
    await world.stop()


if __name__ == "__main__":
    asyncio.run(main())
