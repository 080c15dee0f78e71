"""Honest sites with real sessions and journals; their services take what is permitted, and count it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from followup.clock import WallClock
from followup.names import CSC, RELAY, topic_of
from messaging.author import Author
from messaging.courier import Courier
from messaging.desk import Answer, Effect
from messaging.journal import Journal
from messaging.records import Destination, Quarantined, StoredPacket, ToTopic
from messaging.rules import Rules
from messaging.session import Envelope
from messaging.xmpp import XmppSession, create_topic, delete_topic
from tests.messaging.xmpp.conftest import Agent, Site, until
from voevent.kinds import Content, Header, Receipt, ReceiptOutcome
from voevent.packet import Packet, PacketId

AUTHORITY = "followup"
BAD, OTHER = "gft-x", "gft-y"
"""A telescope that is in strange hands, and an honest one."""

BURST = "sb26112201"


class Service:
    """Takes whatever the courier brings, and counts it."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.taken: list[PacketId] = []
        self.noted_receipts: list[Receipt] = []

    async def consider(self, packet: Packet, header: Header, content: Content) -> Answer:
        self.taken.append(packet.id)
        if self.user != RELAY:
            return Answer(outcome=ReceiptOutcome.ACCEPTED)
        topic = ToTopic(topic_of(header.author))
        return Answer(
            outcome=ReceiptOutcome.RELAYED,
            effect=lambda tx: tx.enqueue(packet, to=topic, body=packet.description, deadline_s=None),
        )

    async def noted(
        self, receipt: Packet, header: Header, content: Receipt, cited: StoredPacket | None
    ) -> Effect | None:
        self.noted_receipts.append(content)
        return None


@dataclass
class Station:
    """One honest site."""

    user: str
    journal: Journal
    session: XmppSession
    service: Service
    courier: Courier
    author: Author

    async def say(self, content: Content, campaign: str, to: Destination) -> PacketId:
        packet = await self.journal.write(
            lambda tx: self.author.compose(tx, campaign, content, to=to, drill=True)
        )
        self.courier.wake()
        return packet.id

    async def quarantined(self) -> list[Quarantined]:
        """What is in quarantine, the latest first."""
        return await self.journal.read(lambda reader: reader.quarantined(limit=10_000))

    async def keeps(self, raw: bytes) -> Quarantined:
        """Wait until something came into quarantine with these bytes."""
        return await self._found(lambda kept: kept.raw == raw)

    async def keeps_for(self, reason: str) -> Quarantined:
        """Wait until something came into quarantine for this reason."""
        return await self._found(lambda kept: reason in kept.reason)

    async def _found(self, fits: Callable[[Quarantined], bool]) -> Quarantined:
        async with asyncio.timeout(10):
            while True:
                for kept in await self.quarantined():
                    if fits(kept):
                        return kept
                await asyncio.sleep(0.01)


class Stations:
    """The honest sites; the bad telescope has an account, and a session without a courier.

    Attributes
    ----------
    proper
        What the bad telescope has sent that is in order.
    """

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.folder = folder
        self.proper: list[PacketId] = []
        self.rules = {
            CSC: Rules.for_csc(lambda: (BAD, OTHER)),
            RELAY: Rules.for_relay(lambda: (BAD, OTHER)),
            OTHER: Rules.for_telescope(OTHER),
        }

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, site: Site, folder: Path) -> AsyncIterator[Stations]:
        stations = cls(site, folder)
        relay = await stations._open(RELAY)
        for telescope in (BAD, OTHER):
            await delete_topic(relay.session, telescope)
            await create_topic(relay.session, telescope)
        stations.relay = relay
        stations.csc = await stations._open(CSC, topics=(topic_of(BAD), topic_of(OTHER)))
        stations.other = await stations._open(OTHER, topics=(topic_of(OTHER),))
        stations.bad = await site.subscribed(BAD, topic_of(BAD))
        for station in (stations.csc, stations.other):
            await until(lambda s=station: all(s.session._topics._subscribed.values()))
        try:
            yield stations
        finally:
            for station in (stations.relay, stations.csc, stations.other):
                await station.courier.stop()
                station.journal.close()

    relay: Station
    csc: Station
    other: Station
    bad: Agent

    async def _open(self, user: str, *, topics: tuple[str, ...] = ()) -> Station:
        wall, rng = WallClock(), random.Random(1)  # noqa: S311 - jitter
        journal = Journal.open(self.folder / f"{user}.sqlite", wall=wall)
        session = XmppSession(self.site.settings(user, topics=topics), wall=wall, rng=rng)
        service = Service(user)
        author = Author(site=user, authority=AUTHORITY, sky=wall)
        courier = Courier(
            site=user,
            authority=AUTHORITY,
            journal=journal,
            session=session,
            rules=self.rules[user],
            desk=service,
            sky=wall,
            wall=wall,
            rng=rng,
        )
        await courier.start()
        # The reading threads are begun when they are first needed: now, so that no test is held to have.
        await asyncio.gather(*(journal.read(lambda reader: reader.campaigns()) for _ in range(8)))
        return Station(user, journal, session, service, courier, author)

    async def attack(self, to: str, raw: bytes, *, ivorn: str, sha256: str) -> None:
        """Have the bad telescope's agent send anything to anybody."""
        await self.bad.session.send(to, Envelope(raw=raw, id=PacketId(ivorn=ivorn, sha256=sha256), body=""))
