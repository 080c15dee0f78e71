"""The in-memory twin of a messaging server: no sockets, and as unreliable as a test wants it.

It keeps what the real one keeps (the items of topics) and forgets what the real one forgets (whatever is on
its way to somebody who is not there).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from followup.clock import Clock
from messaging.session import (
    Arrival,
    ArrivalCallback,
    Envelope,
    OnlineCallback,
    PresenceCallback,
    SessionDownError,
    SessionRefusedError,
    UndeliverableError,
)

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """Something on its way to a site user."""

    to: str
    arrival: Arrival


Fate = Callable[[Delivery], Sequence[float]]
"""When copies come through, in wall seconds from now: ``[]`` loses a delivery, ``[0, 3]`` doubles it."""


def _reliable(_delivery: Delivery) -> Sequence[float]:
    return (0.0,)


@dataclass(kw_only=True)
class _Topic:
    publisher: str
    members: set[str]
    items: dict[str, Arrival] = field(default_factory=dict)


class MemoryServer:
    """A server for the sessions of one event loop.

    Attributes
    ----------
    fate
        Decides what becomes of each delivery; may be exchanged at any time.
    """

    def __init__(self, *, wall: Clock, fate: Fate = _reliable) -> None:
        self.fate = fate
        self._wall = wall
        self._up = True
        self._topics: dict[str, _Topic] = {}
        self._sessions: dict[str, MemorySession] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def session(self, user: str) -> MemorySession:
        """Make a session for the agent of a site user; it connects when it is opened."""
        return MemorySession(self, user)

    def create_topic(self, name: str, *, publisher: str, members: Sequence[str]) -> None:
        """Create a topic that `publisher` may publish on and `members` hear."""
        self._topics[name] = _Topic(publisher=publisher, members=set(members))

    def cut(self) -> None:
        """Go down: all sessions lose their connection, and what is under way is lost."""
        self._up = False
        for task in self._tasks:
            task.cancel()
        for session in list(self._sessions.values()):
            session.hear_online(False)

    def mend(self) -> None:
        """Come up again; the sessions that were not closed reconnect."""
        self._up = True
        for session in list(self._sessions.values()):
            self._welcome(session)

    def wipe(self) -> None:
        """Lose the items of all topics."""
        for topic in self._topics.values():
            topic.items.clear()

    def here(self, user: str) -> bool:
        """Whether the agent of a site user is connected."""
        return self._up and user in self._sessions

    def join(self, session: MemorySession) -> None:
        """Connect a session.

        Raises
        ------
        SessionRefusedError
            When an agent of this name is connected already.
        """
        if session.user in self._sessions:
            raise SessionRefusedError(
                f"another agent is logged in as {session.user}", hint="stop one of the two"
            )
        self._sessions[session.user] = session
        if self._up:
            self._welcome(session)

    def leave(self, session: MemorySession) -> None:
        """Disconnect a session; what is under way to it is lost."""
        if self._sessions.get(session.user) is session:
            del self._sessions[session.user]
            if self._up:
                self._announce(session.user, there=False)

    def carry(self, sender: str, to: str, envelope: Envelope) -> None:
        """Bring a packet to a site user, if that is what fate has for it."""
        arrival = Arrival(
            raw=envelope.raw,
            claimed_sha256=envelope.id.sha256,
            claimed_ivorn=envelope.id.ivorn,
            sender=sender,
        )
        self._deliver(Delivery(to=to, arrival=arrival))

    def put(self, publisher: str, name: str, envelope: Envelope) -> None:
        """Keep a packet as an item of a topic and bring it to all members.

        Raises
        ------
        UndeliverableError
            When there is no such topic, or it is not the publisher's.
        """
        topic = self._topics.get(name)
        if topic is None or topic.publisher != publisher:
            raise UndeliverableError(f"{publisher} cannot publish on topic {name}")
        arrival = Arrival(
            raw=envelope.raw,
            claimed_sha256=envelope.id.sha256,
            claimed_ivorn=envelope.id.ivorn,
            sender="pubsub",
            topic=name,
            publisher=publisher,
        )
        topic.items[envelope.id.sha256] = arrival
        for member in sorted(topic.members):
            self._deliver(Delivery(to=member, arrival=arrival))

    def check_up(self) -> None:
        """Raise SessionDownError unless the server is up."""
        if not self._up:
            raise SessionDownError("the server is down")

    async def close(self) -> None:
        """Drop what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _welcome(self, session: MemorySession) -> None:
        session.hear_online(True)
        self._announce(session.user, there=True)
        for other in self._sessions:
            if other != session.user:
                session.hear_presence(other, True)
        for topic in self._topics.values():
            if session.user in topic.members:
                for arrival in topic.items.values():
                    session.hear(replace(arrival, replayed=True))

    def _announce(self, user: str, *, there: bool) -> None:
        for other in list(self._sessions.values()):
            if other.user != user:
                other.hear_presence(user, there)

    def _deliver(self, delivery: Delivery) -> None:
        for delay_s in self.fate(delivery):
            if delay_s <= 0:
                self._arrive(delivery)
            else:
                task = asyncio.get_running_loop().create_task(self._arrive_later(delivery, delay_s))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _arrive_later(self, delivery: Delivery, delay_s: float) -> None:
        await self._wall.sleep(delay_s)
        self._arrive(delivery)

    def _arrive(self, delivery: Delivery) -> None:
        session = self._sessions.get(delivery.to)
        if self._up and session is not None:
            session.hear(delivery.arrival)


class MemorySession:
    """One agent's connection to a `MemoryServer`: a `messaging.session.Session`."""

    on_arrival: ArrivalCallback
    on_presence: PresenceCallback
    on_online: OnlineCallback

    def __init__(self, server: MemoryServer, user: str) -> None:
        self.user = user
        self._server = server
        self._open = False
        self._absent: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect."""
        self._open = True
        self._server.join(self)

    async def close(self) -> None:
        """Disconnect for good."""
        self.break_off()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def break_off(self) -> None:
        """Disconnect as a process does that is killed: what it was hearing is not heard to its end."""
        if self._open:
            self._open = False
            self._server.leave(self)
        for task in self._tasks:
            task.cancel()

    async def send(self, to: str, envelope: Envelope) -> None:
        """Hand a packet to the server for the agent of the site user `to`."""
        self._check_open()
        self._server.carry(self.user, to, envelope)

    async def publish(self, topic: str, envelope: Envelope) -> None:
        """Publish a packet as an item of a topic."""
        self._check_open()
        self._server.put(self.user, topic, envelope)

    def present(self, user: str) -> bool:
        """Whether the agent of that site user is known to be there; True when nothing is known."""
        return user not in self._absent

    def hear(self, arrival: Arrival) -> None:
        """Be given an arrival by the server."""
        task = asyncio.get_running_loop().create_task(self._heard(arrival))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def hear_presence(self, user: str, there: bool) -> None:
        """Be told by the server who comes and goes."""
        if there:
            self._absent.discard(user)
        else:
            self._absent.add(user)
        self.on_presence(user, there)

    def hear_online(self, connected: bool) -> None:
        """Be told whether the connection stands."""
        self._absent.clear()
        self.on_online(connected)

    def _check_open(self) -> None:
        if not self._open:
            raise SessionDownError(f"{self.user} is not connected")
        self._server.check_up()

    async def _heard(self, arrival: Arrival) -> None:
        try:
            await self.on_arrival(arrival)
        except Exception:  # noqa: BLE001 - as a real session: the author will send again
            _LOG.exception("%s could not commit an arrival", self.user)
