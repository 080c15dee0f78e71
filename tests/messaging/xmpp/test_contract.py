"""What a server promises, and the courier upon it: the same tests on the twin and on a real Prosody."""

from __future__ import annotations

import asyncio
import contextlib
import random
from abc import abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from followup.clock import WallClock
from followup.names import CSC, RELAY, topic_of
from messaging.author import Author
from messaging.courier import Courier
from messaging.desk import Answer, Effect
from messaging.journal import Journal
from messaging.memory import MemoryServer
from messaging.records import OutgoingState, StoredPacket, ToTopic, ToUser
from messaging.rules import Rules
from messaging.session import (
    Arrival,
    Session,
    SessionDownError,
    SessionRefusedError,
    UndeliverableError,
)
from messaging.timing import Timing
from simulators.network import Proxy
from voevent.kinds import Content, Header, Receipt, ReceiptOutcome, Status, StatusState
from voevent.packet import Packet, PacketId

from . import conftest
from .conftest import envelope, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

GFT, OTHER = "gft-x", "gft-y"
USERS = (CSC, RELAY, GFT, OTHER)
TOPIC = topic_of(GFT)
CAMPAIGN = f"sb26112201.{GFT}"
TIMING = Timing(first_s=2.0, retry_s=0.2, poll_s=0.2, unanswered=8, batch=8)


class Network:
    """A server with the topic of gft-x, and sessions of its users."""

    @abstractmethod
    def session(self, user: str) -> Session:
        """Make a session, not open yet."""

    @abstractmethod
    async def subscribed(self, session: Session) -> None:
        """Return when a session hears the topic."""

    @abstractmethod
    def part(self) -> None:
        """Cut every connection, and let nobody connect."""

    @abstractmethod
    def join(self) -> None:
        """Let everybody connect again."""


class Twin(Network):
    def __init__(self) -> None:
        self.server = MemoryServer(wall=WallClock())
        self.server.create_topic(TOPIC, publisher=RELAY, members=[CSC, GFT])

    def session(self, user: str) -> Session:
        return self.server.session(user)

    async def subscribed(self, session: Session) -> None:
        pass

    def part(self) -> None:
        self.server.cut()

    def join(self) -> None:
        self.server.mend()


class Real(Network):
    def __init__(self, site: conftest.Site, proxy: Proxy) -> None:
        self.site = site
        self.proxy = proxy

    def session(self, user: str) -> Session:
        peers = tuple(other for other in USERS if other != user)
        topics = (TOPIC,) if user in {CSC, GFT} else ()
        return self.site.agent(user, port=self.proxy.port, peers=peers, topics=topics).session

    async def subscribed(self, session: Any) -> None:
        await until(lambda: session._topics._subscribed.get(TOPIC, True))

    def part(self) -> None:
        self.proxy.refuse()

    def join(self) -> None:
        self.proxy.refuse(refusing=False)


@dataclass
class Ear:
    """An open session, and what it was told."""

    session: Session
    arrivals: list[Arrival] = field(default_factory=list)
    presences: list[tuple[str, bool]] = field(default_factory=list)
    online: list[bool] = field(default_factory=list)

    async def heard(self, *texts: bytes) -> list[Arrival]:
        """Wait until these have come, whatever else did; give all that came."""
        await until(lambda: set(texts) <= {arrival.raw for arrival in self.arrivals})
        return self.arrivals


class Desk:
    """Accepts what is said; at the relay, takes it into custody."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.considered: list[PacketId] = []
        self.noted_receipts: list[tuple[PacketId, ReceiptOutcome]] = []

    async def consider(self, packet: Packet, header: Header, content: Content) -> Answer:
        self.considered.append(packet.id)
        if self.user != RELAY:
            return Answer(outcome=ReceiptOutcome.ACCEPTED)
        return Answer(
            outcome=ReceiptOutcome.RELAYED,
            effect=lambda tx: tx.enqueue(packet, to=ToTopic(TOPIC), body="", deadline_s=None),
            independent=True,
        )

    async def noted(
        self, receipt: Packet, header: Header, content: Receipt, cited: StoredPacket | None
    ) -> Effect | None:
        self.noted_receipts.append((content.cited, content.outcome))
        return None


class Agent:
    """A site with a journal of its own."""

    def __init__(self, net: Network, user: str, folder: Path) -> None:
        wall = WallClock()
        rules = {CSC: Rules.for_csc, RELAY: Rules.for_relay}.get(user)
        self.desk = Desk(user)
        self.author = Author(site=user, authority="followup", sky=wall)
        self.journal = Journal.open(folder / f"{user}.sqlite", wall=wall)
        self.session = net.session(user)
        self.courier = Courier(
            site=user,
            authority="followup",
            journal=self.journal,
            session=self.session,
            rules=rules(lambda: (GFT,)) if rules else Rules.for_telescope(user),
            desk=self.desk,
            sky=wall,
            wall=wall,
            rng=random.Random(user),  # noqa: S311 - jitter
            timing=TIMING,
        )

    async def stop(self) -> None:
        await self.courier.stop()
        self.journal.close()

    async def say(self, text: str) -> PacketId:
        packet = await self.journal.write(
            lambda tx: self.author.compose(
                tx, CAMPAIGN, Status(state=StatusState.HOLD, text=text), to=ToUser(RELAY), drill=True
            )
        )
        self.courier.wake()
        return packet.id

    async def settled(self, *packets: PacketId) -> None:
        async with asyncio.timeout(30):
            while await self.pending():  # noqa: ASYNC110 - the journal is asked; bounded
                await asyncio.sleep(0.02)
        for packet in packets:
            [out] = await self.journal.read(lambda r, p=packet: r.outgoing(packet=p))
            assert out.state is OutgoingState.SETTLED

    async def pending(self) -> int:
        return len(await self.journal.read(lambda r: r.outgoing(states=[OutgoingState.PENDING])))


class Contract:
    """The tests; a subclass gives `net`."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def ears(self, net: Network) -> AsyncIterator[Any]:
        opened: list[Session] = []

        async def ear(user: str) -> Ear:
            made = Ear(net.session(user))

            async def hear(arrival: Arrival) -> None:
                made.arrivals.append(arrival)

            made.session.on_arrival = hear
            made.session.on_presence = lambda who, there: made.presences.append((who, there))
            made.session.on_online = made.online.append
            await made.session.open()
            opened.append(made.session)
            await net.subscribed(made.session)
            return made

        yield ear
        for session in opened:
            await session.close()

    @pytest_asyncio.fixture(loop_scope="module")
    async def agents(self, net: Network, tmp_path: Path) -> AsyncIterator[Any]:
        running: dict[str, Agent] = {}

        async def start(*users: str) -> list[Agent]:
            for user in users:
                if user in running:
                    await running.pop(user).stop()
                running[user] = Agent(net, user, tmp_path)
                await running[user].courier.start()
                await net.subscribed(running[user].session)
            return [running[user] for user in users]

        yield start
        for agent in running.values():
            await agent.stop()

    async def test_messages_arrive_whole_in_order_and_with_their_senders_name(self, ears: Any) -> None:
        csc, gft = await ears(CSC), await ears(GFT)
        texts = [b"%d\r\n\x00" % number for number in range(50)]
        for text in texts:
            await csc.session.send(GFT, envelope(text))
        got = await gft.heard(*texts)
        assert [arrival.raw for arrival in got] == texts
        assert {(a.sender, a.topic, a.publisher, a.problem, a.replayed) for a in got} == {
            (CSC, None, None, "", False)
        }
        assert got[0].claimed_sha256 == envelope(texts[0]).id.sha256

    async def test_events_reach_members_in_order_with_the_publishers_name(self, ears: Any) -> None:
        relay, csc, other = await ears(RELAY), await ears(CSC), await ears(OTHER)
        texts = [b"event %d" % number for number in range(10)]
        for text in texts:
            await relay.session.publish(TOPIC, envelope(text))
        got = await csc.heard(*texts)
        assert [arrival.raw for arrival in got] == texts
        assert {(a.topic, a.publisher, a.problem, a.replayed) for a in got} == {(TOPIC, RELAY, "", False)}
        assert not other.arrivals

    async def test_who_comes_later_is_given_what_the_topic_holds(self, ears: Any) -> None:
        relay = await ears(RELAY)
        texts = [b"kept %d" % number for number in range(30)]
        for text in texts:
            await relay.session.publish(TOPIC, envelope(text))
        csc = await ears(CSC)
        got = await csc.heard(*texts)
        assert [arrival.raw for arrival in got] == texts
        assert all(arrival.replayed for arrival in got)

    @pytest.mark.parametrize(("user", "place"), [(GFT, TOPIC), (OTHER, TOPIC), (RELAY, "followup/nobody")])
    async def test_nobody_else_publishes_and_not_elsewhere(self, ears: Any, user: str, place: str) -> None:
        csc = await ears(CSC)
        someone = await ears(user)
        with pytest.raises(UndeliverableError):
            await someone.session.publish(place, envelope(b"forged"))
        await someone.session.send(CSC, envelope(b"afterwards"))
        assert [arrival.raw for arrival in await csc.heard(b"afterwards")] == [b"afterwards"]

    async def test_coming_and_going_is_known_and_what_is_sent_to_the_absent_is_lost(self, ears: Any) -> None:
        csc = await ears(CSC)
        assert csc.session.present("somebody else"), "unknown counts as there"
        gft = await ears(GFT)
        await until(lambda: csc.presences[-1:] == [(GFT, True)] and csc.session.present(GFT))
        await gft.session.close()
        await until(lambda: csc.presences[-1:] == [(GFT, False)] and not csc.session.present(GFT))
        await csc.session.send(GFT, envelope(b"to nobody"))
        again = await ears(GFT)
        await csc.session.send(GFT, envelope(b"to somebody"))
        assert [arrival.raw for arrival in await again.heard(b"to somebody")] == [b"to somebody"]

    async def test_the_second_of_a_name_is_refused_and_the_first_stays(self, ears: Any) -> None:
        gft, csc = await ears(GFT), await ears(CSC)
        with pytest.raises(SessionRefusedError):
            await ears(GFT)
        await csc.session.send(GFT, envelope(b"still there"))
        await gft.heard(b"still there")

    async def test_without_a_connection_nothing_is_taken_and_it_is_made_again(
        self, net: Network, ears: Any
    ) -> None:
        csc, relay = await ears(CSC), await ears(RELAY)
        net.part()
        await until(lambda: csc.online[-1:] == [False] and relay.online[-1:] == [False])
        with pytest.raises(SessionDownError):
            await csc.session.send(RELAY, envelope(b"nobody takes it"))
        net.join()
        await until(lambda: csc.online[-1:] == [True] and relay.online[-1:] == [True], timeout_s=20)
        await csc.session.send(RELAY, envelope(b"again"))
        await relay.heard(b"again")

    async def test_a_report_is_taken_into_custody_and_accepted_once(self, agents: Any) -> None:
        relay, csc, gft = await agents(RELAY, CSC, GFT)
        said = [await gft.say(str(number)) for number in range(20)]
        await gft.settled(*said)
        await until(lambda: len(gft.desk.noted_receipts) >= 40)
        assert csc.desk.considered == relay.desk.considered == said
        for outcome in (ReceiptOutcome.RELAYED, ReceiptOutcome.ACCEPTED):
            assert [cited for cited, what in gft.desk.noted_receipts if what is outcome] == said

    async def test_who_was_away_is_caught_up_in_order(self, agents: Any) -> None:
        relay, gft = await agents(RELAY, GFT)
        said = [await gft.say(str(number)) for number in range(40)]
        await until(lambda: len(gft.desk.noted_receipts) >= len(said), timeout_s=60)
        [csc] = await agents(CSC)
        await until(lambda: len(csc.desk.considered) >= len(said), timeout_s=60)
        await relay.settled()
        assert csc.desk.considered == said

    async def test_a_connection_that_breaks_loses_and_doubles_nothing(
        self, net: Network, agents: Any
    ) -> None:
        relay, csc, gft = await agents(RELAY, CSC, GFT)
        said = [await gft.say(str(number)) for number in range(10)]
        net.part()
        said += [await gft.say(str(number)) for number in range(10, 20)]
        net.join()
        await gft.settled(*said)
        await relay.settled()
        assert sorted(csc.desk.considered) == sorted(said)
        assert sorted(relay.desk.considered) == sorted(said)

    async def test_a_packet_of_another_author_is_not_believed(self, ears: Any, agents: Any) -> None:
        relay, gft = await agents(RELAY, GFT)
        stranger = await ears(OTHER)
        forged = await gft.journal.write(
            lambda tx: gft.author.compose(
                tx, CAMPAIGN, Status(state=StatusState.ABORT, text="forged"), to=None, drill=True
            )
        )
        await stranger.session.send(RELAY, envelope(forged.raw))
        said = await gft.say("true")
        await until(lambda: said in relay.desk.considered)
        assert relay.desk.considered == [said]
        [kept] = await relay.journal.read(lambda r: r.quarantined())
        assert (kept.raw, kept.sender) == (forged.raw, OTHER)


class TestTwin(Contract):
    @pytest_asyncio.fixture(loop_scope="module")
    async def net(self) -> AsyncIterator[Network]:
        twin = Twin()
        yield twin
        await twin.server.close()


@pytest.mark.integration
class TestProsody(Contract):
    @pytest_asyncio.fixture(loop_scope="module")
    async def net(self, site: conftest.Site, topic: str) -> AsyncIterator[Network]:
        assert topic == TOPIC
        with contextlib.closing(Proxy(site.prosody.config.port)) as proxy:
            yield Real(site, proxy)
            await site.leave()
