"""The record of one campaign: its journal, its state, its packets and its story, kept in step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from agents.gft.bench import Bench
from followup.campaign import CampaignState, What, fold
from followup.decision import Decision, entry_of, rows_of
from followup.names import RELAY, CampaignName
from followup.story import Story
from messaging.reader import Reader
from messaging.records import Entry, OutgoingState, ToUser
from messaging.transaction import Transaction
from voevent.kinds import Cited, Content, Kind, Trigger
from voevent.packet import Packet, PacketId
from voevent.parse import parse
from voevent.read import read

T = TypeVar("T")

log = logging.getLogger(__name__)


class Record:
    """Reads and writes everything durable about one campaign.

    Parameters
    ----------
    bench
        What the telescope's campaigns share.
    name
        The campaign.
    """

    def __init__(self, bench: Bench, name: CampaignName, story: Story) -> None:
        self.bench = bench
        self.name = name
        self.story = story
        self.state = CampaignState()
        self.trigger: Trigger | None = None
        self.told_of_hold = False
        """Whether the science centre knows, in this campaign, that people hold the telescope."""
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """Take into account what stands in the journal, and read the trigger in force.

        `state` stays the same object: whoever holds it sees what others have committed.
        """

        def look(reader: Reader) -> tuple[list[Entry], bytes | None]:
            entries = reader.entries(str(self.name))
            trigger = fold(entries).trigger
            return entries, None if trigger is None else reader.packet(trigger)

        async with self._turn:
            entries, raw = await self.bench.journal.read(look)
            found = fold(entries)
            for each in fields(found):
                setattr(self.state, each.name, getattr(found, each.name))
        if raw is not None:
            _, content = read(parse(raw))
            if isinstance(content, Trigger):
                self.trigger = content

    @property
    def drill(self) -> bool:
        """Whether all this campaign says is a drill."""
        return self.state.drill or self.bench.simulated

    async def note(self, what: What, **data: Any) -> None:
        """Commit an entry."""
        now = self.bench.sky.now()

        def work(transaction: Transaction) -> None:
            transaction.note(str(self.name), what, data, time=now)

        await self._commit(work, {what: data})

    async def say(
        self, content: Content, *, cites: tuple[Cited, ...] = (), notes: Mapping[What, Mapping[str, Any]]
    ) -> Packet:
        """Commit a packet to the outbox together with the entries that go with it.

        It cites the trigger in force, and `cites` besides.
        """
        state = self.state
        everything = (*cites, *((Cited(id=state.trigger),) if state.trigger else ()))
        now = self.bench.sky.now()

        def work(transaction: Transaction) -> Packet:
            for what, data in notes.items():
                transaction.note(str(self.name), what, data, time=now)
            return self.bench.author.compose(
                transaction, str(self.name), content, to=ToUser(RELAY), drill=self.drill, cites=everything
            )

        packet = await self._commit(work, notes)
        self.bench.wake()
        return packet

    async def decide(self, *decisions: Decision) -> None:
        """Commit decisions that no other entry carries."""
        await self.note(What.DECIDED, decisions=self.dated(*decisions))

    def dated(self, *decisions: Decision) -> list[dict[str, Any]]:
        """Give decisions of now as an entry carries them."""
        return entry_of(decisions, self.bench.sky.now())

    async def _commit(self, work: Callable[[Transaction], T], notes: Mapping[What, Mapping[str, Any]]) -> T:
        """Commit, as soon as the disk has room for it; what the entry says waits with it."""
        return await self.bench.disk.outlast(lambda: self._commit_once(work, notes))

    async def _commit_once(
        self, work: Callable[[Transaction], T], notes: Mapping[What, Mapping[str, Any]]
    ) -> T:
        """Commit, and take the entries into account.

        A caller that is cancelled (the campaign is stopped) waits for it all the same: the state would not
        be the journal's any more.
        """
        committing = asyncio.ensure_future(self._write(work, notes))
        try:
            return await asyncio.shield(committing)
        except asyncio.CancelledError:
            await asyncio.gather(committing, return_exceptions=True)
            raise

    async def _write(self, work: Callable[[Transaction], T], notes: Mapping[What, Mapping[str, Any]]) -> T:
        async with self._turn:
            result = await self.bench.journal.write(work)
            for what, data in notes.items():
                self._applied(what, data)
        return result

    async def settled(self) -> bool:
        """Whether every packet of the campaign that was sent has its final receipt (or has expired)."""
        pending = await self.bench.journal.read(
            lambda reader: [
                row
                for row in reader.outgoing(campaign=str(self.name), states=[OutgoingState.PENDING])
                if row.acknowledged
            ]
        )
        return not pending

    async def packets(self) -> tuple[PacketId, ...]:
        """Every packet of the campaign but receipts, in order of commit."""
        stored = await self.bench.journal.read(lambda reader: reader.packets(str(self.name)))
        return tuple(packet.id for packet in stored if packet.kind != Kind.RECEIPT)

    async def latest(self, kind: Kind, product: str = "") -> PacketId | None:
        """Find the last packet of a kind (and product) that this site sent in the campaign."""
        stored = await self.bench.journal.read(lambda reader: reader.packets(str(self.name)))
        for packet in reversed(stored):
            ours = packet.kind == kind and not packet.received
            if ours and (not product or parse(packet.raw).param("product") == product):
                return packet.id
        return None

    async def log_lines(self) -> list[dict[str, Any]]:
        """Give the campaign's entries, for people."""
        entries = await self.bench.journal.read(lambda reader: reader.entries(str(self.name)))
        return [
            {"time": _iso(e.time), "committed": _iso(e.committed), "what": e.what, **e.data} for e in entries
        ]

    def _applied(self, what: What, data: Mapping[str, Any]) -> None:
        self.state.apply(what, data)
        facts = {key: value for key, value in data.items() if key not in {"plan", "decisions"}}
        if data.get("decisions"):
            self.tell_decisions()
            facts["because"] = "; ".join(each["text"] for each in data["decisions"])
        if what is What.PLANNED:
            tasks = data["plan"]["tasks"]
            facts["exposures"] = {t["task_id"]: t["count"] * len(t["filters"]) for t in tasks}
        log.info(
            "%s: %s",
            what,
            ", ".join(f"{key} {value}" for key, value in facts.items()),
            extra={
                "event": f"campaign.{what}",
                "campaign": str(self.name),
                "site": self.bench.name,
                **facts,
            },
        )

    def tell_decisions(self) -> None:
        """Show all decisions so far."""
        rows = rows_of(self.state.decisions.values())
        self.story.show("decisions", "Why: every decision with its rule and values", table=rows)


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")
