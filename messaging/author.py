"""Writing a site's own packets into its journal."""

from __future__ import annotations

from dataclasses import dataclass

from followup.clock import Clock
from messaging.records import Destination
from messaging.transaction import Transaction
from voevent.build import build
from voevent.kinds import Cited, Content, Header, Receipt
from voevent.packet import Packet


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """A site as the author of packets: their sequence, their date on its sky clock, their way out.

    Attributes
    ----------
    site
        Its user name.
    authority
        Authority of its IVORNs.
    """

    site: str
    authority: str
    sky: Clock

    def compose(
        self,
        transaction: Transaction,
        campaign: str,
        content: Content,
        *,
        to: Destination | None,
        drill: bool,
        cites: tuple[Cited, ...] = (),
        deadline_s: float | None = None,
        considered: bool = True,
    ) -> Packet:
        """Give a packet its number, build and enqueue a packet; it exists when the transaction is committed.

        Parameters
        ----------
        to
            Where it goes; None for a receipt that is only put on record here.
        cites
            What it answers; a receipt cites the packet that it is about by itself.
        deadline_s
            How long it is worth delivering, from the commit on; None for always.
        considered
            False for a receipt that our own desk is to take note of (something expired).

        Raises
        ------
        PacketTooLargeError
            When it comes out larger than the journal's limit.
        IdentityTakenError
            When a packet of this name exists already (a trigger of the same notice and revision).
        """
        if isinstance(content, Receipt):
            cites = (Cited(id=content.cited),)
        header = Header(
            authority=self.authority,
            author=self.site,
            campaign=campaign,
            sequence=transaction.next_sequence(campaign),
            date=self.sky.now(),
            drill=drill,
            cites=cites,
            deadline_s=deadline_s,
        )
        packet = build(header, content)
        receipt = isinstance(content, Receipt)
        if isinstance(content, Receipt):
            row = transaction.store_receipt(packet, content, sender="", considered=considered).row
        else:
            row = transaction.store(packet, sender="", considered=considered).row
        if to is not None:
            body = packet.description
            transaction.dispatch(row, to=to, body=body, deadline_s=deadline_s, acknowledged=not receipt)
        return packet
