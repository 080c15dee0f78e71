"""The session of an agent with a real XMPP server: the port `messaging.session.Session` on slixmpp.

Here is what a session does over its life: look for a second agent of its name, log in, subscribe, deliver
what comes, keep an eye on the connection and on the peers, and reconnect. Acknowledging, ordering and
repeating are the courier's.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from typing import Any

from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

from followup.clock import Clock
from followup.errors import FollowupError
from messaging.session import (
    Arrival,
    ArrivalCallback,
    Envelope,
    OnlineCallback,
    PasswordRefusedError,
    PresenceCallback,
    SessionDownError,
    SessionRefusedError,
    UndeliverableError,
)
from messaging.xmpp import inbox
from messaging.xmpp.peers import Peers
from messaging.xmpp.refusals import server
from messaging.xmpp.settings import AGENT_RESOURCE, XmppSettings
from messaging.xmpp.stream import Stream
from messaging.xmpp.subscriptions import Subscriptions
from messaging.xmpp.wire import line, wrap

_LOG = logging.getLogger(__name__)
_MOST_WAITING = 2000
"""Arrivals held for the courier; what comes while it is so far behind is dropped, and will be sent again."""

_MOST_TOGETHER = 64
"""Arrivals given to the courier that are not committed yet."""


async def _ignore(_arrival: Arrival) -> None:
    """Take no arrivals: the session of a command that only looks after topics."""


class XmppSession:
    """One agent's connection to a real XMPP server.

    Parameters
    ----------
    settings
        Server, account, topics and peers.
    wall, rng
        Clock and randomness of the waits between attempts to reconnect.

    Notes
    -----
    A user-to-user packet travels in a message of type headline to the full address. A server hands a
    normal or chat message for an agent that is absent to whoever else is logged in under the account; a
    headline it discards (RFC 6121, section 8.5.3.2.1).
    """

    def __init__(self, settings: XmppSettings, *, wall: Clock, rng: random.Random) -> None:
        self.settings = settings
        self.on_arrival: ArrivalCallback = _ignore
        self.on_presence: PresenceCallback = lambda _user, _there: None
        self.on_online: OnlineCallback = lambda _online: None
        self._wall = wall
        self._rng = rng
        self._topics = Subscriptions(settings, self._take_stored)
        self._peers = Peers(settings, self._on_presence)
        self._arrivals: asyncio.Queue[Arrival] = asyncio.Queue(_MOST_WAITING)
        self._stream: Stream | None = None
        self._online = False
        self._logins = 0
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._ended: asyncio.Future[None] | None = None

    @property
    def stream(self) -> Stream:
        """The connection, for work on topics.

        Raises
        ------
        SessionDownError
            When not connected.
        """
        if self._stream is None or not self._online:
            raise SessionDownError(f"not connected to {server(self.settings)}")
        return self._stream

    @property
    def online(self) -> bool:
        """Whether we are connected."""
        return self._online

    @property
    def logins(self) -> int:
        """How often we logged in afresh: what the server knew of us before may be gone each time."""
        return self._logins

    def heard(self, user: str) -> bool | None:
        """Whether the agent of that site user is there; None while we cannot know."""
        return self._peers.heard(user) if self._online else None

    async def open(self) -> None:
        """Connect; return when online. From then on the session reconnects by itself.

        Raises
        ------
        SessionRefusedError
            When trying again is vain: password, certificate, a second agent of this name.
        SessionDownError
            When the server is absent. Nothing is left running: call again.
        """
        stream = await self._enter()
        self._ended = asyncio.get_running_loop().create_future()
        self._tasks = (
            asyncio.create_task(self._live(stream), name=f"xmpp session of {self.settings.user}"),
            asyncio.create_task(self._deliver(), name=f"xmpp arrivals of {self.settings.user}"),
        )

    async def close(self) -> None:
        """Disconnect for good."""
        tasks, self._tasks = self._tasks, ()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        stream, self._stream = self._stream, None
        self._set_online(online=False)
        if stream is not None:
            await stream.leave()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    async def ended(self) -> None:
        """Return when the session was closed.

        Raises
        ------
        SessionRefusedError
            When the server ended it for good, e.g. because a second agent took our place.
        """
        if self._ended is not None:
            await asyncio.shield(self._ended)

    async def send(self, to: str, envelope: Envelope) -> None:
        """Hand a packet to the server for the agent of the site user `to`.

        Raises
        ------
        SessionDownError
            When not connected, or the server does not read what we send.
        UndeliverableError
            When the packet is larger than the server takes.
        """
        stream = self.stream
        self._check_size(stream, envelope)
        await stream.writable()
        message = stream.make_message(
            mto=self.settings.address_of(to), mbody=line(envelope.body), mtype="headline"
        )
        message.xml.append(wrap(envelope))
        message.send()

    async def publish(self, topic: str, envelope: Envelope) -> None:
        """Publish a packet as an item of a topic, under its digest. Returns when the service has it.

        Raises
        ------
        SessionDownError
            When not connected or not answered in time.
        UndeliverableError
            When the service refused it, or it is larger than the server takes.
        """
        stream = self.stream
        self._check_size(stream, envelope)
        await stream.writable()
        request = stream.pubsub.publish(
            self.settings.service, topic, id=envelope.id.sha256, payload=wrap(envelope)
        )
        await stream.ask(request, f"publishing on the topic {topic}")

    def present(self, user: str) -> bool:
        """Whether the agent of that site user is known to be there; True when nothing is known."""
        return self._peers.present(user)

    def add_peer(self, user: str) -> None:
        """From now on tell this site user's agent that we are there, and watch its presence."""
        self._peers.add(user)
        if self._stream is not None and self._online:
            self._peers.announce(self._stream, user)

    async def add_topic(self, topic: str) -> None:
        """Subscribe to one more topic, now and after each reconnect.

        Raises
        ------
        SessionDownError
            When not connected; the subscription is made once we are.
        UndeliverableError
            When there is no such topic, or we are no member; tried again until it succeeds.
        """
        self._topics.add(topic)
        await self._topics.subscribe(self.stream, topic)

    def remove_topic(self, topic: str) -> None:
        """Believe no further events of a topic."""
        self._topics.remove(topic)

    async def _enter(self) -> Stream:
        """Log in afresh, unless a live agent of our name is there already."""
        settings = self.settings
        probe = Stream(settings, f"probe-{secrets.token_hex(4)}", resumable=False)
        await probe.login()
        try:
            address = f"{settings.user}@{settings.domain}/{settings.resource}"
            if await probe.answers(address, settings.timing.probe_s):
                raise SessionRefusedError(
                    f"another agent is already running as {address}", hint="run one agent of each name"
                )
        finally:
            await probe.leave()
        stream = Stream(settings, settings.resource, resumable=True)
        self._listen(stream)
        await stream.login()
        self._topics.forget()
        self._peers.forget()
        self._logins += 1
        if settings.resource == AGENT_RESOURCE:
            self._peers.announce(stream)
        self._set_online(online=True, stream=stream)
        return stream

    def _listen(self, stream: Stream) -> None:
        stream.register_handler(Callback("arrivals", StanzaPath("message"), self._on_message))
        stream.register_handler(
            Callback("peers", StanzaPath("presence"), lambda presence: self._peers.hear(stream, presence))
        )

    def _on_message(self, message: Any) -> None:
        if message["type"] == "error":
            self._peers.bounced(str(message["from"]))
            return
        deleted = inbox.deleted_topic(message.xml, self.settings)
        if deleted is not None:
            self._topics.lost(deleted)
        for arrival in inbox.arrivals(message.xml, self.settings, self._topics.names):
            if not self._topics.hold_back(arrival):
                self._take(arrival)

    def _on_presence(self, user: str, there: bool) -> None:
        self.on_presence(user, there)

    def _take(self, arrival: Arrival) -> None:
        try:
            self._arrivals.put_nowait(arrival)
        except asyncio.QueueFull:
            _LOG.warning(
                "a packet from %s was dropped: %d others wait to be committed", arrival.sender, _MOST_WAITING
            )
            return
        self._topics.note(arrival)

    async def _take_stored(self, arrival: Arrival) -> None:
        await self._arrivals.put(arrival)
        self._topics.note(arrival)

    async def _deliver(self) -> None:
        """Give arrivals to the courier in their order, some before the last ones are committed.

        One after the other, each would wait for the disk by itself; those that wait together share a commit.
        """
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                arrival = await self._arrivals.get()
                if len(under_way) >= _MOST_TOGETHER:
                    await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                task = asyncio.create_task(
                    self._deliver_one(arrival), name=f"xmpp arrival of {self.settings.user}"
                )
                under_way.add(task)
                task.add_done_callback(under_way.discard)
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _deliver_one(self, arrival: Arrival) -> None:
        try:
            await self.on_arrival(arrival)
        except Exception:  # noqa: BLE001 - whatever the courier's fault, the next packet must get through
            # Not committed, so not answered: its sender will send it again.
            _LOG.exception("an arrival from %s was not committed", arrival.sender)

    async def _live(self, stream: Stream) -> None:
        """Tend the connection and replace it whenever it is lost, until that is vain."""
        try:
            while True:
                await self._tend_until_lost(stream)
                stream = await self._reconnect(stream)
        except SessionRefusedError as refusal:
            _LOG.error("%s", refusal)
            if self._ended is not None:
                self._ended.set_exception(refusal)
                self._ended.exception()  # looked at: `ended` need not have a reader

    async def _tend_until_lost(self, stream: Stream) -> None:
        tending = asyncio.create_task(self._tend(stream), name=f"xmpp tending of {self.settings.user}")
        try:
            await stream.lost.wait()
        finally:
            self._set_online(online=False)
            tending.cancel()
            await asyncio.wait({tending})
        if stream.refusal is not None:
            raise stream.refusal

    async def _reconnect(self, stream: Stream) -> Stream:
        """Resume the connection, or log in afresh; wait longer and longer between attempts."""
        timing = self.settings.timing
        wait_s = timing.first_wait_s
        while True:
            await self._wall.sleep(wait_s * self._rng.uniform(0.5, 1.5))
            wait_s = min(2 * wait_s, timing.longest_wait_s)
            try:
                if stream.resumable:
                    await stream.login()
                    self._set_online(online=True, stream=stream)
                    return stream
            except SessionDownError as error:
                _LOG.info("not resumed: %s", error)
                if stream.resumable:
                    continue
            await stream.drop()
            try:
                return await self._enter()
            except SessionDownError as error:
                _LOG.info("not reconnected: %s", error)
            except PasswordRefusedError as error:
                # It was right before: the server has lost its accounts, and gets them back. A telescope
                # goes on with its night meanwhile.
                _LOG.error("%s; trying again (%s)", error, error.hint)

    async def _tend(self, stream: Stream) -> None:
        """Look after the connection, at intervals: server, subscriptions, absent peers."""
        while True:
            try:
                await asyncio.gather(self._topics.catch_up(stream), self._peers.look(stream))
            except FollowupError as error:
                _LOG.warning("%s; trying again", error)
            await self._wall.sleep(self.settings.timing.tend_s)
            if await stream.answers(self.settings.domain, self.settings.timing.answer_s) is None:
                _LOG.warning("%s does not answer: reconnecting", server(self.settings))
                await stream.cut()
                return

    def _check_size(self, stream: Stream, envelope: Envelope) -> None:
        limit = min(self.settings.max_stanza_bytes, stream.limits.max_bytes or self.settings.max_stanza_bytes)
        size = 4 * len(envelope.raw) // 3 + 16384  # 16 KiB bound addresses, IVORN, digest and the two lines
        if size > limit:
            raise UndeliverableError(
                f"{envelope.id} of {len(envelope.raw)} bytes is larger than the XMPP server takes ({limit})",
                hint="raise max_stanza_bytes here and the stanza size limit of the server",
            )

    def _set_online(self, *, online: bool, stream: Stream | None = None) -> None:
        if stream is not None:
            self._stream = stream
        if online != self._online:
            self._online = online
            self.on_online(online)
