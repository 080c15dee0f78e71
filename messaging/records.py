"""What a journal holds, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from followup.names import CSC
from voevent.kinds import ReceiptOutcome
from voevent.packet import PacketId


class OutgoingState(StrEnum):
    """How far an outgoing packet is."""

    PENDING = "pending"
    """To be sent, or sent again."""
    SENT = "sent"
    """The server took it, and nobody is expected to answer (receipts)."""
    SETTLED = "settled"
    """A final receipt came."""
    EXPIRED = "expired"
    """Its deadline passed first; a person may revive it, and a late final receipt still counts."""


@dataclass(frozen=True, slots=True)
class ToUser:
    """To the agent of a site user, directly."""

    user: str

    @property
    def peer(self) -> str:
        """Whose absence makes sending pointless."""
        return self.user


@dataclass(frozen=True, slots=True)
class ToTopic:
    """To a topic; it is the science centre that answers what is published there."""

    topic: str

    @property
    def peer(self) -> str:
        """Whose absence makes sending again pointless."""
        return CSC


Destination = ToUser | ToTopic
"""Where a packet goes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPacket:
    """A packet in the journal.

    Attributes
    ----------
    row
        Its number in the journal, in order of commit.
    received
        Whether it came from elsewhere; then `sender` is the site user that handed it over.
    committed
        Wall time of the commit.
    considered
        Whether the site's service has dealt with it; always true for its own packets.
    """

    row: int
    id: PacketId
    raw: bytes
    kind: str
    author: str
    campaign: str
    drill: bool
    received: bool
    sender: str
    committed: datetime
    considered: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """A packet on its way to one destination. Times are wall times.

    Attributes
    ----------
    interim
        Whether an interim receipt came (``relayed`` or ``received``).
    attempts
        How often the server took it.
    deadline
        When it is no longer worth delivering; None for never.
    problem
        What the server said when it refused it last; empty when it did not.
    """

    row: int
    id: PacketId
    kind: str
    author: str
    campaign: str
    destination: Destination
    body: str
    acknowledged: bool
    state: OutgoingState
    interim: bool
    attempts: int
    committed: datetime
    deadline: datetime | None
    due: datetime
    first_sent: datetime | None
    last_sent: datetime | None
    problem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldReceipt:
    """A receipt in the journal, written here or received; `committed` is the wall time of its commit here."""

    id: PacketId
    author: str
    campaign: str
    cited: PacketId
    outcome: ReceiptOutcome
    reason: str
    details: Mapping[str, str]
    committed: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A line of an agent's own record of a campaign; `time` is the agent's, `committed` the wall's."""

    row: int
    campaign: str
    what: str
    data: Mapping[str, Any]
    time: datetime
    committed: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class QuarantineCount:
    """How much is kept in quarantine, and how much had to make room for it."""

    kept: int
    kept_bytes: int
    dropped: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Quarantined:
    """Something not believed, and why: `ivorn` is what it claimed to be, `sha256` is of its bytes."""

    row: int
    raw: bytes
    ivorn: str
    sha256: str
    sender: str
    topic: str | None
    publisher: str | None
    reason: str
    time: datetime
