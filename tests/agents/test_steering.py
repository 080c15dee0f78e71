"""What people, the weather and broken devices do to a campaign."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from followup.campaign import What
from followup.errors import DeviceError
from followup.story import Said, StepState
from tests.agents.world import CAMPAIGN, CENTRE, EXPOSURES, World, alert, below_horizon, until
from voevent.kinds import Kind, Outcome, ReceiptOutcome, StatusState, TaskOutcome
from voevent.packet import SkyPosition
from voevent.parse import parse
from voevent.svom import SvomPacketType

uploads = pytest.mark.integration
"""The logs of every campaign that was begun are uploaded to a real store."""


pytestmark = pytest.mark.usefixtures("plain")


def statuses(world: World) -> list[str]:
    """States that the telescope told of, in order."""
    packets = world.csc.archive.packets(CAMPAIGN, Kind.STATUS)
    raws = [world.csc.archive.raw(p.id) for p in sorted(packets, key=lambda p: p.sequence or 0)]
    return [parse(raw).param("state") or "" for raw in raws if raw is not None]


def heard(world: World, text: str) -> bool:
    """Whether the telescope's story says so."""
    return any(isinstance(event, Said) and text in event.text for event in world.gft.runner.last._events)


async def looked(world: World, times: int = 3) -> None:
    """Wait until the safety watch has looked at the weather so often again."""
    left = iter(range(times - 1))
    enough = asyncio.Event()

    async def look() -> None:
        if next(left, None) is None:
            enough.set()

    world.gft.faults["weather.reading"] = look
    await enough.wait()
    del world.gft.faults["weather.reading"]


def final(world: World, kind: Kind, number: int = -1) -> ReceiptOutcome:
    """The final receipt of a packet of this kind."""
    entries = [entry for entry in world.csc.archive.ledger(CAMPAIGN) if entry.kind is kind]
    receipt = entries[number].final
    assert receipt is not None
    return receipt.outcome


async def test_a_trigger_is_refused(world: World) -> None:
    await world.trigger(alert(position=below_horizon()))
    at_telescope, at_centre = await world.over()
    for end in (at_telescope, at_centre):
        assert (end.state, end.name) == (StepState.COMPLETED, "Declined")
        assert "never above 20 deg" in end.message
    await world.csc.agent.archivist.caught_up()
    assert world.csc.archive.campaign(CAMPAIGN).outcome is Outcome.DECLINED
    assert final(world, Kind.TRIGGER) is ReceiptOutcome.REFUSED
    assert world.gft.used_for == []
    assert world.csc.agent.campaigns == {}
    assert world.gft.agent.campaigns == {}


async def test_a_retraction_of_what_was_refused(world: World) -> None:
    await world.trigger(alert(position=below_horizon()))
    await world.over()
    await world.trigger(alert(SvomPacketType.RETRACTION, position=None, after_s=300.0))
    end = await world.csc.runner.ended(2)
    assert end.state is StepState.COMPLETED
    assert world.gft.used_for == []


@uploads
async def test_a_better_position_after_a_refusal(whole_world: World) -> None:
    world = whole_world
    await world.trigger(alert(position=below_horizon()))
    await world.over()
    await world.trigger(alert(SvomPacketType.MXT_INITIAL, after_s=90.0))
    assert (await world.gft.runner.ended(2)).name == "Closed"
    assert (await world.csc.runner.ended(2)).name == "Closed"
    assert await world.gft.begun() == dict.fromkeys(EXPOSURES, 1)


@uploads
async def test_a_better_position_during_the_campaign(whole_world: World) -> None:
    world = whole_world
    go_on = world.gft.hold("camera.expose", 2)
    await world.trigger(alert())
    await world.gft.told("camera.expose", 2)
    better = SkyPosition(ra_deg=CENTRE.ra_deg + 0.01, dec_deg=CENTRE.dec_deg + 0.01, error_radius_deg=0.02)
    await world.trigger(alert(SvomPacketType.MXT_INITIAL, position=better, after_s=200.0))
    await until(partial(heard, world, "later trigger"))
    go_on.set()
    assert (await world.gft.runner.ended()).name == "Closed"
    assert (await world.csc.runner.ended()).name == "Closed"
    entries = await world.gft.entries()
    targets = [entry.data["target"] for entry in entries if entry.what == What.SLEWING]
    assert targets == ["95.0000 +40.0000", "95.0100 +40.0100"]
    assert await world.gft.begun() == dict.fromkeys(EXPOSURES, 1)
    trigger = world.csc.archive.campaign(CAMPAIGN).trigger
    assert trigger is not None
    assert trigger.revision == 1


@uploads
async def test_a_later_trigger_reaches_who_waits_for_a_receipt(whole_world: World) -> None:
    world = whole_world
    world.downloading.clear()
    await world.trigger(alert())
    await world.gft.noted(What.UPLOADED, dataset="t1")
    await world.trigger(alert(SvomPacketType.MXT_INITIAL, after_s=200.0))
    await until(partial(heard, world, "later trigger"))
    world.downloading.set()
    assert (await world.gft.runner.ended()).name == "Closed"
    archived = [e.data["dataset"] for e in await world.gft.entries() if e.what == What.ARCHIVED]
    assert sorted(archived) == ["logs", "t1", "t2"]


@uploads
@pytest.mark.parametrize("how", ["retraction", "cancellation", "observe story", "follow-up story"])
async def test_the_telescope_is_stopped(whole_world: World, how: str) -> None:
    world = whole_world
    world.gft.hold("camera.expose", 2)
    await world.trigger(alert())
    await world.gft.told("camera.expose", 2)
    outcome, reason = Outcome.ABORTED, "somebody said so"
    match how:
        case "retraction":
            await world.trigger(alert(SvomPacketType.RETRACTION, position=None, after_s=300.0))
            outcome, reason = Outcome.RETRACTED, "the burst was retracted"
        case "cancellation":
            await world.csc.agent.call_off(next(iter(world.csc.agent.campaigns.values())).name, reason)
        case "observe story":
            # As a reader does: from its own thread.
            await asyncio.to_thread(world.gft.runner.last.on_cancel, reason)
        case _:
            await asyncio.to_thread(world.csc.runner.last.on_cancel, reason)
    at_telescope, at_centre = await world.over()
    expected = {
        Outcome.RETRACTED: (StepState.COMPLETED, "Retracted"),
        Outcome.ABORTED: (StepState.CANCELLED, "Aborted"),
    }[outcome]
    assert (at_telescope.state, at_telescope.name) == expected
    assert (at_centre.state, at_centre.name) == expected
    assert at_telescope.message == reason
    campaign = world.csc.archive.campaign(CAMPAIGN)
    assert campaign.outcome is outcome
    assert [(t.task, t.outcome) for t in campaign.tasks] == [
        ("t1", TaskOutcome.PARTIAL),
        ("t2", TaskOutcome.SKIPPED),
    ]
    assert "camera.abort" in world.gft.commands
    assert world.gft.commands.index("mount.stop") > world.gft.commands.index("camera.expose")
    assert world.gft.commands.count("camera.expose") == 2
    # What was taken until then is delivered.
    assert {d.dataset: d.stored for d in world.csc.archive.datasets(CAMPAIGN)} == {"t1": True, "logs": True}
    names = {file.name for file in world.csc.archive.files(CAMPAIGN)}
    assert {name for name in names if name.startswith("raw/")} == {f"raw/{EXPOSURES[0]}.fits.fz"}
    assert statuses(world) == [StatusState.PLAN, StatusState.ABORT]


@uploads
async def test_the_weather_turns_and_clears(whole_world: World) -> None:
    world = whole_world

    async def rain() -> None:
        del world.gft.faults["camera.expose"]
        world.gft.weather(safe=False, reason="rain")
        await asyncio.Event().wait()  # an exposure that would last all night

    world.gft.faults["camera.expose"] = rain
    await world.trigger(alert())
    await until(lambda: {"dome.close", "mount.park"} <= set(world.gft.commands))
    closed_at = len(world.gft.commands)
    await looked(world)
    assert len(world.gft.commands) == closed_at, "nothing moves while it rains"
    world.gft.weather(safe=True)
    at_telescope, _ = await world.over()
    assert at_telescope.name == "Closed"
    order = [c for c in world.gft.commands if c in {"camera.expose", "dome.open", "dome.close", "mount.park"}]
    assert order[:2] == ["dome.open", "camera.expose"]
    assert set(order[2:4]) == {"mount.park", "dome.close"}, "together"
    assert order[4:6] == ["dome.open", "camera.expose"]
    assert statuses(world) == [StatusState.PLAN, StatusState.UNSAFE, StatusState.CLEAR]
    begun = await world.gft.begun()
    assert begun == dict.fromkeys(EXPOSURES, 1) | {EXPOSURES[0]: 2}, "ended by the rain, and repeated"
    assert heard(world, "unsafe: safety: weather station: rain (limit: its own)")


async def test_the_weather_turns_while_nobody_observes(world: World) -> None:
    """The dome may stand open: an earlier process opened it, or the next visit is hours away."""
    await looked(world)
    assert world.gft.used_for == [], "it is safe"
    world.gft.weather(safe=False, reason="rain")
    await until(lambda: world.gft.bench.observatory.sheltered)
    await looked(world)
    assert sorted(world.gft.commands) == ["camera.abort", "dome.close", "mount.park"], "once"


@uploads
@pytest.mark.parametrize("said", [{"safe": True, "age_s": 600.0}, {"nonsense": 1}])
async def test_weather_that_nobody_sees_is_bad_weather(whole_world: World, said: dict[str, object]) -> None:
    world = whole_world
    world.gft.weather(**said)
    await world.trigger(alert())
    await world.gft.noted(What.PLANNED)
    await until(partial(heard, world, "unsafe: "))
    await looked(world)
    assert "mount.slew" not in world.gft.commands
    world.gft.weather(safe=True)
    at_telescope, _ = await world.over()
    assert at_telescope.name == "Closed"


@uploads
async def test_a_device_error_fails_the_task_with_its_reason(whole_world: World) -> None:
    world = whole_world
    stuck = DeviceError("camera", "the shutter is stuck", hint="call somebody")
    world.gft.fail("camera.expose", stuck)
    await world.trigger(alert())
    at_telescope, _ = await world.over()
    assert at_telescope.name == "Closed", "the second task went well"
    tasks = {t.task: t for t in world.csc.archive.campaign(CAMPAIGN).tasks}
    assert tasks["t1"].outcome is TaskOutcome.FAILED
    assert tasks["t1"].reason == "camera: the shutter is stuck (call somebody)"
    assert tasks["t2"].outcome is TaskOutcome.DONE


@uploads
async def test_a_telescope_that_cannot_move_fails_the_campaign(whole_world: World) -> None:
    world = whole_world
    world.gft.fail("mount.slew", DeviceError("mount", "a motor is off"), times=100)
    await world.trigger(alert())
    at_telescope, at_centre = await world.over()
    for end in (at_telescope, at_centre):
        assert (end.state, end.name, end.message) == (StepState.FAILED, "Failed", "mount: a motor is off")
    campaign = world.csc.archive.campaign(CAMPAIGN)
    assert campaign.outcome is Outcome.FAILED
    assert [t.outcome for t in campaign.tasks] == [TaskOutcome.FAILED, TaskOutcome.FAILED]


@uploads
async def test_a_mount_that_may_be_asked_again(whole_world: World) -> None:
    world = whole_world
    world.gft.fail("mount.slew", DeviceError("mount", "busy", retriable=True), times=2)
    await world.trigger(alert())
    at_telescope, _ = await world.over()
    assert at_telescope.name == "Closed"
    assert [t.outcome for t in world.csc.archive.campaign(CAMPAIGN).tasks] == [TaskOutcome.DONE] * 2
