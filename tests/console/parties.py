"""Sites whose couriers are real and whose desks are simple, at the embedded servers of a state."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from console import settings
from console.agent import Site, standing
from console.settings import Xmpp
from followup.clock import WallClock
from followup.names import CSC, RELAY, topic_of
from followup.story import PlainRunner
from messaging.author import Author
from messaging.courier import Courier
from messaging.desk import Answer, Effect
from messaging.journal import Journal
from messaging.records import OutgoingState, StoredPacket, ToUser
from messaging.rules import Rules
from messaging.timing import Timing
from messaging.xmpp import XmppSession, XmppSettings, XmppTiming
from voevent.kinds import Content, Header, Receipt, ReceiptOutcome, Status, StatusState
from voevent.packet import Packet, PacketId

T = TypeVar("T")
TIMING = Timing(first_s=2.0, cap_s=4.0, slow_first_s=4.0, slow_cap_s=8.0, retry_s=0.5, poll_s=0.5)
XMPP_TIMING = XmppTiming(probe_s=1.0, tend_s=1.0, first_wait_s=0.2, longest_wait_s=1.0)
GFT = "gft-xinglong"
CAMPAIGN = f"sb26112201.{GFT}"


async def until(look: Callable[[], object], timeout_s: float = 150.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not look():  # noqa: ASYNC110 - what is waited for is of many kinds
            await asyncio.sleep(0.05)


@dataclass
class Party:
    """One site: the science centre, which accepts everything, or a telescope, which speaks.

    Attributes
    ----------
    considered
        What its desk was given, in order: sequence numbers of their author.
    """

    folder: Path
    user: str
    xmpp: Xmpp
    credentials: Path
    considered: list[int] = field(default_factory=list)

    async def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        wall = WallClock()
        self.session = XmppSession(
            XmppSettings(
                host=self.xmpp.host,
                port=self.xmpp.port,
                domain=self.xmpp.domain,
                user=self.user,
                password=settings.secret(self.credentials / "password"),
                ca_file=self.credentials / "ca.pem",
                peers=(RELAY, GFT) if self.user == CSC else (RELAY, CSC),
                topics=(topic_of(GFT),),
                timing=XMPP_TIMING,
            ),
            wall=wall,
            rng=random.Random(1),  # noqa: S311 - jitter
        )
        self.journal = Journal.open(self.folder / "journal.sqlite", wall=wall)
        self.author = Author(site=self.user, authority="followup", sky=wall)
        self.courier = Courier(
            site=self.user,
            authority="followup",
            journal=self.journal,
            session=self.session,
            rules=Rules.for_csc(lambda: (GFT,)) if self.user == CSC else Rules.for_telescope(GFT),
            desk=self,
            sky=wall,
            wall=wall,
            rng=random.Random(1),  # noqa: S311 - jitter
            timing=TIMING,
        )
        self.site = Site(
            folder=self.folder, user=self.user, authority="followup", sky=wall, wall=wall,
            journal=self.journal, author=self.author, runner=PlainRunner(), session=self.session,
        )  # fmt: skip
        await self.courier.start()

    async def stop(self) -> None:
        await self.courier.stop()
        self.journal.close()

    async def consider(self, packet: Packet, header: Header, content: Content) -> Answer:
        self.considered.append(header.sequence)
        return Answer(outcome=ReceiptOutcome.ACCEPTED, reason="archived")

    async def noted(
        self, receipt: Packet, header: Header, content: Receipt, cited: StoredPacket | None
    ) -> Effect | None:
        return None

    async def say(self, count: int) -> list[PacketId]:
        """Say so many things at once."""

        def work(tx: object) -> list[PacketId]:
            return [
                self.author.compose(
                    tx,  # type: ignore[arg-type]  # the journal's own
                    CAMPAIGN,
                    Status(state=StatusState.CLEAR, text=f"{number}"),
                    to=ToUser(RELAY),
                    drill=True,
                ).id
                for number in range(count)
            ]

        said = await self.journal.write(work)
        self.courier.wake()
        return said

    async def held_by_the_relay(self) -> int:
        return int((await standing(self.site))["relayed"])

    async def pending(self) -> int:
        rows = await self.journal.read(lambda reader: reader.outgoing(states=[OutgoingState.PENDING]))
        return sum(row.acknowledged for row in rows)
