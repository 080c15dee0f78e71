"""The outbox's way to the session: what is due goes out, in order, to whoever is there."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from followup.clock import Clock
from messaging import outbox
from messaging.errors import JournalError
from messaging.journal import Journal
from messaging.outbox import Attempt, Business
from messaging.reader import Reader
from messaging.records import Destination, Outgoing, ToTopic, ToUser
from messaging.session import Envelope, Session, SessionDownError, UndeliverableError
from messaging.timing import Timing
from messaging.transaction import Transaction

_LOG = logging.getLogger(__name__)


class Sender:
    """Sends what the journal says is due, and sends it again until the journal says it is settled.

    The journal is the only memory of what is to be sent: this holds none of it.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        session: Session,
        expire: Callable[[], Awaitable[None]],
        wall: Clock,
        rng: random.Random,
        timing: Timing,
        site: str,
    ) -> None:
        self._journal = journal
        self._session = session
        self._expire = expire
        self._wall = wall
        self._rng = rng
        self._timing = timing
        self._site = site
        self._woken = asyncio.Event()
        self._online = False
        self._connected = wall.now()
        self._back: dict[str, datetime] = {}
        self._gone: set[str] = set()
        self._returned: set[str | None] = set()
        self._held_back: dict[Destination, datetime] = {}
        self._draining: dict[Destination, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Look into the outbox now."""
        self._woken.set()

    def retry(self, peer: str) -> None:
        """Let what was sent to a peer in vain be due now: what was in its way is mended."""
        self._returned.add(peer)
        self.wake()

    def online(self, connected: bool) -> None:
        """Take note of the connection's coming and going."""
        if connected and not self._online:
            self._connected = self._wall.now()
            self._returned.add(None)
        self._online = connected
        self._gone.clear()
        self._held_back.clear()
        self.wake()

    def presence(self, user: str, there: bool) -> None:
        """Take note of a peer's coming and going."""
        if there:
            if user in self._gone:
                self._back[user] = self._wall.now()
                self._returned.add(user)
            self._gone.discard(user)
        else:
            self._gone.add(user)
        self.wake()

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            while True:
                self._woken.clear()
                try:
                    pause_s = await self._round()
                except Exception as error:  # noqa: BLE001 - whatever it is, it must not end sending for ever
                    self._complain(error)
                    pause_s = self._timing.retry_s
                await self._rest(pause_s)
                if self._draining:
                    # Each answer that comes meanwhile wakes us; what it made room for is found there.
                    await self._wall.sleep(self._timing.gather_s)
        finally:
            draining = list(self._draining.values())
            for task in draining:
                task.cancel()
            await asyncio.gather(*draining, return_exceptions=True)

    async def _round(self) -> float:
        """Start sending whatever is due; gives the seconds until something else will be."""
        while self._returned:
            peer = self._returned.pop()
            await self._journal.write(functools.partial(outbox.hurry, peer=peer))
        agenda = await self._agenda()
        if any(b.deadline is not None and b.deadline <= self._wall.now() for b in agenda):
            await self._expire()
            agenda = await self._agenda()
        now = self._wall.now()
        pauses = [self._timing.poll_s]
        for business in agenda:
            if business.deadline is not None:
                pauses.append((business.deadline - now).total_seconds())
            if not self._online or business.destination in self._draining:
                continue
            due = self._next(business)
            if due is None:
                continue
            ready = max(due, self._held_back.get(business.destination, due))
            if ready <= now:
                self._draining[business.destination] = asyncio.create_task(
                    self._drain(business.destination), name=f"{self._site} sends"
                )
            else:
                pauses.append((ready - now).total_seconds())
        return max(0.0, min(pauses))

    async def _agenda(self) -> list[Business]:
        now, answer_s = self._wall.now(), self._timing.first_s
        return await self._journal.read(lambda r: outbox.agenda(r, now=now, answer_s=answer_s))

    def _next(self, business: Business) -> datetime | None:
        """When to send something; None when only an answer, or somebody's coming back, can change that.

        While nobody is there to answer, sending is pointless. A topic keeps only its last items, so what was
        published meanwhile would come before what it has let go; but others read the receipts on it.
        """
        if self._there(business.destination):
            full = business.in_flight >= self._timing.unanswered
            return business.due_if_full if full else business.due
        return None if isinstance(business.destination, ToUser) else business.receipts_due

    def _there(self, destination: Destination) -> bool:
        return self._session.present(destination.peer)

    async def _drain(self, destination: Destination) -> None:
        try:
            rows = await self._journal.read(self._due(destination))
            while rows:
                rows = await self._send(destination, rows)
        except SessionDownError as error:
            _LOG.debug("%s cannot send to %s: %s", self._site, destination, error)
            self._hold_back(destination)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end sending for ever
            self._complain(error)
            self._hold_back(destination)
        finally:
            del self._draining[destination]
            self.wake()

    def _complain(self, error: Exception) -> None:
        known = isinstance(error, JournalError)
        _LOG.error(
            "%s cannot send: %s",
            self._site,
            error,
            exc_info=None if known else error,
            extra={"event": "journal.failed" if known else "sender.failed"},
        )

    def _hold_back(self, destination: Destination) -> None:
        self._held_back[destination] = self._wall.now() + timedelta(seconds=self._timing.retry_s)

    def _due(self, destination: Destination) -> Callable[[Reader], list[tuple[Outgoing, bytes]]]:
        """Return what asks the journal for some of what is to be sent now."""
        there, timing = self._there(destination), self._timing
        if not there and isinstance(destination, ToUser):
            return lambda _reader: []
        return functools.partial(
            outbox.due,
            destination=destination,
            now=self._wall.now(),
            limit=timing.batch,
            most_unanswered=timing.unanswered if there else 0,
            answer_s=timing.first_s,
        )

    async def _send(
        self, destination: Destination, rows: list[tuple[Outgoing, bytes]]
    ) -> list[tuple[Outgoing, bytes]]:
        """Send something; gives what is to be sent next.

        Raises
        ------
        SessionDownError
            When the session went down on the way.
        """
        there = self._there(destination)
        attempts: list[Attempt] = []
        down: BaseException | None = None
        together = self._timing.window
        for first in range(0, len(rows), together):
            handed, down = await self._hand_over_all(rows[first : first + together])
            attempts += handed
            if down is not None or (there and not self._there(destination)):
                break
        if len(rows) == self._timing.batch and not any(row.acknowledged for row, _ in rows):
            await self._wall.sleep(self._timing.pace_s)
        further = self._due(destination) if down is None else None

        def record(tx: Transaction) -> list[tuple[Outgoing, bytes]]:
            outbox.attempted(tx, attempts)
            return [] if further is None else further(tx)

        following = await self._journal.write(record) if attempts else []
        if down is not None:
            raise down
        return following

    async def _hand_over_all(
        self, rows: Sequence[tuple[Outgoing, bytes]]
    ) -> tuple[list[Attempt], BaseException | None]:
        """Hand some packets over in order; gives what came of it, and what ended it early."""
        if isinstance(rows[0][0].destination, ToTopic):
            # Begun in order, and the stream keeps it; the service's answers are waited for together.
            handed = await asyncio.gather(
                *(self._hand_over(row, raw) for row, raw in rows), return_exceptions=True
            )
            down = next((one for one in handed if isinstance(one, BaseException)), None)
            return [one for one in handed if isinstance(one, Attempt)], down
        attempts: list[Attempt] = []
        for row, raw in rows:
            try:
                attempts.append(await self._hand_over(row, raw))
            except Exception as error:  # noqa: BLE001 - what was handed over before it is recorded first
                return attempts, error
        return attempts, None

    async def _hand_over(self, row: Outgoing, raw: bytes) -> Attempt:
        envelope = Envelope(raw=raw, id=row.id, body=row.body)
        problem = ""
        try:
            if isinstance(row.destination, ToTopic):
                await self._session.publish(row.destination.topic, envelope)
            else:
                await self._session.send(row.destination.user, envelope)
        except UndeliverableError as error:
            problem = str(error) or "the server refused it"
            _LOG.warning(
                "%s could not be delivered: %s", row.id, error, extra=_facts(row, "packet.undeliverable")
            )
        else:
            _LOG.info("sent %s", row.body, extra=_facts(row, "packet.sent"))
        attempts = sys.maxsize if problem else row.attempts + 1
        delay_s = self._timing.delay_s(attempts, interim=row.interim, rng=self._rng)
        next_due = self._wall.now() + timedelta(seconds=delay_s)
        # Who was away when it was to be sent has missed, too, what was said about it meanwhile.
        since = max(self._connected, self._back.get(row.destination.peer, self._connected))
        repeated = row.attempts > 0 or row.committed < since
        return Attempt(row=row.row, repeated=repeated, next_due=next_due, problem=problem)

    async def _rest(self, seconds: float) -> None:
        waits = (
            asyncio.create_task(self._woken.wait()),
            asyncio.create_task(self._wall.sleep(seconds)),
        )
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _facts(row: Outgoing, event: str) -> dict[str, object]:
    to = row.destination
    return {
        "event": event,
        "ivorn": row.id.ivorn,
        "sha256": row.id.sha256,
        "kind": row.kind,
        "campaign": row.campaign,
        "from": row.author,
        "to": to.topic if isinstance(to, ToTopic) else to.user,
        "attempt": row.attempts + 1,
        "body": row.body,
    }
