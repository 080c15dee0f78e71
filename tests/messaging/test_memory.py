from __future__ import annotations

from collections.abc import Iterable

import pytest

from messaging.memory import MemoryServer, MemorySession
from messaging.session import Arrival, Envelope, SessionDownError, SessionRefusedError, UndeliverableError
from tests.messaging.world import VirtualWall, settle
from voevent.identity import sha256_of
from voevent.packet import PacketId


def envelope(text: str = "hello") -> Envelope:
    raw = text.encode()
    return Envelope(raw=raw, id=PacketId(ivorn="ivo://f/a#x", sha256=sha256_of(raw)), body=text)


class Listener:
    """Keeps what a session tells."""

    def __init__(self, session: MemorySession) -> None:
        self.session = session
        self.arrivals: list[Arrival] = []
        self.presences: list[tuple[str, bool]] = []
        self.online: list[bool] = []
        session.on_arrival = self.hear
        session.on_presence = lambda user, there: self.presences.append((user, there))
        session.on_online = self.online.append

    async def hear(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)

    @property
    def texts(self) -> Iterable[bytes]:
        return [a.raw for a in self.arrivals]


@pytest.fixture
def wall() -> VirtualWall:
    return VirtualWall()


@pytest.fixture
def server(wall: VirtualWall) -> MemoryServer:
    server = MemoryServer(wall=wall)
    server.create_topic("news", publisher="b", members=["a"])
    return server


async def listener(server: MemoryServer, user: str) -> Listener:
    listening = Listener(server.session(user))
    await listening.session.open()
    return listening


async def test_a_message_arrives_with_the_servers_word_for_its_sender(server: MemoryServer) -> None:
    a, b = await listener(server, "a"), await listener(server, "b")
    await a.session.send("b", envelope())
    await settle()
    [arrival] = b.arrivals
    assert (arrival.sender, arrival.topic, arrival.raw) == ("a", None, b"hello")
    assert arrival.claimed_sha256 == envelope().id.sha256


async def test_what_is_sent_to_the_absent_is_lost(server: MemoryServer) -> None:
    a = await listener(server, "a")
    await a.session.send("b", envelope())
    b = await listener(server, "b")
    await settle()
    assert not b.arrivals


async def test_a_topic_keeps_its_items_for_members_who_come_later(server: MemoryServer) -> None:
    b = await listener(server, "b")
    await b.session.publish("news", envelope())
    a, c = await listener(server, "a"), await listener(server, "c")
    await settle()
    [item] = a.arrivals
    assert (item.topic, item.publisher, item.replayed) == ("news", "b", True)
    assert not c.arrivals
    await b.session.publish("news", envelope("more"))
    await settle()
    assert [x.replayed for x in a.arrivals] == [True, False]


@pytest.mark.parametrize(("user", "topic"), [("a", "news"), ("b", "gossip")])
async def test_only_its_publisher_publishes_on_a_topic(server: MemoryServer, user: str, topic: str) -> None:
    someone = await listener(server, user)
    with pytest.raises(UndeliverableError):
        await someone.session.publish(topic, envelope())


async def test_fate_decides_when_and_how_often(server: MemoryServer, wall: VirtualWall) -> None:
    a, b = await listener(server, "a"), await listener(server, "b")
    fates = iter([(5.0, 1.0), (), (0.0,)])
    server.fate = lambda _delivery: next(fates)
    for text in ("late", "lost", "now"):
        await a.session.send("b", envelope(text))
    await wall.advance(10)
    assert b.texts == [b"now", b"late", b"late"]


async def test_presence_is_told_and_unknown_is_taken_for_there(server: MemoryServer) -> None:
    a = await listener(server, "a")
    assert a.session.present("b")
    b = await listener(server, "b")
    await b.session.close()
    assert not a.session.present("b")
    assert a.presences == [("b", True), ("b", False)]


async def test_a_server_that_is_down_takes_nothing(server: MemoryServer, wall: VirtualWall) -> None:
    a, b = await listener(server, "a"), await listener(server, "b")
    server.fate = lambda _delivery: (1.0,)
    await a.session.send("b", envelope())
    server.cut()
    with pytest.raises(SessionDownError):
        await a.session.send("b", envelope())
    server.mend()
    await wall.advance(5)
    assert not b.arrivals
    assert a.online == [True, False, True]


async def test_the_second_agent_of_a_name_is_refused(server: MemoryServer) -> None:
    await listener(server, "a")
    with pytest.raises(SessionRefusedError):
        await listener(server, "a")


async def test_a_closed_session_sends_nothing(server: MemoryServer) -> None:
    a = await listener(server, "a")
    await a.session.close()
    with pytest.raises(SessionDownError):
        await a.session.send("b", envelope())


async def test_an_arrival_that_could_not_be_committed_ends_nothing(
    server: MemoryServer, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = await listener(server, "a"), await listener(server, "b")

    async def fail(_arrival: Arrival) -> None:
        raise OSError("no disk")

    b.session.on_arrival = fail
    await a.session.send("b", envelope())
    await settle()
    b.session.on_arrival = b.hear
    await a.session.send("b", envelope("again"))
    await settle()
    assert b.texts == [b"again"]
    assert "could not commit" in caplog.text
