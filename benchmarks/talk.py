"""What the sites of a benchmark say to each other, and how fast it is answered."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Sequence

from benchmarks.exchange import ECHO, TELESCOPE, PromptDesk, Site
from followup.names import RELAY
from messaging.records import ToUser
from messaging.session import Arrival, Envelope
from messaging.timing import Timing
from messaging.transaction import Transaction
from messaging.xmpp import XmppSession
from voevent.kinds import Content, ReceiptOutcome, Status, StatusState
from voevent.packet import Packet, PacketId

BYTES = 4096
CAMPAIGN = f"sb26112201.{TELESCOPE}"
CAMPAIGNS = tuple(f"sb261122{number:02d}.{TELESCOPE}" for number in range(1, 21))
_PATIENCE_S = 120.0


class Bare:
    """Stanzas and their answers, without a journal; as many wait for one as packets do."""

    def __init__(self, made: XmppSession) -> None:
        self._session = made
        self._answers: dict[str, asyncio.Future[None]] = {}
        self._room = asyncio.Semaphore(Timing().unanswered)
        made.on_arrival = self._take

    async def _take(self, arrival: Arrival) -> None:
        self._answers.pop(arrival.claimed_sha256).set_result(None)

    async def ask(self, packet: PacketId, raw: bytes) -> None:
        """Send a packet's bytes; return when the answer is here."""
        async with self._room:
            answer = self._answers[packet.sha256] = asyncio.get_running_loop().create_future()
            await self._session.send(ECHO, Envelope(raw=raw, id=packet, body="a packet"))
            await answer

    async def pipelined(self, like: Packet, count: int) -> float:
        """Return stanzas a second, from the first's being sent to the last's answer."""
        ids = [PacketId(ivorn=like.ivorn, sha256=f"{number:064x}") for number in range(count)]
        return await rate([self.ask(packet, like.raw) for packet in ids])


async def say(who: Site, content: Content, *, to: str = RELAY, campaign: str = CAMPAIGN) -> Packet:
    """Write a packet and have it sent; return when it is committed."""

    def work(transaction: Transaction) -> Packet:
        return who.author.compose(transaction, campaign, content, to=ToUser(to), drill=True)

    packet = await who.journal.write(work)
    who.courier.wake()
    return packet


async def of_size(who: Site, *, to: str = RELAY) -> Status:
    """Find a status whose packet has `BYTES` bytes, but for the digits of its number."""
    sizes = [len((await say(who, _status(length), to=to)).raw) for length in (1000, 2000)]
    grows = (sizes[1] - sizes[0]) / 1000
    return _status(1000 + round((BYTES - sizes[0]) / grows))


async def pipelined(
    who: Site, desk: PromptDesk, content: Content, count: int, *, to: str = RELAY, campaigns: int = 20
) -> float:
    """Return packets a second, from the first's being written to the last's final receipt.

    Parameters
    ----------
    campaigns
        They belong to so many campaigns in turn; those of one campaign are dealt with in their order.
    """

    async def one(campaign: str) -> None:
        packet = await say(who, content, to=to, campaign=campaign)
        await desk.awaited(packet.id, ReceiptOutcome.ACCEPTED)

    names = itertools.islice(itertools.cycle(CAMPAIGNS[:campaigns]), count)
    return await rate([one(campaign) for campaign in names])


async def rate(works: Sequence[Awaitable[None]]) -> float:
    """Begin works together; return how many a second are done."""
    begun = time.perf_counter()
    async with asyncio.timeout(_PATIENCE_S):
        await asyncio.gather(*works)
    return len(works) / (time.perf_counter() - begun)


def _status(length: int) -> Status:
    return Status(state=StatusState.HOLD, text="x" * length)
