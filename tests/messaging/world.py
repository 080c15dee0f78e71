"""A science centre, telescopes and a relay in one event loop, on virtual time, with deaths to order."""

from __future__ import annotations

import asyncio
import hashlib
import random
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import repeat
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

from followup.clock import WallClock
from followup.names import CSC, RELAY, topic_of
from messaging.author import Author
from messaging.courier import Courier
from messaging.desk import Answer, Effect
from messaging.journal import Journal
from messaging.memory import Delivery, MemoryServer, MemorySession
from messaging.reader import Reader
from messaging.records import Destination, HeldReceipt, Outgoing, OutgoingState, StoredPacket, ToTopic, ToUser
from messaging.rules import Rules
from messaging.session import Envelope
from messaging.store import Store
from messaging.timing import Timing
from messaging.transaction import Transaction
from voevent.kinds import (
    Content,
    Header,
    ManifestRef,
    Receipt,
    ReceiptOutcome,
    Status,
    StatusState,
    Trigger,
    TriggerAction,
    Upload,
    UploadState,
)
from voevent.packet import MAX_PACKET_BYTES, Packet, PacketId, SkyPosition

T = TypeVar("T")
START = datetime(2026, 11, 22, 6, 0, 0, tzinfo=UTC)
AUTHORITY = "followup"
BURST = "sb26112201"
TIMING = Timing(poll_s=3600.0, jitter=0.0)
"""Nobody else writes into these journals, and delays are easier to check without jitter."""


class VirtualWall:
    """A wall clock that moves when it is told to, from one sleeper's waking to the next."""

    def __init__(self) -> None:
        self._now = START
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + timedelta(seconds=max(0.0, seconds)), self._count, future))
        await future

    async def advance(self, seconds: float) -> None:
        end = self._now + timedelta(seconds=seconds)
        await settle()
        while True:
            self._sleepers = [s for s in self._sleepers if not s[2].done()]
            due = min(self._sleepers, default=None)
            if due is None or due[0] > end:
                break
            self._now = max(self._now, due[0])
            due[2].set_result(None)
            await settle()
        self._now = end


class WrongClock:
    """A site's wall clock, that is so many seconds ahead of the true time; it runs as fast."""

    def __init__(self, true: VirtualWall, ahead_s: float) -> None:
        self._true = true
        self.ahead = timedelta(seconds=ahead_s)

    def now(self) -> datetime:
        return self._true.now() + self.ahead

    async def sleep(self, seconds: float) -> None:
        await self._true.sleep(seconds)


async def settle() -> None:
    """Return when every task waits for virtual time (nothing here waits for anything else)."""
    loop: Any = asyncio.get_running_loop()
    await asyncio.sleep(0)
    rounds = 0
    while loop._ready:
        rounds += 1
        assert rounds < 20_000, "something goes round and round"
        await asyncio.sleep(0)


@cache
def _empty_journal() -> bytes:
    folder = Path(mkdtemp())
    try:
        Store(folder / "empty", wall=WallClock(), max_packet_bytes=1).close()
        return (folder / "empty").read_bytes()
    finally:
        shutil.rmtree(folder)


class DiedError(Exception):
    """The process of a site is no more."""


class InlineJournal(Journal):
    """The journal without its threads: what is asked for in one turn of the loop is committed together.

    Attributes
    ----------
    fuse
        How many more commits are made, and whether the next one after these, at which the process dies, is.
    """

    def __init__(self, store: Store, die: Callable[[], None]) -> None:
        self._store = store
        self._die = die
        self._asked: list[tuple[Callable[[Transaction], Any], asyncio.Future[Any]]] = []
        self.fuse: tuple[int, bool] | None = None
        self.dead = False

    async def write(self, work: Callable[[Transaction], T]) -> T:
        if self.dead:
            await asyncio.Event().wait()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self._asked:
            loop.call_soon(self._commit)
        self._asked.append((work, future))
        return await future

    def _commit(self) -> None:
        asked, self._asked = self._asked, []
        if self.dead:
            return
        fatal, committed = False, True
        if self.fuse is not None:
            left, committed = self.fuse
            fatal = left == 0
            self.fuse = (left - 1, committed)
        results = self._store.transact([work for work, _ in asked]) if committed or not fatal else []
        if fatal:
            # Nobody who asked hears of it, whether it was committed or not.
            self._die()
            return
        for (_, future), (value, error) in zip(asked, results, strict=True):
            if future.done():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

    async def read(self, query: Callable[[Reader], T]) -> T:
        if self.dead:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return self._store.query(query)

    def close(self) -> None:
        pass


class Desk:
    """A service that does as its site does, and counts what it did."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.considered: list[PacketId] = []
        self.noted_receipts: list[Receipt] = []
        self.fail = 0

    async def consider(self, packet: Packet, header: Header, content: Content) -> Answer:
        if self.fail:
            self.fail -= 1
            raise RuntimeError("the desk is on fire")
        self.considered.append(packet.id)
        await asyncio.sleep(0)
        site = self.site

        def effect(tx: Transaction) -> None:
            tx.note(header.campaign, "effect", {"sha256": packet.sha256}, time=START)
            if site.user == RELAY:
                tx.enqueue(
                    packet,
                    to=ToTopic(topic_of(header.author)),
                    body=packet.description,
                    deadline_s=header.deadline_s,
                )
            if isinstance(content, Trigger):
                plan = Status(state=StatusState.PLAN, text=f"plan for {packet.sha256}")
                site.author.compose(tx, header.campaign, plan, to=ToUser(RELAY), drill=header.drill)

        if site.user == RELAY:
            return Answer(outcome=ReceiptOutcome.RELAYED, effect=effect)
        if isinstance(content, Upload):
            return Answer(outcome=ReceiptOutcome.RECEIVED, effect=effect)
        if isinstance(content, Status) and content.state is StatusState.ABORT:
            return Answer(outcome=ReceiptOutcome.REFUSED, reason="not now", effect=effect)
        return Answer(outcome=ReceiptOutcome.ACCEPTED, effect=effect)

    async def noted(
        self, receipt: Packet, header: Header, content: Receipt, cited: StoredPacket | None
    ) -> Effect | None:
        self.noted_receipts.append(content)

        def effect(tx: Transaction) -> None:
            tx.note(header.campaign, "noted", {"sha256": receipt.sha256}, time=START)

        return effect


@dataclass(kw_only=True)
class Sent:
    """Something that a site handed to the server."""

    time: datetime
    to: str
    id: PacketId


class Site:
    """One site's process: it can be killed, and started again on the same journal."""

    def __init__(self, world: World, user: str, rules: Rules, timing: Timing, ahead_s: float) -> None:
        self.world = world
        self.wall = WrongClock(world.wall, ahead_s)
        self.user = user
        self.rules = rules
        self.timing = timing
        self.author = Author(site=user, authority=AUTHORITY, sky=self.wall)
        path = world.folder / f"{user}.sqlite"
        path.write_bytes(_empty_journal())
        self.store = Store(path, wall=self.wall, max_packet_bytes=MAX_PACKET_BYTES)
        raw: Any = self.store._connection.connection.dbapi_connection
        raw.execute("PRAGMA synchronous = OFF")  # no power cut comes here, and a disk is slow
        self.desk = Desk(self)
        self.alive = False
        self.sent: list[Sent] = []
        self.journal: InlineJournal
        self.session: MemorySession
        self.courier: Courier

    async def start(self) -> None:
        self.journal = InlineJournal(self.store, self._die)
        self.session = WatchedSession(self.world.server, self)
        self.courier = Courier(
            site=self.user,
            authority=AUTHORITY,
            journal=self.journal,
            session=self.session,
            rules=self.rules,
            desk=self.desk,
            sky=self.wall,
            wall=self.wall,
            rng=random.Random(self.user),  # noqa: S311  # jitter is no secret
            timing=self.timing,
        )
        self.alive = True
        await self.courier.start()
        await settle()

    def _die(self) -> None:
        self.journal.dead = True
        self.alive = False
        self.session.break_off()

    async def kill(self) -> None:
        """As kill -9 does: nothing in it runs any more."""
        if self.alive:
            self._die()
        await self.courier.stop()
        await settle()

    async def say(
        self, content: Content, *, campaign: str, to: Destination, deadline_s: float | None = None
    ) -> PacketId:
        packet = await self.journal.write(
            lambda tx: self.author.compose(tx, campaign, content, to=to, drill=True, deadline_s=deadline_s)
        )
        self.courier.wake()
        return packet.id

    def look(self, query: Callable[[Reader], T]) -> T:
        return self.store.query(query)

    def outgoing(self, packet: PacketId) -> Outgoing:
        return self.look(lambda r: r.outgoing(packet=packet))[0]

    def receipts(self, packet: PacketId) -> list[HeldReceipt]:
        return self.look(lambda r: r.receipts(packet))

    def outcomes(self, packet: PacketId) -> list[str]:
        return [f"{r.author}: {r.outcome}" for r in self.receipts(packet)]

    def effects(self, campaign: str, what: str = "effect") -> list[str]:
        return [e.data["sha256"] for e in self.look(lambda r: r.entries(campaign)) if e.what == what]

    def times_sent(self, packet: PacketId) -> list[float]:
        return [(s.time - START).total_seconds() for s in self.sent if s.id == packet]

    def pending(self) -> list[Outgoing]:
        return self.look(lambda r: r.outgoing(states=[OutgoingState.PENDING]))


class WatchedSession(MemorySession):
    """Notes what is sent, and that it was committed first."""

    def __init__(self, server: MemoryServer, site: Site) -> None:
        super().__init__(server, site.user)
        self._site = site

    async def send(self, to: str, envelope: Envelope) -> None:
        await super().send(to, envelope)
        self._watch(to, envelope)

    async def publish(self, topic: str, envelope: Envelope) -> None:
        await super().publish(topic, envelope)
        self._watch(topic, envelope)

    def _watch(self, to: str, envelope: Envelope) -> None:
        site = self._site
        committed = site.look(lambda r: r.packet(envelope.id))
        assert committed == envelope.raw, "spoke before it committed"
        assert hashlib.sha256(envelope.raw).hexdigest() == envelope.id.sha256
        site.sent.append(Sent(time=site.world.wall.now(), to=to, id=envelope.id))


class World:
    """All sites and their server.

    Parameters
    ----------
    ahead_s
        By how much each site's clock is wrong.

    Attributes
    ----------
    fates
        What becomes of the next deliveries.
    weather
        What becomes of all others.
    """

    def __init__(
        self,
        telescopes: Sequence[str] = ("gft-a",),
        *,
        timing: Timing = TIMING,
        ahead_s: Mapping[str, float] | None = None,
    ) -> None:
        wrong = ahead_s or {}
        self.folder = Path(mkdtemp(prefix="followup-world-"))
        self.wall = VirtualWall()
        self.fates: deque[tuple[float, ...]] = deque()
        self.weather: Iterator[tuple[float, ...]] = repeat((0.0,))
        self.server = MemoryServer(wall=self.wall, fate=self._fate)
        self.telescopes = tuple(telescopes)
        for name in telescopes:
            self.server.create_topic(topic_of(name), publisher=RELAY, members=[CSC, name])

        def site(user: str, rules: Rules) -> Site:
            return Site(self, user, rules, timing, wrong.get(user, 0.0))

        self.csc = site(CSC, Rules.for_csc(lambda: self.telescopes))
        self.relay = site(RELAY, Rules.for_relay(lambda: self.telescopes))
        self.gfts = {name: site(name, Rules.for_telescope(name)) for name in telescopes}

    @property
    def gft(self) -> Site:
        return self.gfts[self.telescopes[0]]

    @property
    def sites(self) -> list[Site]:
        return [self.csc, self.relay, *self.gfts.values()]

    async def start(self) -> None:
        for site in self.sites:
            await site.start()

    async def stop(self) -> None:
        for site in self.sites:
            await site.courier.stop()
            site.store.close()
        await self.server.close()
        shutil.rmtree(self.folder)

    async def advance(self, seconds: float) -> None:
        await self.wall.advance(seconds)

    def _fate(self, _delivery: Delivery) -> Sequence[float]:
        return self.fates.popleft() if self.fates else next(self.weather)


def campaign_of(telescope: str) -> str:
    return f"{BURST}.{telescope}"


def trigger(telescope: str = "gft-a", revision: int = 0) -> Trigger:
    digest = hashlib.sha256(f"notice {revision}".encode()).hexdigest()
    return Trigger(
        burst=BURST,
        telescope=telescope,
        action=TriggerAction.OBSERVE,
        revision=revision,
        trigger_time=START,
        position=SkyPosition(ra_deg=189.98, dec_deg=-17.77, error_radius_deg=0.05),
        instrument="ECLAIRs",
        notice=PacketId(ivorn=f"ivo://org.svom/fsc#sb26112201_{revision}", sha256=digest),
    )


def status(text: str = "clear again", state: StatusState = StatusState.CLEAR) -> Status:
    return Status(state=state, text=text)


def upload(dataset: str = "t1") -> Upload:
    manifest = ManifestRef(path=f"{dataset}.json", size_bytes=10, sha256="ef" * 32, files=1, total_bytes=20)
    return Upload(dataset=dataset, state=UploadState.COMPLETED, manifest=manifest)
