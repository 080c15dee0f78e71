"""The port to a site's service: it decides what becomes of packets, the courier does the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from messaging.records import StoredPacket
from messaging.transaction import Transaction
from voevent.kinds import Content, Header, Receipt, ReceiptOutcome
from voevent.packet import Packet

Effect = Callable[[Transaction], None]
"""What a decision changes in the journal. It runs in the journal's thread: inputs by value, no I/O."""


def _nothing() -> None:
    """Do nothing: that is what follows most answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a receipt is to say.

    Attributes
    ----------
    details
        What the answer adds, e.g. ``first_epoch`` of an accepted trigger.
    effect
        Committed together with the receipt: both happen, or neither.
    then
        Called in the event loop right after that commit; not called again when the process dies before.
    independent
        Whether the effect bears on nothing that is considered later. Then the campaign's next packet need
        not wait for this commit, and the two can be made together.
    """

    outcome: ReceiptOutcome
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    effect: Effect | None = None
    then: Callable[[], None] = _nothing
    independent: bool = False

    @property
    def bears_on_later(self) -> bool:
        """Whether the next packet of the campaign has to wait until this answer is committed."""
        return self.then is not _nothing or not (self.effect is None or self.independent)


class Desk(Protocol):
    """A site's service, as the courier sees it.

    Both methods are called in order of commit within a campaign, one at a time; other campaigns do not
    wait. They answer soon: what takes long is answered by an interim receipt, and later with
    `Courier.answer`.
    """

    async def consider(self, packet: Packet, header: Header, content: Content) -> Answer:
        """Decide about a packet that was committed.

        Called once per packet, and again only if the process died, or this raised, before its receipt
        was committed: whatever must happen once goes into the answer's effect.
        """
        ...

    async def noted(
        self, receipt: Packet, header: Header, content: Receipt, cited: StoredPacket | None
    ) -> Effect | None:
        """Take note of a receipt that was committed; what follows from it goes into the effect returned.

        Called as `consider` is. `cited` is None when the journal does not hold that packet (yet). A
        receipt by ourselves comes here when our own packet, or one in our custody, has expired.
        """
        ...
