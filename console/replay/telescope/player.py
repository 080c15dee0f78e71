"""The science centre and the relay, played from the record to a telescope that is under test.

They speak over the real server, under their own accounts: triggers are the recorded bytes, at the recorded
times of the sky's clock. Receipts say what they said, about what the telescope says now, and come as long
after it as they came then. What the telescope says and never said before is answered as by an idle centre:
relayed, and accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from console.replay.conversation import Conversation, Said
from console.replay.errors import ReplayError
from console.replay.heard import Heard, Witness
from console.replay.insisting import insist
from console.replay.keys import Key, Names
from followup.clock import Clock
from followup.names import CSC, RELAY, topic_of
from messaging.session import Arrival, Envelope, Session
from voevent.build import build
from voevent.errors import VOEventError
from voevent.kinds import Header, Receipt, ReceiptOutcome
from voevent.parse import parse
from voevent.read import read

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A receipt to come: by whom, what it says, and how long after the packet (sky time)."""

    author: str
    outcome: ReceiptOutcome
    reason: str
    details: Mapping[str, str]
    after_s: float


_USUAL = (
    Reply(author=RELAY, outcome=ReceiptOutcome.RELAYED, reason="in custody", details={}, after_s=0.0),
    Reply(author=CSC, outcome=ReceiptOutcome.ACCEPTED, reason="archived", details={}, after_s=0.0),
)


@dataclass
class _Exchange:
    """A packet of the telescope and its receipts so far."""

    said: list[Envelope] = field(default_factory=list)
    settled: bool = False


class PlayedCentre:
    """Plays the CSC and the relay to a telescope.

    Parameters
    ----------
    csc, relay
        Sessions of the two, open, on the replay's own server.
    sky
        The replay's clock.

    Attributes
    ----------
    heard
        What the telescope has said, each packet once, in the order in which it came.
    complaints
        What was wrong with how it was said.
    """

    def __init__(
        self,
        conversation: Conversation,
        *,
        csc: Session,
        relay: Session,
        sky: Clock,
        witness: Witness,
    ) -> None:
        self.conversation = conversation
        self.telescope = conversation.name.telescope
        self.heard: list[Heard] = []
        self.complaints: list[str] = []
        self._csc, self._relay = csc, relay
        self._sky = sky
        self._witness = witness
        self._names = Names()
        self._replies = _replies(conversation)
        self._exchanges: dict[str, _Exchange] = {}
        self._unanswered: dict[str, asyncio.Event] = {}
        self._numbers = {CSC: max((s.header.sequence for s in conversation.by(CSC)), default=0), RELAY: 0}
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_work = 0
        relay.on_arrival = self._arrived

    def start(self) -> None:
        """Begin to play."""
        for trigger in self.conversation.triggers:
            self._names.key(trigger.packet.id, trigger.content)
            self._spawn(self._bring(trigger))

    async def stop(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def busy(self) -> bool:
        """Whether something was said that is not answered, or is just being answered."""
        return bool(self._unanswered or self._at_work)

    def unanswered(self, sha256: str) -> bool:
        """Whether the telescope will get on with a packet of its own without the sky's clock going on.

        It will when the packet has yet to be heard, and when its final receipt is on its way.
        """
        exchange = self._exchanges.get(sha256)
        return exchange is None or exchange.settled

    @property
    def over(self) -> bool:
        """Whether all triggers were brought, and every packet heard has got all its receipts."""
        return not self._tasks and not self.busy

    # --- what the science centre says ----------------------------------------------------------------

    async def _bring(self, trigger: Said) -> None:
        await self._sky.sleep((trigger.header.date - self._sky.now()).total_seconds())
        packet = trigger.packet
        answered = self._unanswered[packet.sha256] = asyncio.Event()
        envelope = Envelope(raw=packet.raw, id=packet.id, body=packet.description)

        async def dealt_with(at_most_s: float) -> bool:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(answered.wait(), at_most_s)
            return answered.is_set()

        try:
            await insist(envelope, partial(self._csc.send, self.telescope), dealt_with)
        except ReplayError as error:
            self.complaints.append(str(error))
        finally:
            del self._unanswered[packet.sha256]

    # --- what the relay hears ------------------------------------------------------------------------

    async def _arrived(self, arrival: Arrival) -> None:
        self._at_work += 1
        try:
            await self._take(arrival)
        finally:
            self._at_work -= 1

    async def _take(self, arrival: Arrival) -> None:
        if arrival.topic is not None:
            return  # our own word on the topic
        if arrival.problem:
            self.complaints.append(f"{arrival.sender} said something that cannot be read: {arrival.problem}")
            return
        try:
            packet = parse(arrival.raw)
            header, content = read(packet)
        except VOEventError as error:
            self.complaints.append(f"{arrival.sender} said something that cannot be read: {error}")
            return
        if header.author != self.telescope or arrival.sender != self.telescope:
            self.complaints.append(f"{arrival.sender} brought {packet.ivorn} by {header.author}")
            return
        if (exchange := self._exchanges.get(packet.sha256)) is not None:
            for envelope in list(exchange.said):
                await self._publish(envelope)
            return
        exchange = self._exchanges[packet.sha256] = _Exchange()
        key = self._names.key(packet.id, content)
        heard = Heard(packet=packet, header=header, content=content, key=key, time=self._sky.now())
        self.heard.append(heard)
        if complaint := await self._witness(heard):
            self.complaints.append(complaint)
        if isinstance(content, Receipt):
            if content.outcome.final and (waiting := self._unanswered.get(content.cited.sha256)):
                waiting.set()
            return
        self._spawn(self._reply(heard, exchange))

    async def _reply(self, heard: Heard, exchange: _Exchange) -> None:
        for reply in self._replies.get(heard.key, _USUAL):
            wait_s = reply.after_s - (self._sky.now() - heard.time).total_seconds()
            if wait_s > 0.0:
                await self._sky.sleep(wait_s)
            self._at_work += 1
            try:
                envelope = self._receipt(heard, reply)
                exchange.said.append(envelope)
                exchange.settled = exchange.settled or reply.outcome.final
                await self._publish(envelope)
            finally:
                self._at_work -= 1

    def _receipt(self, heard: Heard, reply: Reply) -> Envelope:
        self._numbers[reply.author] += 1
        packet = build(
            Header(
                authority=heard.header.authority,
                author=reply.author,
                campaign=heard.header.campaign,
                sequence=self._numbers[reply.author],
                date=self._sky.now(),
                drill=heard.header.drill,
            ),
            Receipt(
                cited=heard.packet.id, outcome=reply.outcome, reason=reply.reason, details=dict(reply.details)
            ),
        )
        return Envelope(raw=packet.raw, id=packet.id, body=packet.description)

    async def _publish(self, envelope: Envelope) -> None:
        await self._relay.publish(topic_of(self.telescope), envelope)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a played part broke off", exc_info=error)
            self.complaints.append(f"the replay itself broke off: {error}")


def _replies(conversation: Conversation) -> dict[Key, tuple[Reply, ...]]:
    """Find what was answered to each packet of the telescope: each author's outcomes, once, in order."""
    replies: dict[Key, tuple[Reply, ...]] = {}
    for said in conversation.by(conversation.name.telescope):
        found: dict[tuple[str, ReceiptOutcome], Reply] = {}
        for receipt in conversation.receipts(said.packet):
            content = receipt.content
            if not isinstance(content, Receipt) or receipt.header.author == said.header.author:
                continue
            after_s = (receipt.header.date - said.header.date).total_seconds()
            found.setdefault(
                (receipt.header.author, content.outcome),
                Reply(
                    author=receipt.header.author,
                    outcome=content.outcome,
                    reason=content.reason,
                    details=content.details,
                    after_s=max(0.0, after_s),
                ),
            )
        replies[said.key] = tuple(found.values())
    return replies
