"""The science centre's agent: triggers telescopes, follows every campaign, archives everything."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from agents.csc.archivist import Archivist
from agents.csc.asking import Asking, RehearsedError
from agents.csc.campaign import FollowedCampaign
from agents.csc.downloads import Downloads
from agents.csc.triggering import Triggered, call_off, triggers_of
from agents.patience import Patience
from archive.archive import Archive
from followup.clock import Clock
from followup.errors import FollowupError
from followup.names import CampaignName
from followup.story import Runner
from messaging.author import Author
from messaging.courier import Courier
from messaging.desk import Answer, Effect
from messaging.errors import JournalUnavailableError
from messaging.journal import Journal
from messaging.reader import Reader
from messaging.records import StoredPacket
from voevent.kinds import (
    Closing,
    Content,
    Header,
    Kind,
    Receipt,
    ReceiptOutcome,
    Result,
    Trigger,
    TriggerAction,
    Upload,
    UploadState,
)
from voevent.packet import Packet, PacketId
from voevent.parse import parse
from voevent.read import read

log = logging.getLogger(__name__)

_ARCHIVE_S = 2.0
"""A packet that is not archived by then gets an interim answer."""


class CscAgent:
    """Implements `messaging.courier.Desk` for the science centre.

    Parameters
    ----------
    telescopes
        Names of the telescopes enrolled now.
    """

    def __init__(
        self,
        *,
        author: Author,
        journal: Journal,
        archive: Archive,
        downloads: Downloads,
        runner: Runner,
        telescopes: Callable[[], Collection[str]],
        sky: Clock,
        wall: Clock,
    ) -> None:
        self.author = author
        self.journal = journal
        self.archive = archive
        self.downloads = downloads
        self.runner = runner
        self.telescopes = telescopes
        self.sky = sky
        self.archivist = Archivist(journal, archive, wall)
        self._patience = Patience(
            "the journal", wall, passes=lambda error: isinstance(error, JournalUnavailableError)
        )
        self.courier: Courier | None = None
        self.campaigns: dict[str, FollowedCampaign] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # Drawing is not safe in two threads at once.
        self._drawing = ThreadPoolExecutor(1, thread_name_prefix="drawing")

    async def start(self, courier: Courier) -> None:
        """Take up every campaign that is open."""
        self.courier = courier
        self._spawn(self.archivist.run())
        for name, packets in (await self.journal.read(_open_campaigns)).items():
            triggers = triggers_of(packets)
            answers = [await self.journal.read(partial(_outcomes, packet=p.id)) for p, _ in triggers]
            campaign = self._follow(
                CampaignName.parse(name),
                triggers[-1][1],
                drill=triggers[-1][0].drill,
                accepted=any(ReceiptOutcome.ACCEPTED in answer for answer in answers),
            )
            for (stored, asked), answer in zip(triggers, answers, strict=True):
                if not any(outcome.final for outcome in answer):
                    campaign.triggered(parse(stored.raw), asked)
        for stored in await self.journal.read(Reader.half_answered):
            packet = parse(stored.raw)
            self._answer_later(packet, *read(packet))

    async def stop(self) -> None:
        """End all work here; the journal knows where to go on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for campaign in self.campaigns.values():
            campaign.interrupted()
        self._drawing.shutdown(wait=True, cancel_futures=True)

    async def standing(self) -> dict[str, Any]:
        """Tell what is waited for, and how far the archive is behind."""
        waits = {p.what: p.trouble for p in (self._patience,) if p.trouble}
        if self.archivist.trouble:
            waits["the archive"] = self.archivist.trouble
        return {"waits": waits, "archive_behind": await self.archivist.behind()}

    # --- what people and alert streams ask for -------------------------------------------------------

    async def trigger(
        self,
        raw: bytes,
        telescopes: Sequence[str] | None = None,
        *,
        drill: bool = False,
        dry_run: bool = False,
    ) -> list[Triggered]:
        """Trigger telescopes on an alert.

        Parameters
        ----------
        raw
            The alert's bytes.
        telescopes
            Which; None for all that are enrolled.
        drill
            Whether to make it a drill, even if the alert does not say so.
        dry_run
            Whether only to tell what would be sent.

        Raises
        ------
        BadAlertError
            When the bytes are not an alert that can be read.
        NoTriggerError
            When the alert cannot lead to a trigger, or a telescope is unknown.
        """
        asking = Asking.read(raw, telescopes, enrolled=self.telescopes(), drill=drill)
        now = self.sky.now()
        if dry_run:
            try:
                await self.journal.write(asking.rehearse(author=self.author, time=now))
            except RehearsedError as rehearsed:
                return rehearsed.triggered
        triggered = await self.journal.write(partial(asking.write, author=self.author, time=now))
        self._sent(triggered)
        return triggered

    async def call_off(self, name: CampaignName, reason: str) -> Triggered:
        """Stop a campaign at its telescope.

        Raises
        ------
        NoTriggerError
            When there is no such campaign.
        """
        made = await self.journal.write(
            lambda transaction: call_off(transaction, author=self.author, name=name, reason=reason)
        )
        self._sent([made])
        return made

    def _sent(self, triggered: Sequence[Triggered]) -> None:
        if self.courier is not None:
            self.courier.wake()
        self.archivist.wake()
        for made in triggered:
            if made.packet is None:
                continue
            header, content = read(made.packet)
            if isinstance(content, Trigger):
                campaign = self.campaigns.get(str(made.campaign)) or self._follow(
                    made.campaign, content, drill=header.drill
                )
                campaign.triggered(made.packet, content)

    # --- what telescopes say -------------------------------------------------------------------------

    async def consider(self, packet: Packet, header: Header, content: Content) -> Answer:
        """Take a packet into the archive; datasets and closings get their final answer later.

        So does everything while the archive is away.
        """
        if header.campaign not in self.campaigns:
            await self._reopen(header.campaign)
        why_not = None
        if not self.archivist.trouble:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ARCHIVE_S):
                    why_not = await self.archivist.archived(packet.id)
        if why_not is None:
            return Answer(
                outcome=ReceiptOutcome.RECEIVED,
                reason="the archive is behind; the answer follows when it has caught up",
                then=partial(self._answer_later, packet, header, content),
            )
        return self._decide(packet, header, content, why_not)

    def _decide(self, packet: Packet, header: Header, content: Content, why_not: str) -> Answer:
        """Answer for a packet that is archived, or (`why_not`) cannot be."""
        if why_not:
            return Answer(outcome=ReceiptOutcome.REFUSED, reason=f"it cannot be archived: {why_not}")
        campaign = self.campaigns.get(header.campaign)
        if campaign is None:
            return Answer(
                outcome=ReceiptOutcome.REFUSED, reason=f"the campaign {header.campaign} is not open here"
            )
        campaign.received(packet, content)
        if isinstance(content, Result):
            self._spawn(self._draw(partial(campaign.show_result, content)))
        completed = isinstance(content, Upload) and content.state is UploadState.COMPLETED
        if completed or isinstance(content, Closing):
            return Answer(
                outcome=ReceiptOutcome.RECEIVED,
                reason="the answer follows when everything is archived and verified",
                then=partial(self._finish_later, campaign, packet.id, content),
            )
        return Answer(outcome=ReceiptOutcome.ACCEPTED, reason="archived")

    def _answer_later(self, packet: Packet, header: Header, content: Content) -> None:
        self._spawn(self._answer_when_archived(packet, header, content))

    async def _answer_when_archived(self, packet: Packet, header: Header, content: Content) -> None:
        """Go on with a packet that got an interim answer."""
        why_not = await self.archivist.archived(packet.id)
        answer = self._decide(packet, header, content, why_not)
        if answer.outcome.final:
            await self._answer(packet.id, answer)
        else:
            answer.then()

    async def noted(
        self, receipt: Packet, header: Header, content: Receipt, cited: StoredPacket | None
    ) -> Effect | None:
        """Follow what became of our triggers."""
        self.archivist.wake()
        if content.outcome is ReceiptOutcome.ACCEPTED and header.campaign not in self.campaigns:
            await self._reopen(header.campaign)
        campaign = self.campaigns.get(header.campaign)
        if campaign is not None and cited is not None and cited.kind == Kind.TRIGGER:
            _, asked = read(parse(cited.raw))
            if isinstance(asked, Trigger):
                campaign.trigger_answered(cited, asked, content)
            if campaign.over:
                self.campaigns.pop(header.campaign, None)
        del receipt
        return None

    async def _reopen(self, name: str) -> None:
        """Follow a campaign of which its telescope speaks, and that is open by what the journal holds.

        It was given up because its trigger expired: the trigger's receipt was late (we were away), or a
        person had the trigger sent again. Or the telescope has triggered itself, for a drill.
        """
        packets = await self.journal.read(partial(_open_packets, name=name))
        if not packets or name in self.campaigns:
            return
        stored, content = triggers_of(packets)[-1]
        self._follow(CampaignName.parse(name), content, drill=stored.drill, accepted=True)
        if stored.author == content.telescope:
            log.info("%s: a drill, announced by its telescope", name, extra={"campaign": name})
        else:
            log.warning("%s goes on: its telescope has its trigger after all", name, extra={"campaign": name})

    async def _draw(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._drawing, work)

    def _finish_later(self, campaign: FollowedCampaign, packet: PacketId, content: Content) -> None:
        if isinstance(content, Upload):
            self._spawn(self._archive_dataset(campaign, packet, content))
        elif isinstance(content, Closing):
            self._spawn(self._accept_closing(campaign, packet, content))

    async def _archive_dataset(self, campaign: FollowedCampaign, packet: PacketId, upload: Upload) -> None:
        campaign.download_begins(upload)
        answer = await self.downloads.fetch(
            campaign.name, upload, partial(campaign.download_progress, upload)
        )
        await self._answer(packet, answer)
        campaign.download_ends(upload, answer)

    async def _accept_closing(self, campaign: FollowedCampaign, packet: PacketId, closing: Closing) -> None:
        """Accept a closing once every packet it lists is held."""
        campaign.closing_begins(closing)
        while True:
            heard = self.archivist.done.listen()
            missing = await self.archivist.ask(partial(self.archive.missing_packets, str(campaign.name)))
            if not missing:
                break
            campaign.closing_waits(missing)
            await asyncio.shield(heard)
        answer = Answer(
            outcome=ReceiptOutcome.ACCEPTED, reason=f"all {len(closing.packets)} packets are archived"
        )
        await self._answer(packet, answer)
        await self.archivist.caught_up()  # the ledger shows this answer, too
        ledger = await self.archivist.ask(partial(self.archive.ledger, str(campaign.name)))
        campaign.closed(closing, ledger)
        self.campaigns.pop(str(campaign.name), None)

    async def _answer(self, packet: PacketId, answer: Answer) -> None:
        courier = self.courier
        if courier is None:
            raise RuntimeError("the agent was not started")
        await self._patience.outlast(lambda: courier.answer(packet, answer))
        self.archivist.wake()

    # --- keeping track -------------------------------------------------------------------------------

    def _follow(
        self, name: CampaignName, content: Trigger, *, drill: bool, accepted: bool = False
    ) -> FollowedCampaign:
        loop = asyncio.get_running_loop()

        def cancelled(why: str) -> None:
            asyncio.run_coroutine_threadsafe(self._called_off(name, why), loop)

        campaign = FollowedCampaign(
            name, content, accepted=accepted, drill=drill, clock=self.sky, on_cancel=cancelled
        )
        self.campaigns[str(name)] = campaign
        self.runner.follow(campaign.story)
        return campaign

    async def _called_off(self, name: CampaignName, why: str) -> None:
        try:
            await self.call_off(name, why)
        except FollowupError:
            log.exception("%s could not be called off", name)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work of the science centre ended with an error", exc_info=error)


def _open_campaigns(reader: Reader) -> dict[str, list[StoredPacket]]:
    """Campaigns that are open, and whose triggers have not all expired."""
    found = {}
    for name in reader.open_campaigns():
        packets = _open_packets(reader, name=name)
        answers = _answers(reader, packets)
        if not all(
            ReceiptOutcome.EXPIRED in said and ReceiptOutcome.ACCEPTED not in said for said in answers
        ):
            found[name] = packets
    return found


def _open_packets(reader: Reader, *, name: str) -> list[StoredPacket]:
    """Packets of a campaign with a trigger that was not refused, and no accepted closing; else none."""
    packets = reader.packets(name)
    closings = [p for p in packets if p.kind == Kind.CLOSING]
    closed = any(ReceiptOutcome.ACCEPTED in _outcomes(reader, packet=p.id) for p in closings)
    declined = all(ReceiptOutcome.REFUSED in said for said in _answers(reader, packets))
    return [] if closed or declined else packets


def _answers(reader: Reader, packets: list[StoredPacket]) -> list[set[ReceiptOutcome]]:
    """Tell what was said to each of the triggers among them that ask to observe."""
    return [
        _outcomes(reader, packet=packet.id)
        for packet, asked in triggers_of(packets)
        if asked.action is TriggerAction.OBSERVE
    ]


def _outcomes(reader: Reader, *, packet: PacketId) -> set[ReceiptOutcome]:
    return {receipt.outcome for receipt in reader.receipts(packet)}
