"""The port to a messaging server: what travels, what arrives, and what a session can do.

`messaging.xmpp` talks to a real server through it, `messaging.memory` is its twin for tests. The courier
believes only what a session vouches for: sender, service, node and publisher come from the server's own
stamps, the bytes and their digest are checked by the courier itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from followup.errors import FollowupError
from voevent.packet import PacketId


class SessionDownError(FollowupError):
    """Not connected, or the server did not answer in time: try again later."""


class SessionRefusedError(FollowupError):
    """The server will not have us (password, certificate, second agent of a name): trying again is vain."""


class PasswordRefusedError(SessionRefusedError):
    """The server does not know our account with this password: vain, unless a person mends it."""


class UndeliverableError(FollowupError):
    """The server refused this one message (no such topic, not allowed): others may still go through."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """A packet as it travels.

    Attributes
    ----------
    raw
        The author's exact bytes.
    id
        IVORN and SHA-256 of `raw`.
    body
        One line that any chat client can show.
    """

    raw: bytes
    id: PacketId
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """Something that came, not yet believed.

    Attributes
    ----------
    raw
        Decoded bytes; when they could not be decoded, as much of what came as is kept for inspection.
    claimed_ivorn, claimed_sha256
        What the message around the bytes says they are; empty when it says nothing.
    sender
        Site user (bare local part) as the server authenticated it, for an event the pubsub service's
        name for it; the session has checked the resource of the full JID.
    topic
        Name of the topic, when it came as an event of the right pubsub service.
    publisher
        Site user that published the event, as the service stamped it.
    problem
        Why it cannot be believed already (bad base64, oversized, wrong resource or service); such
        arrivals go to quarantine, and `raw` is read no further.
    replayed
        Fetched from the topic's history after a (re)connect, not sent to us now: if it is held already
        it needs no answer, or each reconnect would have every old packet answered again.
    """

    raw: bytes
    claimed_sha256: str
    sender: str
    topic: str | None = None
    publisher: str | None = None
    problem: str = ""
    claimed_ivorn: str = ""
    replayed: bool = False


ArrivalCallback = Callable[[Arrival], Awaitable[None]]
"""Takes an arrival; when it returns, the arrival is committed to the journal (or rightly dropped).

An exception from it means that it was not committed: log it, the author will send again."""

PresenceCallback = Callable[[str, bool], None]
"""Takes a site user and whether its agent is there."""

OnlineCallback = Callable[[bool], None]
"""Takes whether the session is connected."""


class Session(Protocol):
    """One agent's connection to the server. It reconnects by itself.

    The courier sets the three callbacks before `open`, and they are called in its event loop. Calls of
    `on_arrival` begin in the order in which the arrivals came; they may overlap (a commit takes some
    milliseconds, and commits that wait together are made together).
    """

    on_arrival: ArrivalCallback
    on_presence: PresenceCallback
    on_online: OnlineCallback

    async def open(self) -> None:
        """Connect; return when online.

        Raises
        ------
        SessionRefusedError
            When trying again is vain.
        """
        ...

    async def close(self) -> None:
        """Disconnect for good."""
        ...

    async def send(self, to: str, envelope: Envelope) -> None:
        """Hand a packet to the server for the agent of the site user `to`.

        Returning means that the server (or its stream) took it, not that anybody has it.

        Raises
        ------
        SessionDownError
            When not connected or not answered in time.
        UndeliverableError
            When the server refused this message.
        """
        ...

    async def publish(self, topic: str, envelope: Envelope) -> None:
        """Publish a packet as an item of a topic; the item's id is its SHA-256.

        Returns when the service has it.

        Raises
        ------
        SessionDownError
            When not connected or not answered in time.
        UndeliverableError
            When the service refused it.
        """
        ...

    def present(self, user: str) -> bool:
        """Whether the agent of that site user is known to be there; True when nothing is known."""
        ...
