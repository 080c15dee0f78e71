"""Which peers' agents are there, as far as the server lets us know.

Presence is directed: each agent tells its peers' full addresses that it is there, and the server tells them
when it no longer is. Nobody else hears of it, and an agent never becomes available for messages to the
account as a whole.

References
----------
RFC 6121, section 4.6 (directed presence).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from messaging.xmpp.inbox import agent_of
from messaging.xmpp.settings import XmppSettings
from messaging.xmpp.stream import Stream

_LOG = logging.getLogger(__name__)


class Peers:
    """What is known of the presence of other sites' agents.

    Parameters
    ----------
    settings
        Whose peers they are.
    changed
        Called with a site user and whether its agent is there, when that becomes known or changes.
    """

    def __init__(self, settings: XmppSettings, changed: Callable[[str, bool], None]) -> None:
        self._settings = settings
        self._changed = changed
        self._users: set[str] = set(settings.peers)
        self._there: dict[str, bool] = {}
        self._told: set[str] = set()

    def present(self, user: str) -> bool:
        """Whether that user's agent is known to be there; True when nothing is known."""
        return self._there.get(user, True)

    def heard(self, user: str) -> bool | None:
        """Whether that user's agent is there; None when nothing is known."""
        return self._there.get(user)

    def add(self, user: str) -> None:
        """Watch one more user."""
        self._users.add(user)

    def forget(self) -> None:
        """Know nothing: the connection is a new one, and the server has told nobody of it."""
        self._there.clear()
        self._told.clear()

    def announce(self, stream: Stream, *users: str) -> None:
        """Tell peers, all of them if none is named, that we are there."""
        for user in users or tuple(self._users):
            self._told.add(user)
            stream.send_presence(pto=self._settings.address_of(user))

    def hear(self, stream: Stream, presence: Any) -> None:
        """Take a presence stanza."""
        user = agent_of(str(presence["from"]), self._settings)
        kind = presence.xml.get("type")
        if user is None or kind not in {None, "unavailable"}:
            return
        self._note(user, there=kind is None)
        if kind is None and user not in self._told:
            # It came after us and does not know that we are there.
            self.announce(stream, user)

    def bounced(self, address: str) -> None:
        """Take it that a message to this address came back."""
        user = agent_of(address, self._settings)
        if user is not None:
            self._note(user, there=False)

    async def look(self, stream: Stream) -> None:
        """Ask after every peer that is not known to be there."""
        absent = {user for user, there in self._there.items() if not there}
        unsure = sorted(absent | (self._users - self._there.keys()))
        found = await asyncio.gather(
            *(
                stream.answers(self._settings.address_of(user), self._settings.timing.probe_s)
                for user in unsure
            )
        )
        for user, answer in zip(unsure, found, strict=True):
            if answer is not None:
                self._note(user, there=answer)

    def _note(self, user: str, *, there: bool) -> None:
        if self._there.get(user) != there:
            self._there[user] = there
            _LOG.info("the agent of %s is %s", user, "there" if there else "absent")
            self._changed(user, there)
