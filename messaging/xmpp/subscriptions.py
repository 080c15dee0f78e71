"""A session's subscriptions to topics, and the catching up on what was published while it was away."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from messaging.session import Arrival, UndeliverableError
from messaging.xmpp import topics
from messaging.xmpp.settings import XmppSettings
from messaging.xmpp.stream import Stream

_LOG = logging.getLogger(__name__)
_REMEMBERED = 5000
"""Digests of items already taken; a topic holds at most 200."""
_MOST_HELD_BACK = 1000


class Subscriptions:
    """The topics of a session.

    A subscription that the service refuses (the topic is not made yet, or was wiped) is tried again until
    it succeeds; what was published meanwhile is then fetched.

    Parameters
    ----------
    settings
        Of the session; its topics are the first ones.
    take
        Called with each arrival that was fetched; may wait until there is room for it.
    """

    def __init__(self, settings: XmppSettings, take: Callable[[Arrival], Awaitable[None]]) -> None:
        self._subscribed = dict.fromkeys(settings.topics, False)
        self._take = take
        self._taken: dict[str, None] = {}
        self._held_back: dict[str, list[Arrival]] = {}

    @property
    def names(self) -> frozenset[str]:
        """The topics whose events may be believed."""
        return frozenset(self._subscribed)

    def add(self, topic: str) -> None:
        """Want one more topic."""
        self._subscribed.setdefault(topic, False)

    def remove(self, topic: str) -> None:
        """Want a topic no longer."""
        self._subscribed.pop(topic, None)

    def forget(self) -> None:
        """Hold no subscription: the connection is a new one."""
        self._subscribed = dict.fromkeys(self._subscribed, False)

    def lost(self, topic: str) -> None:
        """Take it that a topic was deleted with its subscriptions."""
        if topic in self._subscribed:
            self._subscribed[topic] = False

    def note(self, arrival: Arrival) -> None:
        """Remember an item that was taken, so that it is not fetched as well."""
        if arrival.topic is None or arrival.problem:
            return
        self._taken[arrival.claimed_sha256] = None
        if len(self._taken) > _REMEMBERED:
            del self._taken[next(iter(self._taken))]

    def hold_back(self, arrival: Arrival) -> bool:
        """Keep an event until what was published before it is fetched; False when nothing is fetched now."""
        waiting = self._held_back.get(arrival.topic or "")
        if waiting is None or len(waiting) >= _MOST_HELD_BACK:
            return False
        waiting.append(arrival)
        return True

    async def subscribe(self, stream: Stream, topic: str) -> None:
        """Subscribe to a topic, then fetch what it holds and we do not; events that come meanwhile follow.

        Raises
        ------
        SessionDownError
            When the connection is lost meanwhile.
        UndeliverableError
            When there is no such topic, or we are no member.
        """
        self._held_back.setdefault(topic, [])
        try:
            await topics.subscribe(stream, topic)
            if topic in self._subscribed:
                self._subscribed[topic] = True
            await self._fetch(stream, topic)
        finally:
            for arrival in self._held_back.pop(topic, []):
                await self._take(arrival)

    async def _fetch(self, stream: Stream, topic: str) -> None:
        held = await topics.item_ids(stream, topic)
        unseen = [digest for digest in held if digest not in self._taken]
        for batch in topics.batches(unseen):
            for arrival in await topics.items(stream, topic, batch, self.names):
                await self._take(arrival)

    async def catch_up(self, stream: Stream) -> None:
        """Subscribe to every topic that is not subscribed to; one that is refused does not stop the others.

        Raises
        ------
        SessionDownError
            When the connection is lost meanwhile.
        """
        for topic in [topic for topic, subscribed in self._subscribed.items() if not subscribed]:
            try:
                await self.subscribe(stream, topic)
            except UndeliverableError as error:
                _LOG.warning("%s; trying again", error)
