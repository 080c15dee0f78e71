"""The courier: acknowledged exchange between the journal and the session.

Everything that is said stands in the journal first, and everything that is heard stands there before it
is answered. So a death between any two instructions loses nothing, and what is on the wire more than once
has its effect once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from followup.clock import Clock
from messaging import inbox
from messaging.author import Author
from messaging.desk import Answer, Desk
from messaging.errors import JournalError
from messaging.intake import Intake, Novelty, Taken
from messaging.journal import Journal
from messaging.judgement import Believed, Echo, Rejected, judge
from messaging.records import StoredPacket
from messaging.rules import Rules
from messaging.sender import Sender
from messaging.session import Arrival, Session
from messaging.timing import Timing
from messaging.transaction import Transaction
from voevent.errors import VOEventError
from voevent.kinds import Content, Header, Receipt
from voevent.packet import Packet, PacketId
from voevent.parse import parse
from voevent.read import read

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Matter:
    """A committed packet that the desk is to deal with; `cited` as it was held when a receipt came."""

    stored: StoredPacket
    packet: Packet
    header: Header
    content: Content
    cited: StoredPacket | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Decision:
    """What the desk made of something: to be committed, `then` following if it was not before.

    `in_step`: what comes next in the campaign waits for that. `tells`: something is to be sent then.
    """

    work: Callable[[Transaction], bool]
    then: Callable[[], None] = lambda: None
    in_step: bool
    tells: bool = True


class Courier:
    """Delivers a site's packets and brings it those of others.

    Parameters
    ----------
    site, authority
        User name of the site and authority of its IVORNs.
    desk
        The site's service.
    sky
        Clock of the dates in receipts.
    wall
        Clock of deadlines and delays.
    """

    def __init__(
        self,
        *,
        site: str,
        authority: str,
        journal: Journal,
        session: Session,
        rules: Rules,
        desk: Desk,
        sky: Clock,
        wall: Clock,
        rng: random.Random,
        timing: Timing | None = None,
    ) -> None:
        timing = Timing() if timing is None else timing
        self._site = site
        self._journal = journal
        self._session = session
        self._rules = rules
        self._desk = desk
        self._wall = wall
        self._timing = timing
        author = Author(site=site, authority=authority, sky=sky)
        self._intake = Intake(author=author, rules=rules, timing=timing)
        self._sender = Sender(
            journal=journal,
            session=session,
            expire=self._expire,
            wall=wall,
            rng=rng,
            timing=timing,
            site=site,
        )
        self._waiting: dict[str, deque[_Matter]] = {}
        self._known: set[PacketId] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take up where the journal stands, and connect.

        Raises
        ------
        SessionRefusedError
            When the server will not have us.
        JournalError
            When the journal cannot be read.
        """
        self._session.on_arrival = self._arrived
        self._session.on_presence = self._sender.presence
        self._session.on_online = self._sender.online
        await self._take_up()
        self._begin(self._sender.run(), "sends")
        self._begin(self._sweep(), "sweeps")
        try:
            await self._session.open()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Disconnect and end for good; the journal stays open."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    def wake(self) -> None:
        """Send what was just enqueued."""
        self._sender.wake()

    def retry(self, peer: str) -> None:
        """Send at once what waits for this site user, or (the science centre) on topics."""
        self._sender.retry(peer)

    async def answer(self, cited: PacketId, answer: Answer) -> bool:
        """Give a later answer to a packet that got an interim one.

        Returns
        -------
        False when the final word about it was said before; then the effect is not done either.

        Raises
        ------
        JournalError
            When the journal does not hold the packet, or could not commit.
        """

        def work(tx: Transaction) -> bool:
            stored = tx.stored(cited)
            if stored is None:
                raise JournalError(f"{cited} cannot be answered: it was never received here")
            return self._intake.answer(tx, stored, answer)

        said = await self._journal.write(work)
        self.wake()
        if said:
            answer.then()
        return said

    async def _arrived(self, arrival: Arrival) -> None:
        judged = judge(arrival, self._rules)
        if isinstance(judged, Echo):
            return
        if isinstance(judged, Rejected):
            _LOG.warning(
                "not believed, from %s: %s",
                arrival.sender,
                judged.reason,
                extra={"event": "packet.rejected", "ivorn": judged.ivorn, "from": arrival.sender},
            )
            await self._journal.write(lambda tx: self._intake.reject(tx, arrival, judged))
            self.wake()
            return
        taken = await self._journal.write(lambda tx: self._intake.take(tx, arrival, judged))
        self._tell(judged, taken)
        if taken.stored is not None and not taken.stored.considered:
            self._bring(
                _Matter(
                    stored=taken.stored,
                    packet=judged.packet,
                    header=judged.header,
                    content=judged.content,
                    cited=taken.cited,
                )
            )
        if taken.novelty is not Novelty.NEW or isinstance(judged.content, Receipt):
            # Something is to be said again, or passed on, or what was settled has made room.
            self.wake()

    def _tell(self, believed: Believed, taken: Taken) -> None:
        content = believed.content
        facts: dict[str, object] = {
            "ivorn": believed.packet.ivorn,
            "sha256": believed.packet.sha256,
            "kind": believed.kind.value,
            "campaign": believed.header.campaign,
            "from": believed.header.author,
            "to": self._site,
            "body": believed.packet.description,
        }
        if taken.novelty is not Novelty.NEW:
            level = logging.DEBUG if taken.novelty is Novelty.DUPLICATE else logging.WARNING
            _LOG.log(
                level,
                "%s: %s",
                taken.novelty,
                believed.packet.id,
                extra=facts | {"event": f"packet.{taken.novelty}"},
            )
            return
        if not isinstance(content, Receipt):
            _LOG.info("received %s", believed.packet.description, extra=facts | {"event": "packet.received"})
            return
        facts |= {"event": "receipt.received", "outcome": content.outcome.value, "cited": content.cited.ivorn}
        if taken.settled and taken.stored is not None:
            waited = taken.stored.committed - taken.settled[0].committed
            facts["delay_s"] = waited.total_seconds()
        _LOG.info("received %s", believed.packet.description, extra=facts)

    def _bring(self, matter: _Matter) -> None:
        """Have the desk deal with something, after what it already has of the same campaign."""
        if matter.stored.id in self._known:
            return
        self._known.add(matter.stored.id)
        campaign = matter.header.campaign
        if campaign in self._waiting:
            self._waiting[campaign].append(matter)
            return
        self._waiting[campaign] = deque([matter])
        self._begin(self._deal(campaign), f"considers {campaign}")

    async def _deal(self, campaign: str) -> None:
        waiting = self._waiting[campaign]
        while waiting:
            matter = waiting.popleft()
            try:
                decision = await self._ask(matter)
            except Exception:  # noqa: BLE001 - a fault of the desk must not stop the courier
                self._leave_undone(matter)
                continue
            if decision.in_step:
                await self._commit(matter, decision)
            else:
                self._begin(self._commit(matter, decision), f"commits {campaign}")
                # It is given to the journal before what comes next, and may share its commit.
                await asyncio.sleep(0)
        del self._waiting[campaign]

    async def _ask(self, matter: _Matter) -> _Decision:
        """Have the desk deal with something."""
        stored, content = matter.stored, matter.content
        if not isinstance(content, Receipt):
            answer = await self._desk.consider(matter.packet, matter.header, content)
            return _Decision(
                work=lambda tx: self._intake.decide(tx, stored, answer),
                then=answer.then,
                in_step=answer.bears_on_later,
            )
        cited = matter.cited or await self._journal.read(lambda r: r.stored(content.cited))
        effect = await self._desk.noted(matter.packet, matter.header, content, cited)

        def note(tx: Transaction) -> bool:
            new = inbox.mark_considered(tx, stored.row)
            if new and effect is not None:
                effect(tx)
            return new

        return _Decision(work=note, in_step=effect is not None, tells=effect is not None)

    async def _commit(self, matter: _Matter, decision: _Decision) -> None:
        try:
            if await self._journal.write(decision.work):
                decision.then()
        except Exception:  # noqa: BLE001 - as above, and the disk may be full
            self._leave_undone(matter)
        else:
            self._known.discard(matter.stored.id)
        if decision.tells:
            self.wake()

    def _leave_undone(self, matter: _Matter) -> None:
        """Tell that something failed; the journal knows it, and the sweep, or its author, tries again."""
        _LOG.exception(
            "%s could not deal with %s",
            self._site,
            matter.packet.id,
            extra={"event": "desk.failed", "campaign": matter.header.campaign},
        )
        self._known.discard(matter.stored.id)

    async def _expire(self) -> None:
        for row, receipt in await self._journal.write(self._intake.expire):
            _LOG.warning(
                "expired: %s",
                row.body,
                extra={
                    "event": "packet.expired",
                    "ivorn": row.id.ivorn,
                    "sha256": row.id.sha256,
                    "kind": row.kind,
                    "campaign": row.campaign,
                    "noted": receipt is not None,
                },
            )
        await self._take_up()

    async def _take_up(self) -> None:
        """Bring the desk what is committed and was never dealt with."""
        for stored in await self._journal.read(inbox.unconsidered):
            if stored.id in self._known:
                continue
            try:
                packet = parse(stored.raw)
                header, content = read(packet)
            except VOEventError:
                _LOG.exception("%s cannot be read any more", stored.id, extra={"event": "desk.failed"})
                continue
            self._bring(_Matter(stored=stored, packet=packet, header=header, content=content))

    async def _sweep(self) -> None:
        while True:
            await self._wall.sleep(self._timing.sweep_s)
            try:
                await self._take_up()
            except JournalError as error:
                _LOG.error("%s cannot be read: %s", self._site, error, extra={"event": "journal.failed"})

    def _begin(self, work: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.create_task(work, name=f"{self._site} {what}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
