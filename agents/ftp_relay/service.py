"""The relay's agent: takes custody of what telescopes say, publishes it, and looks after the store."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from followup.clock import Clock
from followup.names import CSC, RELAY, CampaignName, topic_of
from followup.story import Runner, StepState, Story
from messaging.desk import Answer, Effect
from messaging.journal import Journal
from messaging.reader import Reader
from messaging.records import Entry, OutgoingState, StoredPacket, ToTopic
from messaging.transaction import Transaction
from voevent.kinds import Content, Header, Receipt, ReceiptOutcome, Upload, UploadState
from voevent.packet import Packet
from voevent.parse import parse
from voevent.read import read
from voevent.summary import summarise

log = logging.getLogger(__name__)

_ARCHIVED = "dataset-archived"
_REMOVED = "dataset-removed"
_TIDY_S = 3600.0


class RelayAgent:
    """Implements `messaging.courier.Desk` for the relay.

    Parameters
    ----------
    store
        Folder of the SFTP store, one directory a telescope.
    keep
        How long a dataset is kept after the science centre has archived it.
    """

    def __init__(
        self, *, journal: Journal, runner: Runner, store: Path, keep: timedelta, sky: Clock, wall: Clock
    ) -> None:
        self.journal = journal
        self.runner = runner
        self.store = store
        self.keep = keep
        self.sky = sky
        self.wall = wall
        self.story = self._watch()
        self._custody: set[str] = set()
        self._tidying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin the watch; what is still in custody is shown in it."""
        self.runner.follow(self.story)
        held = await self.journal.read(lambda reader: reader.outgoing(states=[OutgoingState.PENDING]))
        for row in held:
            if row.acknowledged:
                self._begin_custody(row.id.sha256, row.body, row.campaign)
        self._tidying = asyncio.get_running_loop().create_task(self._keep_tidy())

    async def stop(self) -> None:
        """End the watch."""
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
        held = len(self._custody)
        for sha256 in sorted(self._custody):
            self.story.end(
                f"custody:{sha256[:12]}", StepState.SKIPPED, "still in custody: the next watch goes on"
            )
        message = f"{held} packets still in custody" if held else "nothing left in custody"
        self.story.finish(StepState.COMPLETED, "Relieved", message)

    async def consider(self, packet: Packet, header: Header, content: Content) -> Answer:
        """Take custody: from the receipt on, the relay does the retrying."""
        topic = topic_of(CampaignName.parse(header.campaign).telescope)
        body = summarise(header, content)
        self._begin_custody(packet.sha256, body, header.campaign)
        if isinstance(content, Upload):
            self._show_upload(header, content)

        def publish(transaction: Transaction) -> None:
            transaction.enqueue(packet, to=ToTopic(topic), body=body, deadline_s=header.deadline_s)

        return Answer(
            outcome=ReceiptOutcome.RELAYED,
            reason="in custody; the relay delivers it to the science centre",
            effect=publish,
        )

    async def noted(
        self, receipt: Packet, header: Header, content: Receipt, cited: StoredPacket | None
    ) -> Effect | None:
        """End the custody of what got its final receipt."""
        del receipt
        if cited is None or not content.outcome.final:
            return None
        self._end_custody(cited.id.sha256, content)
        if content.outcome is not ReceiptOutcome.ACCEPTED or header.author != CSC:
            return None
        _, answered = read(parse(cited.raw))
        if not isinstance(answered, Upload) or answered.state is not UploadState.COMPLETED:
            return None
        step = f"dataset:{header.campaign}/{answered.dataset}"
        self.story.end(step, message="archived by the science centre")
        return partial(
            _note_archived, campaign=header.campaign, dataset=answered.dataset, time=self.sky.now()
        )

    async def status(self) -> dict[str, Any]:
        """Tell what is in custody, by campaign, and what has expired."""

        def look(reader: Reader) -> dict[str, Any]:
            held = [row for row in reader.outgoing(states=[OutgoingState.PENDING]) if row.acknowledged]
            expired = reader.outgoing(states=[OutgoingState.EXPIRED])
            by_campaign: dict[str, int] = {}
            for row in held:
                by_campaign[row.campaign] = by_campaign.get(row.campaign, 0) + 1
            return {
                "in_custody": by_campaign,
                "expired": [{"ivorn": row.id.ivorn, "body": row.body} for row in expired],
                "quarantined": len(reader.quarantined()),
            }

        return await self.journal.read(look)

    def _watch(self) -> Story:
        return Story(
            flow="relay",
            name=f"{RELAY} · watch from {self.sky.now():%Y-%m-%d %H:%M}",
            subject=RELAY,
            clock=self.sky,
            tags=(RELAY,),
            parameters={"keeps datasets": f"{self.keep.days} days after they are archived"},
        )

    def _begin_custody(self, sha256: str, body: str, campaign: str) -> None:
        if sha256 not in self._custody:
            self._custody.add(sha256)
            self.story.begin(f"custody:{sha256[:12]}", f"{campaign}: {body}"[:120], body)

    def _end_custody(self, sha256: str, receipt: Receipt) -> None:
        if sha256 in self._custody:
            self._custody.discard(sha256)
            said = f"{receipt.outcome}" + (f": {receipt.reason}" if receipt.reason else "")
            self.story.end(f"custody:{sha256[:12]}", message=said)

    def _show_upload(self, header: Header, upload: Upload) -> None:
        step = f"dataset:{header.campaign}/{upload.dataset}"
        size = upload.manifest.total_bytes / 1e6
        what = f"{upload.dataset} of {header.campaign}: {upload.manifest.files} files, {size:.1f} MB"
        if upload.state is UploadState.STARTING and upload.attempt == 1:
            self.story.begin(step, what, "From the first byte until the science centre has archived it.")
        else:
            self.story.say(f"{upload.state}, attempt {upload.attempt}", step=step)

    async def _keep_tidy(self) -> None:
        """Remove datasets that have been archived long enough ago."""
        while True:
            await self.wall.sleep(_TIDY_S)
            entries = await self.journal.read(
                lambda reader: [e for name in reader.campaigns() for e in reader.entries(name)]
            )
            now = self.wall.now()
            for campaign, dataset in _due(entries, now - self.keep):
                telescope = CampaignName.parse(campaign).telescope
                folder = self.store / telescope / campaign / dataset
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                note = partial(_note_removed, campaign=campaign, dataset=dataset, time=self.sky.now())
                await self.journal.write(note)
                log.info("removed %s of %s: archived long ago", dataset, campaign)


def _note_archived(transaction: Transaction, *, campaign: str, dataset: str, time: datetime) -> None:
    transaction.note(campaign, _ARCHIVED, {"dataset": dataset}, time=time)


def _note_removed(transaction: Transaction, *, campaign: str, dataset: str, time: datetime) -> None:
    transaction.note(campaign, _REMOVED, {"dataset": dataset}, time=time)


def _due(entries: Iterable[Entry], before: datetime) -> list[tuple[str, str]]:
    """Datasets archived before that time (wall clock) and not removed yet."""
    archived: dict[tuple[str, str], datetime] = {}
    for entry in entries:
        key = (entry.campaign, str(entry.data.get("dataset")))
        if entry.what == _ARCHIVED:
            archived[key] = entry.committed
        elif entry.what == _REMOVED:
            archived.pop(key, None)
    return [key for key, time in archived.items() if time < before]
