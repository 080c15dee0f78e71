"""The telescope's agent: answers triggers and keeps its campaigns going."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

from agents.gft.agenda import FirstAnswer
from agents.gft.bench import Bench
from agents.gft.campaign import ObservingCampaign
from agents.gft.closing import LOGS
from agents.gft.command import Command
from agents.gft.contending import claimed_before, contend
from agents.gft.drill.left_over import end_drills
from agents.gft.gate import TAKEOVER
from agents.gft.safety import SafetyWatch
from followup.campaign import CampaignState, What, fold
from followup.decision import Decision, entry_of, rows_of
from followup.names import CampaignName, title_of
from followup.second_burst import Ruling
from followup.story import StepState, Story
from messaging.desk import Answer, Effect
from messaging.reader import Reader
from messaging.records import StoredPacket
from messaging.transaction import Transaction
from voevent.kinds import Content, Header, Outcome, Receipt, ReceiptOutcome, Trigger, TriggerAction
from voevent.packet import Packet

log = logging.getLogger(__name__)

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
        self.safety = SafetyWatch(bench)
        self.campaigns: dict[str, ObservingCampaign] = {}
        self.command = Command(bench, self.campaigns)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take up every campaign that the journal says is open, and keep the almanac ahead."""
        # Who had the telescope still has it.
        await self.command.restore()
        self._spawn(self.bench.planner.keep_ahead())
        # Nothing opens before the conditions have been looked at.
        await self.safety.look()
        self._spawn(self.safety.run())
        states = await self.bench.journal.read(_open_campaigns)
        await end_drills(self.bench, states)
        for name in claimed_before(states):
            self.bench.observatory.turns.reserve(name)
        for name in states:
            self._begin(CampaignName.parse(name), None)

    async def stop(self) -> None:
        """End all work here and leave the telescope safe; the journal knows where to go on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.bench.gate.shut_by(TAKEOVER) or await self.bench.observatory.shelter():
            self.safety.signs.leave()

    async def consider(self, packet: Packet, header: Header, content: Content) -> Answer:
        """Answer a trigger."""
        if not isinstance(content, Trigger):
            return _refuse(f"a telescope takes triggers, not packets of kind {type(content).__name__}")
        name = CampaignName(content.burst, content.telescope)
        if content.telescope != self.bench.name or str(name) != header.campaign:
            return _refuse(f"this is {self.bench.name}, the trigger is for {header.campaign}")
        state = await self._state(name)
        if reason := _out_of_place(content, name, state):
            return _refuse(reason)
        if content.action is not TriggerAction.OBSERVE:
            return self._call_off(content, name, state)
        if state.trigger is not None:
            return await self._revise(packet, header, content, name)
        return await self._observe(packet, header, content, name)

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
        return {
            "telescope": self.bench.name,
            "observing": self.bench.observatory.user,
            "people": str(self.command.in_force),
            "queue": list(self.bench.observatory.turns.waiting),
            "weather": await self.bench.observatory.unsafe() or "safe",
            "safety": self.safety.standing(),
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

    async def _observe(self, packet: Packet, header: Header, trigger: Trigger, name: CampaignName) -> Answer:
        """Answer the first trigger that can be observed: it opens the campaign."""
        now = self.bench.sky.now()
        acceptance = await self.bench.planner.answer(trigger)
        drill = header.drill or self.bench.simulated
        if not acceptance.accepted:
            return self._decline(name, trigger, acceptance.reason, acceptance.decisions, drill=drill)
        contention = contend(self.bench, self.campaigns, str(name), trigger, acceptance, drill=drill, now=now)
        decisions = () if contention is None else (contention.decision,)
        if contention is not None and contention.ruling is Ruling.REFUSE:
            everything = (*acceptance.decisions, *decisions)
            return self._decline(name, trigger, contention.decision.text, everything, drill=drill)
        entry = {**_in_force(packet, header, trigger), "decisions": entry_of(decisions, now)}
        taken_from = contention.first if contention and contention.ruling is Ruling.PREEMPT else ""
        taken = {"by": str(name), "decisions": entry_of(decisions, now)}

        def effect(transaction: Transaction) -> None:
            transaction.note(str(name), What.ACCEPTED, entry, time=now)
            if taken_from:
                # With the acceptance or not at all: a campaign never waits for one that does not come.
                transaction.note(taken_from, What.PREEMPTED, taken, time=now)

        return Answer(
            outcome=ReceiptOutcome.ACCEPTED,
            reason="; ".join(
                said
                for said in (
                    acceptance.reason,
                    *(decision.text for decision in decisions),
                    str(self.command.in_force),
                )
                if said
            ),
            details=acceptance.details,
            effect=effect,
            then=partial(self._open, name, FirstAnswer(acceptance, now), taken_from),
        )

    async def _revise(self, packet: Packet, header: Header, trigger: Trigger, name: CampaignName) -> Answer:
        """Take a later trigger of an open campaign.

        It is accepted even when the burst cannot be observed where it says: then there is nothing left to
        do, and the campaign closes with what it has.
        """
        now = self.bench.sky.now()
        acceptance = await self.bench.planner.answer(trigger)
        told = "the later trigger is in force"
        return Answer(
            outcome=ReceiptOutcome.ACCEPTED,
            reason=told
            if acceptance.accepted
            else f"{told}, but nothing more is observed: {acceptance.reason}",
            details=acceptance.details,
            effect=partial(self._record, What.REVISED, name, _in_force(packet, header, trigger)),
            then=partial(self._go_on, name, FirstAnswer(acceptance, now)),
        )

    def _decline(
        self,
        name: CampaignName,
        trigger: Trigger,
        reason: str,
        decisions: Sequence[Decision],
        *,
        drill: bool,
    ) -> Answer:
        """Refuse a burst, and remember why."""
        self._tell_refusal(name, trigger, reason, decisions, drill=drill)
        entry = {"reason": reason, "decisions": entry_of(decisions, self.bench.sky.now())}
        why = {"rule": decisions[-1].rule, **decisions[-1].values} if decisions else {}
        return Answer(
            outcome=ReceiptOutcome.REFUSED,
            reason=reason,
            details=why,
            effect=partial(self._record, What.DECLINED, name, entry),
        )

    def _call_off(self, trigger: Trigger, name: CampaignName, state: CampaignState) -> Answer:
        retracted = trigger.action is TriggerAction.RETRACT
        outcome = Outcome.RETRACTED if retracted else Outcome.ABORTED
        reason = trigger.reason or ("the burst was retracted" if retracted else "called off")
        begun = state.trigger is not None
        entry = {"outcome": outcome, "reason": reason, "revision": trigger.revision}
        return Answer(
            outcome=ReceiptOutcome.ACCEPTED,
            reason=f"the campaign ends as {outcome}" if begun else "nothing was begun for this burst",
            # Remembered in any case: the trigger that it takes back may come after it.
            effect=partial(self._record, What.STOPPED, name, entry),
            then=partial(self._stop_campaign, name),
        )

    def _record(self, what: What, name: CampaignName, data: dict[str, Any], transaction: Transaction) -> None:
        transaction.note(str(name), what, data, time=self.bench.sky.now())

    def _open(self, name: CampaignName, answer: FirstAnswer, taken_from: str) -> None:
        if taken_from in self.campaigns:
            self.bench.observatory.turns.reserve(str(name))
            self._spawn(self.campaigns[taken_from].preempted())
        self._begin(name, answer)

    def _go_on(self, name: CampaignName, answer: FirstAnswer) -> None:
        if str(name) in self.campaigns:
            self._spawn(self.campaigns[str(name)].revised(answer))

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

    def _tell_refusal(
        self,
        name: CampaignName,
        trigger: Trigger,
        reason: str,
        decisions: Sequence[Decision],
        *,
        drill: bool,
    ) -> None:
        story = Story(
            flow="observe",
            name=title_of(name, drill=drill, revision=trigger.revision),
            subject=name.burst,
            clock=self.bench.sky,
            tags=(name.burst, name.telescope),
            parameters={"burst": trigger.burst, "T0": trigger.trigger_time.isoformat()},
        )
        self.bench.runner.follow(story)
        story.begin("answer:", "answer the trigger", "Accepted or refused from tables, at once.")
        story.end("answer:", StepState.SKIPPED, reason)
        rows = rows_of(decision.at(self.bench.sky.now()) for decision in decisions)
        story.show("decisions", "Why the trigger was refused", table=rows)
        story.finish(StepState.COMPLETED, "Declined", reason)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work of %s ended with an error", self.bench.name, exc_info=error)


def _open_campaigns(reader: Reader) -> dict[str, CampaignState]:
    """Campaigns that were accepted and are not closed, in the order in which they were accepted."""
    closed = {entry.campaign for entry in reader.entries_of([What.CLOSED])}
    accepted = [entry.campaign for entry in reader.entries_of([What.ACCEPTED])]
    return {name: fold(reader.entries(name)) for name in accepted if name not in closed}


def _out_of_place(trigger: Trigger, name: CampaignName, state: CampaignState) -> str:
    """Say why a trigger comes too late, or after a later one; empty when it does not."""
    if state.closing or state.closed or LOGS in state.attempts:
        return f"the campaign {name} is closed"
    if state.stopped is not None and (
        trigger.action is TriggerAction.OBSERVE or trigger.revision <= state.revision
    ):
        return f"the campaign {name} was stopped: {state.stopped[1]}"
    if trigger.revision <= state.revision:
        return f"revision {state.revision} is in force, this is revision {trigger.revision}"
    return ""


def _in_force(packet: Packet, header: Header, trigger: Trigger) -> dict[str, Any]:
    """Give what an entry says about the trigger that is in force from now on."""
    return {
        "ivorn": packet.ivorn,
        "sha256": packet.sha256,
        "revision": trigger.revision,
        "drill": header.drill,
    }


def _refuse(reason: str) -> Answer:
    return Answer(outcome=ReceiptOutcome.REFUSED, reason=reason)
