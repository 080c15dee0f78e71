"""The burst changes while it is observed: refined, retracted, and a second one comes."""

from __future__ import annotations

import re

import pytest

from followup.adapting import Depth
from followup.campaign import What, fold
from followup.names import CSC
from followup.story import StepState
from messaging.desk import Answer
from tests.agents.plain import PlainReduction
from tests.agents.test_steering import final
from tests.agents.world import (
    AUTHORITY,
    BURST,
    CAMPAIGN,
    CENTRE,
    EXPOSURES,
    GFT,
    STRATEGIES,
    T0,
    Fuse,
    World,
    alert,
    below_horizon,
    until,
)
from voevent.build import build
from voevent.kinds import (
    Cited,
    Header,
    Kind,
    Outcome,
    ReceiptOutcome,
    StatusState,
    TaskOutcome,
    Trigger,
    TriggerAction,
)
from voevent.packet import PacketId, SkyPosition
from voevent.parse import parse
from voevent.svom import SvomPacketType

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("plain")]

OTHER = "sb26112202"
SECOND = f"{OTHER}.{GFT}"
ELSEWHERE = SkyPosition(ra_deg=96.0, dec_deg=41.0, error_radius_deg=0.02)
"""Outside of the field of what was aimed at `CENTRE`."""
RULES = """
[[rules]]
name = "x-rays"
when = { Packet_Type = 209 }
use = "urgent"

[[second_burst]]
name = "too-many"
when = { SNR = { max = 5 } }
do = "refuse"

[[second_burst]]
name = "more-important"
when = { priority_above = { min = 1 } }
do = "pre-empt"

[[strategies]]
name = "urgent"
description = "one visit, at once"
max_age_s = 86400
max_error_radius_fields = 1.2
priority = 90
[[strategies.epochs]]
name = "first-look"
start_s = 0
latest_s = 86400
filters = ["r"]
exposure_s = 20
count = 1
"""
WITH_RULES = STRATEGIES.replace('default = "brief"', f'default = "brief"\n{RULES}', 1)


def told(world: World, campaign: str = CAMPAIGN) -> list[tuple[str, str]]:
    """States and texts that the telescope told of a campaign, in order."""
    packets = world.csc.archive.packets(campaign, Kind.STATUS)
    raws = [world.csc.archive.raw(p.id) for p in sorted(packets, key=lambda p: p.sequence or 0)]
    return [
        (parse(raw).param("state") or "", parse(raw).param("text") or "") for raw in raws if raw is not None
    ]


async def closed(world: World, *campaigns: str) -> None:
    """Wait until the science centre has accepted the closings."""
    archive = world.csc.archive

    def look() -> bool:
        known = {campaign.name: campaign for campaign in archive.campaigns()}
        return all(name in known and known[name].outcome is not None for name in campaigns)

    await until(look)


async def test_a_position_outside_of_the_field(whole_world: World) -> None:
    """The exposure in flight is of no use any more: it is ended at once, and the epoch begun anew."""
    world = whole_world
    go_on = world.gft.hold("camera.expose", 2)
    await world.trigger(alert())
    await world.gft.told("camera.expose", 2)
    await world.trigger(alert(SvomPacketType.MXT_INITIAL, position=ELSEWHERE, after_s=200.0))
    await world.gft.noted(What.REVISED)
    await until(lambda: "camera.abort" in world.gft.commands)
    go_on.set()
    at_telescope, _ = await world.over()
    assert at_telescope.name == "Closed"
    campaign = world.csc.archive.campaign(CAMPAIGN)
    assert campaign.outcome is Outcome.COMPLETED
    tasks = {t.task: t for t in campaign.tasks}
    assert (tasks["t1"].outcome, tasks["t1"].exposures) == (TaskOutcome.SKIPPED, 0), "it shows another place"
    assert "do not show the position in force" in tasks["t1"].reason
    again = [t for t in campaign.tasks if t.outcome is TaskOutcome.DONE]
    assert [(t.task, t.exposures) for t in again] == [("t2", 2), ("t3", 2)]
    states = [state for state, _ in told(world)]
    assert states == [StatusState.PLAN, StatusState.PLAN]
    assert "moves the position by" in told(world)[1][1]
    state = fold(await world.gft.entries())
    assert state.misplaced == {EXPOSURES[0], EXPOSURES[1]}
    assert all(
        (aimed.ra_deg, aimed.dec_deg) == (ELSEWHERE.ra_deg, ELSEWHERE.dec_deg)
        for key, aimed in state.aimed.items()
        if key not in state.misplaced
    )
    names = {file.name for file in world.csc.archive.files(CAMPAIGN)}
    assert f"raw/{EXPOSURES[0]}.fits.fz" in names, "kept, though it does not count"
    rules = [each.rule for each in world.csc.archive.decisions(CAMPAIGN)]
    assert {"default", "visibility", "plan-anew", "good-exposures"} <= set(rules)


async def test_a_position_that_cannot_be_observed(whole_world: World) -> None:
    world = whole_world
    world.gft.hold("camera.expose", 2)
    await world.trigger(alert())
    await world.gft.told("camera.expose", 2)
    await world.trigger(alert(SvomPacketType.MXT_INITIAL, position=below_horizon(), after_s=200.0))
    at_telescope, at_centre = await world.over()
    assert final(world, Kind.TRIGGER) is ReceiptOutcome.ACCEPTED
    for end in (at_telescope, at_centre):
        assert (end.state, end.name) == (StepState.FAILED, "Failed")
        assert "it could not be observed: never above 20 deg" in end.message
    assert "never above 20 deg" in told(world)[-1][1]
    assert world.gft.commands.count("mount.slew") == 1, "it is not slewed there"


async def test_a_better_position_when_all_is_observed(whole_world: World) -> None:
    """It is measured anew; the epochs are not repeated, for their frames show the new place."""
    world = whole_world
    world.downloading.clear()
    await world.trigger(alert())
    await world.gft.noted(What.UPLOADED, dataset="t2")
    near = SkyPosition(ra_deg=CENTRE.ra_deg, dec_deg=CENTRE.dec_deg + 0.01, error_radius_deg=0.01)
    await world.trigger(alert(SvomPacketType.MXT_INITIAL, position=near, after_s=900.0))
    await world.gft.noted(What.MEASURED, series="revision-1")
    world.downloading.set()
    assert (await world.gft.runner.ended()).name == "Closed"
    await closed(world, CAMPAIGN)
    assert await world.gft.begun() == dict.fromkeys(EXPOSURES, 1)


async def test_a_position_elsewhere_when_all_is_observed(whole_world: World) -> None:
    world = whole_world
    world.downloading.clear()
    await world.trigger(alert())
    await world.gft.noted(What.UPLOADED, dataset="t2")
    await world.trigger(alert(SvomPacketType.MXT_INITIAL, position=ELSEWHERE, after_s=900.0))
    await world.gft.noted(What.TASK_ENDED, task="t4")
    world.downloading.set()
    await world.over()
    tasks = {t.task: t.outcome for t in world.csc.archive.campaign(CAMPAIGN).tasks}
    assert tasks == {
        "t1": TaskOutcome.SKIPPED,
        "t2": TaskOutcome.SKIPPED,
        "t3": TaskOutcome.DONE,
        "t4": TaskOutcome.DONE,
    }


@pytest.mark.parametrize("when", ["before", "after"])
async def test_it_dies_while_the_position_changes(whole_world: World, when: str) -> None:
    world, gft = whole_world, whole_world.gft
    go_on = gft.hold("camera.expose", 2)
    await world.trigger(alert())
    await gft.told("camera.expose", 2)
    gft.journal.fuse = Fuse([What.REVISED], when)  # type: ignore[arg-type]
    await world.trigger(alert(SvomPacketType.MXT_INITIAL, position=ELSEWHERE, after_s=200.0))
    go_on.set()
    assert await gft.dies() == What.REVISED
    await gft.start(Fuse([What.PLANNED], when))  # type: ignore[arg-type]
    assert await gft.dies() == What.PLANNED
    await gft.start()
    await closed(world, CAMPAIGN)
    campaign = world.csc.archive.campaign(CAMPAIGN)
    assert campaign.outcome is Outcome.COMPLETED
    assert [(t.outcome, t.exposures) for t in campaign.tasks if t.outcome is TaskOutcome.DONE] == [
        (TaskOutcome.DONE, 2),
        (TaskOutcome.DONE, 2),
    ]


async def test_a_retraction_before_the_first_exposure(whole_world: World) -> None:
    world = whole_world
    world.gft.hold("mount.slew", 1)
    await world.trigger(alert())
    await world.gft.told("mount.slew", 1)
    await world.trigger(alert(SvomPacketType.RETRACTION, position=None, after_s=300.0))
    at_telescope, at_centre = await world.over()
    assert (at_telescope.name, at_centre.name) == ("Retracted", "Retracted")
    assert "camera.expose" not in world.gft.commands
    assert {t.outcome for t in world.csc.archive.campaign(CAMPAIGN).tasks} <= {TaskOutcome.SKIPPED}


async def test_a_retraction_when_all_is_observed(whole_world: World) -> None:
    world = whole_world
    world.downloading.clear()
    await world.trigger(alert())
    await world.gft.noted(What.UPLOADED, dataset="t2")
    await world.trigger(alert(SvomPacketType.RETRACTION, position=None, after_s=900.0))
    await world.gft.noted(What.STOPPED)
    world.downloading.set()
    at_telescope, _ = await world.over()
    assert at_telescope.name == "Retracted"
    campaign = world.csc.archive.campaign(CAMPAIGN)
    assert campaign.outcome is Outcome.RETRACTED
    assert [t.outcome for t in campaign.tasks] == [TaskOutcome.DONE, TaskOutcome.DONE]


async def begin_first(world: World) -> None:
    """The telescope is in its second exposure of the first burst."""
    world.strategies = WITH_RULES
    await world.gft.stop()
    await world.gft.start()
    world.turn_back()
    world.gft.hold("camera.expose", 2)
    await world.trigger(alert())
    await world.gft.told("camera.expose", 2)


async def begin_both(world: World) -> None:
    """The second burst takes the telescope then."""
    await begin_first(world)
    await world.trigger(alert(SvomPacketType.MXT_INITIAL, burst=OTHER, position=ELSEWHERE))


async def check_both(world: World) -> None:
    await closed(world, CAMPAIGN, SECOND)
    archive = world.csc.archive
    assert archive.campaign(CAMPAIGN).outcome is Outcome.COMPLETED
    assert archive.campaign(SECOND).outcome is Outcome.COMPLETED
    assert [t.outcome for t in archive.campaign(CAMPAIGN).tasks] == [TaskOutcome.DONE] * 2
    assert [t.outcome for t in archive.campaign(SECOND).tasks] == [TaskOutcome.DONE]
    states = [state for state, _ in told(world)]
    assert states == [StatusState.PLAN, StatusState.HOLD, StatusState.CLEAR, StatusState.PLAN]
    begun = await world.gft.begun()
    assert begun == {**dict.fromkeys(EXPOSURES, 1), EXPOSURES[1]: 2}, "only the one in flight is repeated"
    entries = await world.gft.entries()
    second = await world.gft.entries(SECOND)
    ended = next(e.row for e in second if e.what == What.TASK_ENDED)
    resumed = next(e.row for e in entries if e.what == What.RESUMED)
    assert ended < resumed
    for name in (CAMPAIGN, SECOND):
        [ruling] = [each for each in archive.decisions(name) if each.rule == "more-important"]
        assert ruling.values["priority_above"] == "40"
        assert ruling.values["ruling"] == "pre-empt"


async def test_a_second_burst_takes_the_telescope(whole_world: World) -> None:
    await begin_both(whole_world)
    await check_both(whole_world)
    assert "camera.abort" in whole_world.gft.commands


@pytest.mark.parametrize("when", ["before", "after"])
async def test_it_dies_while_the_telescope_is_taken(whole_world: World, when: str) -> None:
    """Whatever is committed last: both end, each exposure is taken once, and the one in flight once more."""
    world, gft = whole_world, whole_world.gft
    await begin_first(world)
    held, ended, resumed = (
        Fuse([what], when)  # type: ignore[arg-type]
        for what in (What.HELD, What.TASK_ENDED, What.RESUMED)
    )
    gft.journal.fuse = held
    await world.trigger(alert(SvomPacketType.MXT_INITIAL, burst=OTHER, position=ELSEWHERE))
    assert await gft.dies() == What.HELD
    await gft.start(ended)
    assert await gft.dies() == What.TASK_ENDED
    await gft.start(resumed)
    assert await gft.dies() == What.RESUMED
    await gft.start()
    await check_both(world)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_it_dies_as_the_second_burst_is_accepted(whole_world: World, when: str) -> None:
    """The one is accepted and the other gives way, or neither."""
    world, gft = whole_world, whole_world.gft
    await begin_first(world)
    gft.journal.fuse = Fuse([What.PREEMPTED], when)  # type: ignore[arg-type]
    await world.trigger(alert(SvomPacketType.MXT_INITIAL, burst=OTHER, position=ELSEWHERE))
    assert await gft.dies() == What.PREEMPTED
    await gft.start()
    await closed(world, CAMPAIGN, SECOND)
    entries = [*await gft.entries(), *await gft.entries(SECOND)]
    # Asked again by the next process, it may find that the first has been observed.
    given = [e.row for e in entries if e.what == What.PREEMPTED]
    assert given or when == "before"
    resumed = [e.row for e in entries if e.what == What.RESUMED]
    assert len(given) == len(resumed) <= 1
    assert given <= resumed
    for name in (CAMPAIGN, SECOND):
        assert world.csc.archive.campaign(name).outcome is Outcome.COMPLETED
    begun = await gft.begun()
    assert set(begun) == set(EXPOSURES)
    assert begun.total() - len(EXPOSURES) <= 2, "by the death, and by the second burst"


async def test_a_second_burst_waits_for_its_turn(whole_world: World) -> None:
    world = whole_world
    go_on = world.gft.hold("camera.expose", 2)
    await world.trigger(alert())
    await world.gft.told("camera.expose", 2)
    await world.trigger(alert(burst=OTHER, position=ELSEWHERE))
    await until(lambda: world.gft.bench.observatory.turns.waiting)
    standing = await world.gft.agent.standing()
    assert (standing["observing"], standing["queue"]) == (CAMPAIGN, [SECOND])
    go_on.set()
    await closed(world, CAMPAIGN, SECOND)
    [ruling] = [d for d in world.csc.archive.decisions(SECOND) if d.rule == "second-burst-default"]
    assert f"{SECOND} waits for {CAMPAIGN}" in ruling.text
    order = [
        e for name in (CAMPAIGN, SECOND) for e in await world.gft.entries(name) if e.what == What.EXPOSED
    ]
    order.sort(key=lambda entry: entry.row)
    assert [entry.campaign for entry in order[:2]] == [CAMPAIGN, CAMPAIGN]


async def asked(world: World, revision: int, action: TriggerAction, position: SkyPosition | None) -> Answer:
    """What the telescope answers to a trigger; what follows from it is committed."""
    content = Trigger(
        burst=BURST,
        telescope=GFT,
        action=action,
        revision=revision,
        trigger_time=T0,
        position=position,
        instrument="ECLAIRs",
        notice=PacketId(ivorn="ivo://org.svom/fsc#sb26112201_eclairs-wakeup", sha256="0" * 64),
    )
    header = Header(
        authority=AUTHORITY,
        author=CSC,
        campaign=CAMPAIGN,
        sequence=revision + 1,
        date=T0,
        drill=True,
        cites=(Cited(id=content.notice),),
    )
    answer = await world.gft.agent.consider(build(header, content), header, content)
    if answer.effect is not None:
        await world.gft.journal.write(answer.effect)
    return answer


async def test_a_retraction_that_overtakes_its_trigger(world: World) -> None:
    """What is taken back before it comes is not begun."""
    first = await asked(world, 1, TriggerAction.RETRACT, None)
    assert (first.outcome, first.reason) == (ReceiptOutcome.ACCEPTED, "nothing was begun for this burst")
    for revision in (0, 2):
        then = await asked(world, revision, TriggerAction.OBSERVE, CENTRE)
        assert then.outcome is ReceiptOutcome.REFUSED
        assert "was stopped" in then.reason
    assert world.gft.agent.campaigns == {}


async def test_a_position_that_is_overtaken_by_a_better_one(world: World) -> None:
    assert (await asked(world, 1, TriggerAction.OBSERVE, CENTRE)).outcome is ReceiptOutcome.ACCEPTED
    late = await asked(world, 0, TriggerAction.OBSERVE, ELSEWHERE)
    assert (late.outcome, late.reason) == (
        ReceiptOutcome.REFUSED,
        "revision 1 is in force, this is revision 0",
    )


async def test_a_refusal_says_which_rule_on_what_values(world: World) -> None:
    answer = await asked(world, 0, TriggerAction.OBSERVE, below_horizon())
    assert answer.outcome is ReceiptOutcome.REFUSED
    assert answer.details["rule"] == "visibility"
    assert answer.details["min_altitude_deg"] == "20"
    [declined] = [e for e in await world.gft.entries() if e.what == What.DECLINED]
    assert "never above 20 deg" in declined.data["decisions"][-1]["text"]


async def test_exposures_follow_the_fading(whole_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first visit measured changes the second, within its bounds, and it is told with the values."""
    world = whole_world
    depth = Depth(exposure_s=20.0, limit_mag=18.0, zero_mag=25.0)
    monkeypatch.setattr(PlainReduction, "depths", lambda _self: {"r": depth})
    bounds = "adapt = { snr = 20, min_exposure_s = 30, max_exposure_s = 60, max_count = 4 }"
    world.strategies = f"{STRATEGIES.replace('start_s = 240', 'start_s = 2400')}{bounds}\n"
    await world.gft.stop()
    await world.gft.start()
    world.turn_back()
    await world.trigger(alert())
    await world.gft.noted(What.TASK_ENDED, task="t1")
    await world.over()
    campaign = world.csc.archive.campaign(CAMPAIGN)
    assert [(t.task, t.outcome, t.exposures) for t in campaign.tasks] == [
        ("t1", TaskOutcome.DONE, 2),
        ("t2", TaskOutcome.DONE, 4),
    ]
    [decision] = [d for d in world.csc.archive.decisions(CAMPAIGN) if d.rule == "adapted-exposure"]
    assert re.fullmatch(
        r"again: expected r = [12]\d\.\d at 0.7 h from alpha = 1.0 assumed: 4 x 60 s instead of 2 x 30 s",
        decision.text,
    )
    assert decision.values["limit_mag"] == "18.00"
    assert told(world)[-1] == (StatusState.PLAN, decision.text)
