"""What an arrival does to the journal, in one commit: taken in, answered again, passed on, or quarantined."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from messaging import inbox, outbox
from messaging.author import Author
from messaging.desk import Answer
from messaging.judgement import Believed, Culprit, Rejected
from messaging.records import Destination, Outgoing, StoredPacket, ToUser
from messaging.rules import Rules, telescope_of
from messaging.session import Arrival
from messaging.timing import Timing
from messaging.transaction import Transaction
from voevent.errors import VOEventError
from voevent.identity import NO_CAMPAIGN, author_of, receipt_ivorn
from voevent.kinds import Kind, Receipt, ReceiptOutcome
from voevent.packet import Packet, PacketId


class Novelty(StrEnum):
    """How an arrival relates to what is held."""

    NEW = "new"
    """Never seen."""
    DUPLICATE = "duplicate"
    """Held already, to the byte."""
    CONFLICT = "conflict"
    """Another packet has its IVORN."""
    UNFOUNDED = "unfounded"
    """A receipt about a packet of ours that we never sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What became of a believed arrival: the packet as held, and for a receipt what it settled."""

    novelty: Novelty
    stored: StoredPacket | None
    settled: tuple[Outgoing, ...] = ()
    cited: StoredPacket | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Intake:
    """The journal's side of receiving, for one site. Its methods run inside transactions."""

    author: Author
    rules: Rules
    timing: Timing

    def take(self, tx: Transaction, arrival: Arrival, believed: Believed) -> Taken:
        """Commit a believed arrival; a duplicate is answered again with every receipt held."""
        packet, content = believed.packet, believed.content
        held = tx.held(packet.ivorn)
        sender = arrival.publisher or arrival.sender
        if held is None:
            if not isinstance(content, Receipt):
                return Taken(novelty=Novelty.NEW, stored=tx.store(packet, sender=sender, considered=False))
            cited = tx.stored(content.cited)
            if cited is None and self._passes_for_ours(content.cited):
                reason = f"a receipt about {content.cited}, which was never sent from here"
                inbox.quarantine(tx, arrival, ivorn=packet.ivorn, reason=reason)
                return Taken(novelty=Novelty.UNFOUNDED, stored=None)
            stored = tx.store_receipt(packet, content, sender=sender, considered=False)
            settled = self._settle(tx, believed, content)
            self._pass_on(tx, believed)
            return Taken(novelty=Novelty.NEW, stored=stored, settled=tuple(settled), cited=cited)
        if held != packet.id:
            reason = f"another packet has this IVORN already, with SHA-256 {held.sha256}"
            news = inbox.quarantine(tx, arrival, ivorn=packet.ivorn, reason=reason)
            if news and believed.kind is not Kind.RECEIPT:
                culprit = Culprit(id=packet.id, author=believed.header.author, drill=believed.header.drill)
                self._refuse(tx, culprit, reason)
            return Taken(novelty=Novelty.CONFLICT, stored=None)
        if not arrival.replayed:
            if isinstance(content, Receipt):
                self._pass_on(tx, believed)
            else:
                self._answer_again(tx, packet.id, believed.header.campaign, sender)
        return Taken(novelty=Novelty.DUPLICATE, stored=tx.stored(packet.id))

    def reject(self, tx: Transaction, arrival: Arrival, rejected: Rejected) -> None:
        """Keep what is not believed for inspection, and say so to its author if there is one to be told."""
        news = inbox.quarantine(tx, arrival, ivorn=rejected.ivorn, reason=rejected.reason)
        culprit = rejected.culprit
        if news and culprit is not None and tx.stored(culprit.id) is None:
            self._refuse(tx, culprit, rejected.reason)

    def decide(self, tx: Transaction, considered: StoredPacket, answer: Answer) -> bool:
        """Commit what the desk made of a packet: the effect once, whatever was said about it meanwhile.

        False, and nothing done, when that was committed before.
        """
        if not inbox.mark_considered(tx, considered.row):
            return False
        if answer.effect is not None:
            answer.effect(tx)
        if not self._was_said(tx, considered, answer):
            self._reply(tx, considered, answer)
        return True

    def answer(self, tx: Transaction, cited: StoredPacket, answer: Answer) -> bool:
        """Commit a later answer with its effect; False, and nothing done, once the final word was said."""
        if self._was_said(tx, cited, answer):
            return False
        if answer.effect is not None:
            answer.effect(tx)
        self._reply(tx, cited, answer)
        return True

    def expire(self, tx: Transaction) -> list[tuple[Outgoing, Packet | None]]:
        """Give up what is past its deadline; gives each with our receipt about it, where that is new.

        What is in our custody is given up aloud; about our own packets the receipt is a note
        to ourselves.
        """
        expired = []
        for row in outbox.expire(tx):
            stored = tx.stored(row.id)
            if stored is None:
                continue
            minutes = (tx.now - row.committed).total_seconds() / 60
            receipt = Receipt(
                cited=row.id,
                outcome=ReceiptOutcome.EXPIRED,
                reason=f"not answered for {minutes:.1f} min, its deadline",
            )
            own = row.author == self.author.site
            to = None if own else self.rules.answers_to(row.campaign.rpartition(".")[2])
            expired.append(
                (row, self._say(tx, row.campaign, receipt, to=to, drill=stored.drill, considered=False))
            )
        return expired

    def _passes_for_ours(self, cited: PacketId) -> bool:
        """Whether it would be our own packet: what we say is in the journal before it is sent."""
        return author_of(cited.ivorn) == self.author.site

    def _was_said(self, tx: Transaction, cited: StoredPacket, answer: Answer) -> bool:
        said = [r.outcome for r in tx.receipts(cited.id) if r.author == self.author.site]
        return answer.outcome in said or any(outcome.final for outcome in said)

    def _reply(self, tx: Transaction, cited: StoredPacket, answer: Answer) -> None:
        receipt = Receipt(
            cited=cited.id, outcome=answer.outcome, reason=answer.reason, details=answer.details
        )
        to = self.rules.answers_to(cited.campaign.rpartition(".")[2])
        self._say(tx, cited.campaign, receipt, to=to, drill=cited.drill)

    def _settle(self, tx: Transaction, believed: Believed, receipt: Receipt) -> list[Outgoing]:
        header = believed.header
        return outbox.answered(
            tx,
            receipt.cited,
            telescope=telescope_of(header.campaign, header.author, receipt) or "",
            final=receipt.outcome.final,
            slow_until=tx.now + timedelta(seconds=self.timing.slow_first_s),
        )

    def _pass_on(self, tx: Transaction, believed: Believed) -> None:
        """At the relay, publish a receipt (again): who missed it asked its author again, not us."""
        header = believed.header
        telescope = telescope_of(header.campaign, header.author, believed.content)
        if self.rules.relays and telescope is not None:
            tx.enqueue(
                believed.packet,
                to=self.rules.answers_to(telescope),
                body=believed.packet.description,
                deadline_s=None,
                acknowledged=False,
            )

    def _answer_again(self, tx: Transaction, cited: PacketId, campaign: str, sender: str) -> None:
        telescope = campaign.rpartition(".")[2]
        for receipt in tx.receipts(cited):
            if receipt.author == self.author.site:
                tx.repeat(receipt.id, to=self.rules.answers_to(telescope))
            if self.rules.relays:
                tx.repeat(receipt.id, to=ToUser(sender))

    def _refuse(self, tx: Transaction, culprit: Culprit, reason: str) -> None:
        receipt = Receipt(cited=culprit.id, outcome=ReceiptOutcome.REFUSED, reason=reason)
        to = self.rules.answers_to(culprit.author)
        # What it claims to be may be something that cannot be cited in a valid packet: quarantine has it.
        with contextlib.suppress(VOEventError):
            self._say(tx, NO_CAMPAIGN, receipt, to=to, drill=culprit.drill)

    def _say(
        self,
        tx: Transaction,
        campaign: str,
        receipt: Receipt,
        *,
        to: Destination | None,
        drill: bool,
        considered: bool = True,
    ) -> Packet | None:
        """Write a receipt; one of the same outcome about the same bytes is sent again instead."""
        ivorn = receipt_ivorn(
            self.author.authority,
            self.author.site,
            campaign,
            outcome=receipt.outcome,
            cited_sha256=receipt.cited.sha256,
        )
        held = tx.held(ivorn)
        if held is None:
            return self.author.compose(tx, campaign, receipt, to=to, drill=drill, considered=considered)
        if to is not None:
            tx.repeat(held, to=to)
        return None
