"""The outbox's way to the session: what is due goes out, in order, to whoever is there."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from followup.clock import Clock
from messaging import outbox
from messaging.errors import JournalError
from messaging.journal import Journal
from messaging.outbox import Attempt, Business
from messaging.records import Destination, Outgoing, ToTopic, ToUser
from messaging.session import Envelope, Session, SessionDownError, UndeliverableError
from messaging.timing import Timing

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
        self._gone: set[str] = set()
        self._returned: set[str | None] = set()
        self._held_back: dict[Destination, datetime] = {}
        self._draining: dict[Destination, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Look into the outbox now."""
        self._woken.set()

    def online(self, connected: bool) -> None:
        """Take note of the connection's coming and going."""
        if connected and not self._online:
            self._returned.add(None)
        self._online = connected
        self._gone.clear()
        self._held_back.clear()
        self.wake()

    def presence(self, user: str, there: bool) -> None:
        """Take note of a peer's coming and going."""
        if there:
            if user in self._gone:
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
        agenda = await self._journal.read(outbox.agenda)
        if any(b.deadline is not None and b.deadline <= self._wall.now() for b in agenda):
            await self._expire()
            agenda = await self._journal.read(outbox.agenda)
        now = self._wall.now()
        pauses = [self._timing.poll_s]
        for business in agenda:
            if business.deadline is not None:
                pauses.append((business.deadline - now).total_seconds())
            if not self._online or business.destination in self._draining or self._pointless(business):
                continue
            ready = max(business.due, self._held_back.get(business.destination, business.due))
            if ready <= now:
                self._draining[business.destination] = asyncio.create_task(
                    self._drain(business.destination), name=f"{self._site} sends"
                )
            else:
                pauses.append((ready - now).total_seconds())
        return max(0.0, min(pauses))

    def _pointless(self, business: Business) -> bool:
        """Whether nobody is there to answer; a topic keeps what is published for who comes later."""
        if self._there(business.destination):
            return False
        return isinstance(business.destination, ToUser) or not business.fresh

    def _there(self, destination: Destination) -> bool:
        return self._session.present(destination.peer)

    async def _drain(self, destination: Destination) -> None:
        try:
            while await self._send_batch(destination):
                pass
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

    async def _send_batch(self, destination: Destination) -> bool:
        """Send some of what is due; gives whether there may be more.

        Raises
        ------
        SessionDownError
            When the session went down on the way.
        """
        there = self._there(destination)
        if not there and isinstance(destination, ToUser):
            return False
        now, limit = self._wall.now(), self._timing.batch
        rows = await self._journal.read(
            lambda r: outbox.due(r, destination, now=now, fresh_only=not there, limit=limit)
        )
        attempts: list[Attempt] = []
        down: BaseException | None = None
        for first in range(0, len(rows), self._timing.window):
            # Begun in order, and the stream keeps it; the service's answers are waited for together.
            handed = await asyncio.gather(
                *(self._hand_over(row, raw) for row, raw in rows[first : first + self._timing.window]),
                return_exceptions=True,
            )
            attempts += [one for one in handed if isinstance(one, Attempt)]
            down = next((one for one in handed if isinstance(one, BaseException)), None)
            if down is not None or (there and not self._there(destination)):
                break
        if attempts:
            await self._journal.write(lambda tx: outbox.attempted(tx, attempts))
        if down is not None:
            raise down
        if len(rows) == limit:
            await self._wall.sleep(self._timing.pace_s)
        return bool(rows)

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
        return Attempt(row=row.row, repeated=row.attempts > 0, next_due=next_due, problem=problem)

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
