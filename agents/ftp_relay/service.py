"""The relay's agent: takes custody of what telescopes say, publishes it, and looks after the store."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

from agents.ftp_relay.tidying import Fate, Tidying, note
from followup.clock import Clock
from followup.names import CSC, RELAY, CampaignName, topic_of
from followup.story import Runner, StepState, Story
from messaging.desk import Answer, Effect
from messaging.journal import Journal
from messaging.reader import Reader
from messaging.records import OutgoingState, StoredPacket, ToTopic
from messaging.transaction import Transaction
from voevent.kinds import Content, Header, Receipt, ReceiptOutcome, Upload, UploadState
from voevent.packet import Packet
from voevent.parse import parse
from voevent.read import read
from voevent.summary import summarise


class RelayAgent:
    """Implements `messaging.courier.Desk` for the relay.

    Parameters
    ----------
    tidying
        Looks after the SFTP store.
    """

    def __init__(self, *, journal: Journal, runner: Runner, tidying: Tidying, sky: Clock) -> None:
        self.journal = journal
        self.runner = runner
        self.tidying = tidying
        self.sky = sky
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
        self._tidying = asyncio.get_running_loop().create_task(self.tidying.run())

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

        announced = content.dataset if isinstance(content, Upload) else ""
        now = self.sky.now()

        def publish(transaction: Transaction) -> None:
            if announced:
                note(Fate.ANNOUNCED, transaction, campaign=header.campaign, dataset=announced, time=now)
            transaction.enqueue(packet, to=ToTopic(topic), body=body, deadline_s=header.deadline_s)

        return Answer(
            outcome=ReceiptOutcome.RELAYED,
            independent=True,
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
        if content.outcome is ReceiptOutcome.EXPIRED or header.author != CSC:
            return None
        _, answered = read(parse(cited.raw))
        if not isinstance(answered, Upload) or answered.state is not UploadState.COMPLETED:
            return None
        step = f"dataset:{header.campaign}/{answered.dataset}"
        archived = content.outcome is ReceiptOutcome.ACCEPTED
        if archived:
            self.story.end(step, message="archived by the science centre")
        else:
            text = f"refused by the science centre: {content.reason}"
            self.story.say(text, step=step, level=logging.WARNING)
        return partial(
            note,
            Fate.ARCHIVED if archived else Fate.REFUSED,
            campaign=header.campaign,
            dataset=answered.dataset,
            time=self.sky.now(),
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
                "quarantined": reader.quarantine_count().kept,
            }

        return await self.journal.read(look)

    def _watch(self) -> Story:
        return Story(
            flow="relay",
            name=f"{RELAY} · watch from {self.sky.now():%Y-%m-%d %H:%M}",
            subject=RELAY,
            clock=self.sky,
            tags=(RELAY,),
            parameters={"keeps datasets": f"{self.tidying.keep.days} days after they are archived"},
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
