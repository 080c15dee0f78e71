"""A drill among real agents: announced, followed up, archived as a drill; and given up for a burst."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from agents.gft.drill.exercise import DRILLED, Drill, DrillRefusedError
from agents.gft.drill.report import DrillReport
from agents.gft.drill.source import CARD, DrillCamera
from agents.gft.drill.terms import DrillTerms, Stage
from agents.gft.frames import read_raw
from agents.gft.gate import HOLD
from followup.campaign import What
from tests.agents.world import GFT, World, alert, until
from voevent.kinds import Kind, Outcome

pytestmark = pytest.mark.integration


def drill_at(world: World, **terms: object) -> Drill:
    """Have drills held at the world's telescope: the camera in its place, a source that is well seen."""
    gft = world.gft
    observatory = gft.bench.observatory
    camera = DrillCamera(observatory.telescope.camera)
    observatory.telescope = replace(observatory.telescope, camera=camera)
    wanted = replace(DrillTerms(magnitude=15.0, fading=0.5, error_radius_deg=0.02), **terms)  # type: ignore[arg-type]
    return Drill(gft.bench, gft.agent, camera, wanted, random.Random(4))  # noqa: S311


async def test_a_drill_is_found_announced_and_archived_as_one(whole_world: World) -> None:
    world = whole_world
    report = await drill_at(world).hold("a test")
    assert report.found, report
    assert report.ended == ""
    assert report.frames >= 1
    assert report.missed == ()
    assert all(each.agrees for each in report.measured)
    assert report.measured
    assert [stage.stage for stage in report.stages] == list(Stage)
    reached = [stage.after_s for stage in report.stages]
    assert all(after is not None for after in reached)
    assert reached == sorted(reached, key=lambda after: after or 0.0)
    await until(lambda: not world.gft.agent.campaigns and not world.csc.agent.campaigns)
    await world.csc.agent.archivist.caught_up()
    archived = world.csc.archive.campaign(report.campaign)
    assert (archived.drill, archived.outcome) == (True, Outcome.COMPLETED)
    ledger = world.csc.archive.ledger(report.campaign)
    [trigger] = [entry for entry in ledger if entry.kind is Kind.TRIGGER]
    assert trigger.author == GFT
    assert all(entry.final is not None for entry in ledger)
    raw = next((world.gft.bench.folder / report.campaign / "raw").glob("*.fits.fz"))
    assert read_raw(raw).header[CARD] is True
    [kept] = [e for e in await world.gft.journal.read(lambda r: r.entries(GFT)) if e.what == DRILLED]
    assert kept.data["found"] is True


@pytest.mark.parametrize("simulated", [True, False], ids=["where all is a drill", "at a real telescope"])
async def test_a_burst_ends_a_drill(whole_world: World, simulated: bool) -> None:
    world = whole_world
    world.gft.bench.simulated = simulated
    exposing = world.gft.hold("camera.expose", 1)
    holding: asyncio.Task[DrillReport] = asyncio.ensure_future(drill_at(world).hold("a test"))
    await world.gft.told("camera.expose", 1)
    await world.trigger(alert(drill=False))
    report = await holding
    exposing.set()
    assert not report.passed
    assert report.ended == "a burst needs the telescope"
    await world.gft.noted(What.SLEWING)


async def test_a_hold_ends_a_drill_and_lets_none_begin(whole_world: World) -> None:
    world = whole_world
    drill = drill_at(world)
    exposing = world.gft.hold("camera.expose", 1)
    holding = asyncio.ensure_future(drill.hold("a test"))
    await world.gft.told("camera.expose", 1)
    with pytest.raises(DrillRefusedError, match="a drill is on already"):
        await drill.hold("a test")
    world.gft.bench.gate.shut(HOLD, "a person on the roof")
    report = await holding
    exposing.set()
    assert report.ended == "the telescope may not observe: hold: a person on the roof"
    await until(lambda: not world.gft.agent.campaigns)
    with pytest.raises(DrillRefusedError, match="a person on the roof"):
        await drill.hold("a test")


async def test_a_drill_that_is_broken_off_takes_its_campaign_along(whole_world: World) -> None:
    world = whole_world
    world.gft.hold("camera.expose", 1)
    holding = asyncio.ensure_future(drill_at(world).hold("a test"))
    await world.gft.told("camera.expose", 1)
    [name] = world.gft.agent.campaigns
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    assert holding.cancelled()
    await until(lambda: not world.gft.agent.campaigns)
    [stopped] = [e for e in await world.gft.entries(name) if e.what == What.STOPPED]
    assert stopped.data == {"outcome": Outcome.ABORTED, "reason": "the drill was broken off"}
    assert world.gft.commands.count("camera.expose") == 1


async def test_a_drill_does_not_outlive_the_agent(whole_world: World) -> None:
    world = whole_world
    world.gft.hold("camera.expose", 1)
    holding = asyncio.ensure_future(drill_at(world).hold("a test"))
    await world.gft.told("camera.expose", 1)
    [name] = world.gft.agent.campaigns
    await world.gft.kill()
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    await world.gft.start()
    await until(lambda: not world.gft.agent.campaigns)
    entries = await world.gft.entries(name)
    [stopped] = [e for e in entries if e.what == What.STOPPED]
    assert stopped.data == {"outcome": Outcome.ABORTED, "reason": "the agent ended during the drill"}
    assert What.CLOSED in {e.what for e in entries}
    assert world.gft.commands.count("camera.expose") == 1


async def test_where_work_is_to_be_done_there_is_no_drill(whole_world: World) -> None:
    await whole_world.trigger(alert())
    await until(lambda: whole_world.gft.agent.campaigns)
    with pytest.raises(DrillRefusedError, match="the telescope has work to do"):
        await drill_at(whole_world).hold("a test")
