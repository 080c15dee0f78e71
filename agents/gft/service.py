"""The telescope's agent: answers triggers and keeps its campaigns going."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import datetime
from functools import partial
from typing import Any

from agents.gft.bench import Bench
from agents.gft.campaign import FirstAnswer, ObservingCampaign
from followup.campaign import CampaignState, What, fold
from followup.names import CampaignName
from followup.plan import Acceptance
from followup.story import StepState, Story
from messaging.desk import Answer, Effect
from messaging.reader import Reader
from messaging.records import StoredPacket
from messaging.transaction import Transaction
from voevent.kinds import Content, Header, Outcome, Receipt, ReceiptOutcome, Trigger, TriggerAction
from voevent.packet import Packet

log = logging.getLogger(__name__)

_WEATHER_POLL_S = 30.0
_AGAIN_S = 10.0
_LONGEST_PAUSE_S = 600.0


class TelescopeAgent:
    """Implements `messaging.courier.Desk` for a telescope.

    Parameters
    ----------
    bench
        What its campaigns share.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.campaigns: dict[str, ObservingCampaign] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take up every campaign that the journal says is open, and keep the almanac ahead."""
        self._spawn(self.bench.planner.keep_ahead())
        self._spawn(self._watch_weather())
        for name in await self.bench.journal.read(_open_campaigns):
            self._begin(CampaignName.parse(name), None)

    async def _watch_weather(self) -> None:
        """Make the telescope safe when the weather turns and no exposure would notice it."""
        observatory = self.bench.observatory
        while True:
            unattended = not observatory.busy or bool(self.bench.disk.trouble)
            if unattended and not observatory.sheltered and await observatory.unsafe():
                log.warning("the weather is unsafe and nobody observes: the telescope is made safe")
                await observatory.shelter()
            await self.bench.sky.sleep(_WEATHER_POLL_S)

    async def stop(self) -> None:
        """End all work here and leave the telescope safe; the journal knows where to go on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.bench.observatory.shelter()

    async def consider(self, packet: Packet, header: Header, content: Content) -> Answer:
        """Answer a trigger."""
        if not isinstance(content, Trigger):
            return _refuse(f"a telescope takes triggers, not packets of kind {type(content).__name__}")
        name = CampaignName(content.burst, content.telescope)
        if content.telescope != self.bench.name or str(name) != header.campaign:
            return _refuse(f"this is {self.bench.name}, the trigger is for {header.campaign}")
        state = await self._state(name)
        if state.closing or state.closed:
            return _refuse(f"the campaign {name} is closed")
        if content.revision <= state.revision:
            return _refuse(f"revision {state.revision} is in force, this is revision {content.revision}")
        if content.action is TriggerAction.OBSERVE:
            return await self._observe(packet, header, content, name, state)
        return self._call_off(content, name, state)

    async def noted(
        self, receipt: Packet, header: Header, content: Receipt, cited: StoredPacket | None
    ) -> Effect | None:
        """Let the campaign know that a receipt came."""
        del receipt, cited
        campaign = self.campaigns.get(header.campaign)
        if campaign is not None:
            campaign.receipt_came(content)
        return None

    async def standing(self) -> dict[str, Any]:
        """Tell what the telescope is doing."""
        unsafe = await self.bench.observatory.unsafe()
        return {
            "telescope": self.bench.name,
            "observing": self.bench.observatory.user,
            "weather": unsafe or "safe",
            "campaigns": sorted(self.campaigns),
            "waits": self._waits(),
            "given_up": [
                f"{name}/{dataset}"
                for name, campaign in sorted(self.campaigns.items())
                for dataset in sorted(campaign.record.state.abandoned)
            ],
        }

    def _waits(self) -> dict[str, str]:
        """Tell what is waited for, and why."""
        disk = self.bench.disk
        uploads = {
            f"{name}/{dataset}": why
            for name, campaign in sorted(self.campaigns.items())
            for dataset, why in sorted(campaign.sending.waits.items())
        }
        return uploads | ({disk.what: disk.trouble} if disk.trouble else {})

    async def _state(self, name: CampaignName) -> CampaignState:
        return await self.bench.journal.read(lambda reader: fold(reader.entries(str(name))))

    async def _observe(
        self, packet: Packet, header: Header, trigger: Trigger, name: CampaignName, state: CampaignState
    ) -> Answer:
        if state.stopped is not None:
            return _refuse(f"the campaign {name} was stopped: {state.stopped[1]}")
        now = self.bench.sky.now()
        acceptance = await self.bench.planner.answer(trigger)
        if not acceptance.accepted:
            if state.trigger is None:
                self._tell_refusal(name, trigger, acceptance)
            return _refuse(acceptance.reason)
        what = What.ACCEPTED if state.trigger is None else What.REVISED
        data = {
            "ivorn": packet.ivorn,
            "sha256": packet.sha256,
            "revision": trigger.revision,
            "drill": header.drill,
        }
        return Answer(
            outcome=ReceiptOutcome.ACCEPTED,
            reason=acceptance.reason if state.trigger is None else "the later trigger is in force",
            details=acceptance.details,
            effect=partial(self._record, what, name, data),
            then=partial(self._go, what, name, acceptance, now),
        )

    def _call_off(self, trigger: Trigger, name: CampaignName, state: CampaignState) -> Answer:
        if state.trigger is None:
            return Answer(outcome=ReceiptOutcome.ACCEPTED, reason="nothing was begun for this burst")
        retracted = trigger.action is TriggerAction.RETRACT
        outcome = Outcome.RETRACTED if retracted else Outcome.ABORTED
        reason = trigger.reason or ("the burst was retracted" if retracted else "called off")
        return Answer(
            outcome=ReceiptOutcome.ACCEPTED,
            reason=f"the campaign ends as {outcome}",
            effect=partial(self._record, What.STOPPED, name, {"outcome": outcome, "reason": reason}),
            then=partial(self._stop_campaign, name),
        )

    def _record(self, what: What, name: CampaignName, data: dict[str, Any], transaction: Transaction) -> None:
        transaction.note(str(name), what, data, time=self.bench.sky.now())

    def _go(self, what: What, name: CampaignName, acceptance: Acceptance, now: datetime) -> None:
        if what is What.ACCEPTED:
            self._begin(name, FirstAnswer(acceptance, now))
        elif str(name) in self.campaigns:
            self._spawn(self.campaigns[str(name)].revised())

    def _stop_campaign(self, name: CampaignName) -> None:
        if str(name) in self.campaigns:
            self._spawn(self.campaigns[str(name)].called_off())

    def _begin(self, name: CampaignName, answer: FirstAnswer | None) -> None:
        campaign = self.campaigns[str(name)] = ObservingCampaign(self.bench, name, answer)
        self._spawn(self._carry_on(campaign))

    async def _carry_on(self, campaign: ObservingCampaign) -> None:
        """Carry a campaign on to its end; one that breaks down is taken up again, as after a restart."""
        pause_s = _AGAIN_S
        try:
            while not await campaign.run():
                await self.bench.wall.sleep(pause_s)
                pause_s = min(2.0 * pause_s, _LONGEST_PAUSE_S)
                campaign = ObservingCampaign(self.bench, campaign.name)
                self.campaigns[str(campaign.name)] = campaign
        finally:
            self.campaigns.pop(str(campaign.name), None)

    def _tell_refusal(self, name: CampaignName, trigger: Trigger, acceptance: Acceptance) -> None:
        story = Story(
            flow="observe",
            name=f"{name.burst} · {name.telescope}"
            + (f" · revision {trigger.revision}" if trigger.revision else ""),
            subject=name.burst,
            clock=self.bench.sky,
            tags=(name.burst, name.telescope),
            parameters={"burst": trigger.burst, "T0": trigger.trigger_time.isoformat()},
        )
        self.bench.runner.follow(story)
        story.begin("answer:", "answer the trigger", "Accepted or refused from tables, at once.")
        story.end("answer:", StepState.SKIPPED, acceptance.reason)
        rows = tuple({"rule": d.rule, "decision": d.text} for d in acceptance.decisions)
        story.show("decisions", "Why the trigger was refused", table=rows)
        story.finish(StepState.COMPLETED, "Declined", acceptance.reason)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work of %s ended with an error", self.bench.name, exc_info=error)


def _open_campaigns(reader: Reader) -> list[str]:
    """Campaigns that were accepted and are not closed, in the order in which they were accepted."""
    closed = {entry.campaign for entry in reader.entries_of([What.CLOSED])}
    accepted = [entry.campaign for entry in reader.entries_of([What.ACCEPTED])]
    return [name for name in accepted if name not in closed]


def _refuse(reason: str) -> Answer:
    return Answer(outcome=ReceiptOutcome.REFUSED, reason=reason)
