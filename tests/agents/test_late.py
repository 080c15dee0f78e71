"""What comes late, again, or by a wrong clock: expired triggers, stale ones, replayed ones."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from agents.gft.reduction.calibration import Masters
from followup.almanac import Almanac
from followup.story import StepState
from messaging.records import OutgoingState
from messaging.session import Envelope
from tests.agents.conftest import small_telescope
from tests.agents.world import CAMPAIGN, EXPOSURES, GFT, T0, World, alert, below_horizon, until
from voevent.kinds import Kind, Outcome, ReceiptOutcome
from voevent.packet import PacketId
from voevent.svom import SvomPacketType

uploads = pytest.mark.integration


async def trigger_id(world: World) -> PacketId:
    [stored] = [
        p for p in await world.csc.journal.read(lambda r: r.packets(CAMPAIGN)) if p.kind == Kind.TRIGGER
    ]
    return stored.id


async def expire(world: World) -> None:
    """Let the trigger's deadline pass."""
    day = "UPDATE outgoing SET deadline = deadline - 86400000000"
    await world.csc.journal.write(lambda tx: tx.connection.exec_driver_sql(day))
    world.csc.courier.wake()
    while (await world.csc.journal.read(lambda r: r.outgoing()))[0].state is not OutgoingState.EXPIRED:
        await world.wall.sleep(0.02)


@uploads
@pytest.mark.parametrize("restarted", [False, True])
async def test_an_expired_trigger_that_a_person_sends_again_leads_to_a_campaign(
    whole_world: World, plain: None, *, restarted: bool
) -> None:
    world = whole_world
    await world.gft.kill()
    await world.trigger(alert())
    await expire(world)
    given_up = await world.csc.runner.ended()
    assert (given_up.state, given_up.name) == (StepState.FAILED, "Unreachable")
    packet = await trigger_id(world)
    if restarted:
        await world.csc.stop()
        await world.csc.start()
        assert world.csc.agent.campaigns == {}
    await world.gft.start()
    assert await world.csc.journal.write(lambda tx: tx.revive(packet)) == 1
    world.csc.courier.wake()
    ended = await world.csc.runner.ended(1 if restarted else 2)
    assert (ended.state, ended.name) == (StepState.COMPLETED, "Closed")
    archive = world.csc.archive
    assert archive.campaign(CAMPAIGN).outcome is Outcome.COMPLETED
    assert all(e.final and e.final.outcome is ReceiptOutcome.ACCEPTED for e in archive.ledger(CAMPAIGN))
    assert await world.gft.begun() == dict.fromkeys(EXPOSURES, 1)


@uploads
async def test_an_acceptance_that_comes_after_the_deadline_counts(whole_world: World, plain: None) -> None:
    """The answer did not get through while it was waited for; meanwhile the telescope went to work."""
    world = whole_world
    release = world.gft.hold("camera.expose", 1)
    await world.relay.stop()  # the answer does not get through
    await world.trigger(alert())
    await world.gft.told("camera.expose", 1)
    await expire(world)
    await until(lambda: not world.csc.agent.campaigns)
    await world.relay.start()
    release.set()
    ended = await world.csc.runner.ended(2)
    assert (ended.state, ended.name) == (StepState.COMPLETED, "Closed")
    ledger = world.csc.archive.ledger(CAMPAIGN)
    refused = [e.id.ivorn for e in ledger if e.final and e.final.outcome is ReceiptOutcome.REFUSED]
    assert refused == []


async def test_what_was_refused_and_then_retracted_is_over_after_a_restart_too(world: World) -> None:
    await world.trigger(alert(position=below_horizon()))
    await world.over()
    await world.trigger(alert(SvomPacketType.RETRACTION, position=None, after_s=300.0))
    await world.csc.runner.ended(2)
    await world.csc.stop()
    await world.csc.start()
    assert world.csc.agent.campaigns == {}


async def test_a_trigger_on_a_burst_of_long_ago_is_refused_with_its_age(world: World) -> None:
    world.sky.set(sky_epoch=T0 + timedelta(hours=30), wall_epoch=world.wall.now())
    await world.trigger(alert())
    at_telescope, at_centre = await world.over()
    for end in (at_telescope, at_centre):
        assert (end.state, end.name) == (StepState.COMPLETED, "Declined")
        assert "30.0 h old" in end.message
    assert world.gft.used_for == []


async def test_a_replayed_trigger_is_answered_again_and_does_nothing(world: World) -> None:
    world.sky.set(sky_epoch=T0 + timedelta(hours=30), wall_epoch=world.wall.now())
    await world.trigger(alert())
    await world.over()
    packet = await trigger_id(world)
    raw = await world.csc.journal.read(lambda r: r.packet(packet))
    assert raw is not None
    said = await world.gft.journal.read(lambda r: r.receipts(packet))
    told = len(world.gft.runner.told)
    [before] = await world.gft.journal.read(lambda r: r.outgoing(packet=said[0].id))
    world.server.carry("csc", GFT, Envelope(raw=raw, id=packet, body=""))
    while (await world.gft.journal.read(lambda r: r.outgoing(packet=said[0].id)))[
        0
    ].attempts == before.attempts:
        await world.wall.sleep(0.02)
    world.server.carry("csc-ftp", GFT, Envelope(raw=raw, id=packet, body=""))
    while not (kept := await world.gft.journal.read(lambda r: r.quarantined())):
        await world.wall.sleep(0.02)
    assert "csc-ftp may not bring a trigger by csc" in kept[0].reason
    assert await world.gft.journal.read(lambda r: r.receipts(packet)) == said
    assert len(world.gft.runner.told) == told
    assert world.gft.used_for == []


@uploads
@pytest.mark.parametrize("minutes", [(8, -9, -7), (-20, 20, 12)], ids=str)
async def test_clocks_that_differ_by_minutes_harm_nothing(
    tmp_path: Path, night: Almanac, night_masters: Masters, plain: None, *, minutes: tuple[float, ...]
) -> None:
    world = World(tmp_path, model=small_telescope(320), masters=night_masters, almanac=night)
    for process, wrong in zip((world.csc, world.relay, world.gft), minutes, strict=True):
        process.ahead = timedelta(minutes=wrong)
    # The burst is ten minutes old: nobody's clock puts it more than that into the future.
    world.sky.set(sky_epoch=T0 + timedelta(minutes=10), wall_epoch=world.wall.now())
    await world.serve_files()
    await world.start()
    try:
        await world.trigger(alert())
        at_telescope, at_centre = await world.over()
        assert (at_telescope.name, at_centre.name) == ("Closed", "Closed")
        archive = world.csc.archive
        ledger = archive.ledger(CAMPAIGN)
        assert all(e.final and e.final.outcome is ReceiptOutcome.ACCEPTED for e in ledger)
        assert archive.verify(CAMPAIGN) == []
        assert await world.gft.begun() == dict.fromkeys(EXPOSURES, 1)
        for process in (world.csc, world.relay, world.gft):
            assert await process.journal.read(lambda r: r.quarantine_count().kept) == 0
            assert await process.journal.read(lambda r: r.outgoing(states=[OutgoingState.EXPIRED])) == []
    finally:
        await world.stop()
