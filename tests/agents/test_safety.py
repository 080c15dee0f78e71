"""Safety as campaigns meet it: limits of the mount end a task, a dome that does not shut is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from followup.campaign import What
from followup.errors import DeviceError
from tests.agents.world import CAMPAIGN, EXPOSURES, World, alert, until
from voevent.kinds import Kind, Status, StatusState, TaskOutcome
from voevent.parse import parse
from voevent.read import read

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("plain")]


def statuses(world: World) -> list[Status]:
    packets = world.csc.archive.packets(CAMPAIGN, Kind.STATUS)
    raws = [world.csc.archive.raw(p.id) for p in sorted(packets, key=lambda p: p.sequence or 0)]
    contents = [read(parse(raw))[1] for raw in raws if raw is not None]
    return [content for content in contents if isinstance(content, Status)]


async def test_a_target_that_leaves_the_limits_ends_its_task_with_the_reason(whole_world: World) -> None:
    world, gft = whole_world, whole_world.gft
    go_on = gft.hold("camera.expose", 1)
    await world.trigger(alert())
    await gft.told("camera.expose", 1)
    gft.bench.limits = replace(gft.bench.limits, max_altitude_deg=30.0)  # as if hours had passed
    go_on.set()
    at_telescope, _ = await world.over()
    assert at_telescope.name == "Closed"
    tasks = {t.task: t for t in world.csc.archive.campaign(CAMPAIGN).tasks}
    assert (tasks["t1"].outcome, tasks["t1"].exposures) == (TaskOutcome.PARTIAL, 1)
    assert tasks["t1"].reason.startswith("the target leaves what the mount may look at: zenith: altitude ")
    assert tasks["t2"].outcome is TaskOutcome.SKIPPED
    assert [status.state for status in statuses(world)] == [StatusState.PLAN], "that is no weather"


async def test_a_dome_that_does_not_shut_is_told_to_the_science_centre(whole_world: World) -> None:
    world, gft = whole_world, whole_world.gft
    go_on = gft.hold("camera.expose", 1)
    await world.trigger(alert())
    await gft.told("camera.expose", 1)
    gft.fail("dome.close", DeviceError("dome", "the shutter is stuck", hint="go and look"), times=10_000)
    gft.weather(safe=False, reason="rain")
    await until(lambda: gft.bench.observatory.trouble)
    go_on.set()
    await until(lambda: any("NOT SHELTERED" in status.text for status in statuses(world)))
    assert (await gft.agent.standing())["safety"]["not_sheltered"] == (
        "dome: the shutter is stuck (go and look)"
    )
    del gft.faults["dome.close"]
    gft.weather(safe=True)
    at_telescope, _ = await world.over()
    assert at_telescope.name == "Closed"
    begun = await gft.begun()
    assert begun == dict.fromkeys(EXPOSURES, 1) | {EXPOSURES[0]: 2}
    states = [status.state for status in statuses(world)]
    assert states[:2] == [StatusState.PLAN, StatusState.UNSAFE]
    assert states[-1] is StatusState.CLEAR
    assert (await gft.noted(What.EXPOSED, exposure=EXPOSURES[0])).data["file"]
