"""Who was away is caught up in order, and never with more at once than may wait for an answer."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from followup.names import RELAY, topic_of
from messaging.records import OutgoingState, ToUser
from messaging.timing import Timing
from tests.messaging.world import TIMING, World, campaign_of, settle, status, trigger
from voevent.packet import PacketId

CAMPAIGN = campaign_of("gft-a")
TO_RELAY = ToUser(RELAY)
TO_GFT = ToUser("gft-a")
WINDOW = replace(TIMING, unanswered=3)
LOST: tuple[float, ...] = ()


@contextlib.asynccontextmanager
async def made(timing: Timing = WINDOW) -> AsyncIterator[World]:
    world = World(timing=timing)
    await world.start()
    try:
        yield world
    finally:
        await world.stop()


async def reported(world: World, count: int) -> list[PacketId]:
    return [await world.gft.say(status(str(n)), campaign=CAMPAIGN, to=TO_RELAY) for n in range(count)]


async def triggered(world: World, count: int) -> list[PacketId]:
    return [await world.csc.say(trigger(revision=n), campaign=CAMPAIGN, to=TO_GFT) for n in range(count)]


def to_gft(world: World) -> list[PacketId]:
    return [s.id for s in world.csc.sent if s.to == "gft-a"]


async def test_only_so_many_wait_for_an_answer() -> None:
    async with made() as world:
        world.server.fate = lambda delivery: LOST if delivery.to == "gft-a" else (0.0,)
        said = await triggered(world, 8)
        await world.advance(9)
        assert to_gft(world) == said[:3]
        world.server.fate = lambda _delivery: (0.0,)
        await world.advance(5)
        assert to_gft(world) == [*said[:3], *said]
        assert world.gft.desk.considered == said
        assert not world.csc.pending()


async def test_each_answer_makes_room_at_once() -> None:
    async with made() as world:
        said = await triggered(world, 20)
        began = world.wall.now()
        await world.advance(1)
        assert world.gft.desk.considered == said
        last = max(s.time for s in world.csc.sent if s.to == "gft-a")
        assert (last - began).total_seconds() < 0.1, "nothing waited for a time-out"


async def test_custody_makes_room() -> None:
    async with made() as world:
        await world.csc.kill()
        said = await reported(world, 10)
        await world.advance(1)
        assert world.relay.desk.considered == said
        assert all(world.gft.outgoing(packet).interim for packet in said)


async def test_who_comes_back_is_not_sent_everything_at_once() -> None:
    """What was sent in vain is due at once; it goes out in order, a window at a time."""
    async with made() as world:
        world.server.fate = lambda _delivery: LOST
        said = await triggered(world, 12)
        await world.advance(1000)  # all of them were sent
        assert set(to_gft(world)) == set(said)
        world.csc.sent.clear()
        for back in (world.server.cut, world.server.mend):
            back()
            await settle()
        assert to_gft(world) == said[:3]
        world.server.fate = lambda _delivery: (0.0,)
        world.server.cut()
        world.server.mend()
        await world.advance(1)
        assert world.gft.desk.considered == said
        assert not world.csc.pending()


async def test_what_a_peer_cannot_deal_with_does_not_stop_what_follows() -> None:
    async with made() as world:
        world.gft.desk.fail = 10**6
        poison = await triggered(world, 3)
        await world.advance(1)
        world.gft.desk.fail = 3
        other = await world.csc.say(trigger(revision=9), campaign=CAMPAIGN, to=TO_GFT)
        await world.advance(5)
        assert to_gft(world) == poison, "the answers may still be on their way"
        await world.advance(15)
        assert other in to_gft(world)
        await world.advance(300)
        assert not world.csc.pending()


async def test_a_topic_gets_receipts_only_while_the_science_centre_is_away() -> None:
    async with made() as world:
        await world.csc.kill()
        said = await reported(world, 10)
        await world.advance(500)
        published = [s.id for s in world.relay.sent if s.to == topic_of("gft-a") and s.id in said]
        assert published == []
        assert all(world.gft.outgoing(packet).interim for packet in said)
        await world.csc.start()
        await world.advance(1)
        assert world.csc.desk.considered == said
        assert not world.relay.pending()
        assert all(world.gft.outgoing(packet).state is OutgoingState.SETTLED for packet in said)


async def test_receipts_are_paced_and_go_before_what_has_to_wait() -> None:
    async with made(replace(TIMING, batch=2)) as world:
        await world.relay.kill()
        said = await triggered(world, 6)
        await world.advance(1)
        assert world.gft.desk.considered == said
        began = world.wall.now()
        await world.relay.start()
        await world.advance(5)
        sent = [(s.time, _kind(world, s.id)) for s in world.gft.sent]
        assert [kind for _, kind in sent[:6]] == ["receipt"] * 6, "the plans come after them"
        assert (sent[5][0] - began).total_seconds() >= 2 * TIMING.pace_s
        assert all(world.csc.outgoing(packet).state is OutgoingState.SETTLED for packet in said)


def _kind(world: World, packet: PacketId) -> str:
    stored = world.gft.look(lambda r: r.stored(packet))
    return stored.kind if stored is not None else ""
