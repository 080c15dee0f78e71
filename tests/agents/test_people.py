"""People in charge of a telescope: hold, park, take over, abort; and what the others hear of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import agents.gft.safety
from agents.gft.command import NotParkedError, OrderRefusedError
from agents.gft.gate import PEOPLE
from agents.gft.live import live
from agents.gft.orders import Person
from followup.campaign import What
from followup.errors import DeviceError
from followup.story import Said
from tests.agents.world import CAMPAIGN, EXPOSURES, World, alert, until
from voevent.kinds import Kind, Outcome, StatusState
from voevent.parse import parse

ANA = Person(name="Ana", login="ops", host="dome")
EVA = Person(name="eva", login="eva", host="office")
uploads = pytest.mark.integration
"""The logs of every campaign that was begun are uploaded to a real store."""

pytestmark = pytest.mark.usefixtures("plain")


def told(world: World) -> list[tuple[str, str]]:
    """What the science centre was told of the telescope's condition in the campaign, in order."""
    packets = world.csc.archive.packets(CAMPAIGN, Kind.STATUS)
    raws = [world.csc.archive.raw(p.id) for p in sorted(packets, key=lambda p: p.sequence or 0)]
    said = [(p.param("state") or "", p.param("text") or "") for raw in raws if raw for p in (parse(raw),)]
    return [each for each in said if each[0] != StatusState.PLAN]


async def state_of(world: World) -> str:
    return str((await live(world.gft.bench, world.gft.agent.command))["state"])


@uploads
async def test_a_hold_lets_the_exposure_end_and_begins_no_other(whole_world: World) -> None:
    world = whole_world
    command = world.gft.agent.command
    release = world.gft.hold("camera.expose", 1)
    await world.trigger(alert())
    await world.gft.told("camera.expose", 1)
    assert await state_of(world) == "observing"
    await command.hold(ANA, "guests in the dome")
    assert await state_of(world) == "ends its exposure, then held"
    release.set()
    await world.gft.noted(What.EXPOSED, exposure=EXPOSURES[0])
    await until(
        lambda: any(isinstance(e, Said) and e.text.startswith("hold:") for e in world.gft.runner.last._events)
    )
    assert await state_of(world) == "held"
    assert world.gft.commands.count("camera.expose") == 1
    assert "camera.abort" not in world.gft.commands
    document = await live(world.gft.bench, command)
    assert document["hold"]["by"] == "Ana (ops@dome)"
    assert document["hold"]["reason"] == "guests in the dome"
    assert [task["task"] for task in document["campaigns"][0]["tasks"] if task["ended"] is None] == [
        "t1",
        "t2",
    ]
    assert [frame["frame"] for frame in document["frames"]] == [EXPOSURES[0]]
    await command.resume(EVA, "they have gone")
    at_telescope, _ = await world.over()
    assert at_telescope.name == "Closed"
    assert await world.gft.begun() == dict.fromkeys(EXPOSURES, 1)
    assert told(world) == [
        (StatusState.HOLD, "held by Ana (ops@dome): guests in the dome"),
        (StatusState.CLEAR, "resumed by eva@office: they have gone"),
    ]


@uploads
async def test_a_hold_at_once_ends_the_exposure_which_is_taken_again(whole_world: World) -> None:
    world = whole_world
    command = world.gft.agent.command
    world.gft.hold("camera.expose", 1)
    await world.trigger(alert())
    await world.gft.told("camera.expose", 1)
    await command.hold(ANA, "a bat in the dome", at_once=True)
    await until(lambda: "camera.abort" in world.gft.commands and "mount.stop" in world.gft.commands)
    await command.resume(ANA, "")
    at_telescope, _ = await world.over()
    assert at_telescope.name == "Closed"
    assert await world.gft.begun() == {**dict.fromkeys(EXPOSURES, 1), EXPOSURES[0]: 2}


@uploads
async def test_who_holds_it_still_does_when_the_agent_was_killed(whole_world: World) -> None:
    world = whole_world
    await world.gft.agent.command.hold(ANA, "guests in the dome")
    await world.gft.kill()
    await world.gft.start()
    command = world.gft.agent.command
    assert str(command.in_force).startswith("held by Ana (ops@dome) since ")
    await world.trigger(alert())
    await world.gft.noted(What.PLANNED)
    # The campaign began afterwards: it hears of the hold when it would begin.
    await until(
        lambda: any(isinstance(e, Said) and e.text.startswith("hold:") for e in world.gft.runner.last._events)
    )
    assert {c for c in world.gft.commands if c.startswith(("mount.", "camera.", "dome."))} <= {"dome.is_open"}
    await command.resume(ANA, "they have gone")
    at_telescope, _ = await world.over()
    assert at_telescope.name == "Closed"
    assert [state for state, _ in told(world)] == [StatusState.HOLD, StatusState.CLEAR]
    [trigger] = [e for e in world.csc.archive.ledger(CAMPAIGN) if e.kind is Kind.TRIGGER]
    assert trigger.final is not None
    assert "held by Ana (ops@dome)" in trigger.final.reason


async def test_a_person_has_the_devices_in_hand(world: World) -> None:
    command, commands = world.gft.agent.command, world.gft.commands
    await command.take_over(ANA, "the mirror is washed", park=False)
    assert "mount.stop" in commands
    before = list(commands)
    assert await state_of(world) == "taken over"
    with pytest.raises(OrderRefusedError, match="taken over by Ana") as refused:
        await command.take_over(EVA, "me too", park=False)
    assert "giveback" in refused.value.hint
    await command.hold(EVA, "and then clouds")
    still = await command.resume(EVA, "")
    assert still.takeover is not None, "a hold is ended, not a takeover"
    with pytest.raises(OrderRefusedError, match="nobody holds"):
        await command.resume(EVA, "")
    await world.trigger(alert())
    await world.gft.noted(What.PLANNED)
    await command.abort(CAMPAIGN, EVA, "not tonight")
    assert commands == before, "hands off"
    await command.give_back(EVA, "it is clean")
    assert not world.gft.bench.gate.shut_by(*PEOPLE)
    with pytest.raises(OrderRefusedError, match="nobody has taken"):
        await command.give_back(EVA, "")


async def test_a_telescope_is_parked_when_nothing_is_under_way(world: World) -> None:
    command = world.gft.agent.command
    await command.park(ANA, "the end of the night")
    assert {"mount.park", "dome.close"} <= set(world.gft.commands)
    assert await state_of(world) == "parked"
    condition = await command.condition()
    assert condition.held
    assert "parked by Ana (ops@dome)" in condition.text
    await command.let_go("Prefect UI", "its work pool was resumed")
    assert not (await command.condition()).held
    entries = await world.gft.journal.read(lambda reader: reader.entries(world.gft.bench.name))
    assert [(entry.what, entry.data["name"]) for entry in entries] == [
        ("ordered-park", "Ana"),
        ("ordered-resume", "Prefect UI"),
    ]


async def broken() -> None:
    raise DeviceError("mount", "it did not park")


async def test_a_telescope_that_did_not_park_is_told_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents.gft.safety, "_AGAIN_S", 0.05)
    command, commands = world.gft.agent.command, world.gft.commands
    world.gft.faults["mount.park"] = broken
    with pytest.raises(NotParkedError, match="could not be made safe: mount: it did not park"):
        await command.park(ANA, "the end of the night")
    await until(lambda: commands.count("mount.park") > 1)
    assert world.gft.agent.safety.standing()["not_sheltered"] == "mount: it did not park"
    del world.gft.faults["mount.park"]
    await until(lambda: world.gft.bench.observatory.sheltered)
    assert await state_of(world) == "parked"


async def test_a_park_that_was_cut_short_by_a_kill_is_carried_out_by_the_next_process(world: World) -> None:
    parking, buried = asyncio.Event(), asyncio.Event()

    async def hangs() -> None:
        parking.set()
        await buried.wait()
        raise DeviceError("mount", "nobody speaks to it any more")

    world.gft.faults["mount.park"] = hangs
    ordered = asyncio.ensure_future(world.gft.agent.command.park(ANA, "the end of the night"))
    await parking.wait()
    await world.gft.kill()
    del world.gft.faults["mount.park"]
    buried.set()
    with pytest.raises(NotParkedError):
        await ordered
    before = world.gft.commands.count("mount.park")
    await world.gft.start()
    await until(lambda: world.gft.bench.observatory.sheltered)
    assert world.gft.commands.count("mount.park") > before


async def test_who_has_it_in_hand_is_told_that_it_is_not_parked_and_left_alone(world: World) -> None:
    command, commands, safety = world.gft.agent.command, world.gft.commands, world.gft.agent.safety
    world.gft.faults["mount.park"] = broken
    with pytest.raises(NotParkedError):
        await command.take_over(ANA, "the mirror is washed", park=True)
    before = list(commands)
    for _ in range(3):
        await safety.look()
    assert commands == before, "hands off"
    assert safety.standing()["not_sheltered"] == "mount: it did not park"
    await world.gft.kill()
    await world.gft.start()
    await world.gft.agent.safety.look()
    assert commands == before
    assert world.gft.agent.safety.standing()["not_sheltered"].startswith("it is not known whether")


@pytest.mark.parametrize("park", [True, False])
async def test_a_dome_that_a_person_has_shut_is_no_breach(world: World, *, park: bool) -> None:
    command, observatory = world.gft.agent.command, world.gft.bench.observatory
    observatory.opened = True
    await command.take_over(ANA, "the mirror is washed", park=park)
    assert not observatory.opened
    observatory.opened = True
    await command.give_back(ANA, "it is clean")
    assert not observatory.opened
    assert observatory.unknown, "nobody knows what was done to it"


async def test_of_two_who_take_it_over_at_the_same_time_one_is_refused(world: World) -> None:
    command = world.gft.agent.command
    outcomes = await asyncio.gather(
        command.take_over(ANA, "mine", park=False),
        command.take_over(EVA, "mine", park=False),
        return_exceptions=True,
    )
    assert [isinstance(outcome, OrderRefusedError) for outcome in outcomes] == [False, True]
    gone = await asyncio.gather(
        command.give_back(ANA, ""), command.give_back(EVA, ""), return_exceptions=True
    )
    assert [isinstance(outcome, OrderRefusedError) for outcome in gone] == [False, True]
    await command.hold(ANA, "")
    gone = await asyncio.gather(command.resume(ANA, ""), command.resume(EVA, ""), return_exceptions=True)
    assert [isinstance(outcome, OrderRefusedError) for outcome in gone] == [False, True]


async def test_an_order_that_nobody_waits_for_any_more_is_obeyed_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, journal = world.gft.agent.command, world.gft.journal
    begun, goes_on, write = asyncio.Event(), asyncio.Event(), journal.write

    async def slow(work: Any) -> Any:
        begun.set()
        await goes_on.wait()
        return await write(work)

    monkeypatch.setattr(journal, "write", slow)
    ordering = asyncio.ensure_future(command.hold(ANA, "guests"))
    await begun.wait()
    ordering.cancel()
    await asyncio.gather(ordering, return_exceptions=True)
    assert ordering.cancelled()
    goes_on.set()
    await until(lambda: world.gft.bench.gate.shut_by(*PEOPLE))
    assert not (await command.resume(ANA, "")).hold


@uploads
async def test_a_campaign_is_aborted_at_its_telescope(whole_world: World) -> None:
    world = whole_world
    command = world.gft.agent.command
    world.gft.hold("camera.expose", 2)
    await world.trigger(alert())
    await world.gft.told("camera.expose", 2)
    stopped_s = await command.abort(CAMPAIGN, ANA, "a satellite passes")
    assert stopped_s is not None
    begun = [n for n, command in enumerate(world.gft.commands) if command == "camera.expose"]
    assert len(begun) == 2
    assert set(world.gft.commands[begun[-1] + 1 :]) == {"camera.abort", "mount.stop"}
    at_telescope, at_centre = await world.over()
    assert (at_telescope.name, at_centre.name) == ("Aborted", "Aborted")
    campaign = world.csc.archive.campaign(CAMPAIGN)
    assert campaign.outcome is Outcome.ABORTED
    assert campaign.reason == "a satellite passes (by Ana (ops@dome))"
    assert told(world)[-1] == (StatusState.ABORT, "aborted: a satellite passes (by Ana (ops@dome))")
    with pytest.raises(OrderRefusedError, match="no open campaign") as refused:
        await command.abort(CAMPAIGN, ANA, "again")
    assert refused.value.hint == "open are: none"
