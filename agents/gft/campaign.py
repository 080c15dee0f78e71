"""One campaign at its telescope, from the accepted trigger to the closing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from agents.bell import Bell
from agents.gft.agenda import Agenda, FirstAnswer
from agents.gft.bench import Bench
from agents.gft.closing import LOGS, close
from agents.gft.course import Course
from agents.gft.observing import Observing, exposures_of
from agents.gft.products import Products
from agents.gft.record import Record
from agents.gft.reduction.port import Reduction
from agents.gft.sending import Sending
from followup.adapting import Outlook
from followup.campaign import What, outcome_of
from followup.names import CampaignName, title_of
from followup.story import StepState, Story
from voevent.kinds import Outcome, Receipt, Status, StatusState, TaskOutcome

log = logging.getLogger(__name__)

_STATES = {
    Outcome.COMPLETED: (StepState.COMPLETED, "Closed"),
    Outcome.RETRACTED: (StepState.COMPLETED, "Retracted"),
    Outcome.ABORTED: (StepState.CANCELLED, "Aborted"),
    Outcome.FAILED: (StepState.FAILED, "Failed"),
    Outcome.DECLINED: (StepState.COMPLETED, "Declined"),
}


class ObservingCampaign:
    """Carries a campaign on from wherever its journal says it stands.

    Parameters
    ----------
    answer
        The first answer, when it was given just now: then the telescope starts at once, and the full plan
        is computed meanwhile.
    """

    def __init__(self, bench: Bench, name: CampaignName, answer: FirstAnswer | None = None) -> None:
        self.bench = bench
        self.name = name
        self._field: asyncio.Task[Reduction] | None = None
        self.story = Story(
            flow="observe",
            name=title_of(name, drill=bench.simulated),
            subject=name.burst,
            clock=bench.sky,
            tags=(name.burst, name.telescope),
            on_cancel=self._cancelled_from_outside,
        )
        self.record = Record(bench, name, self.story)
        self.folder = bench.folder / str(name)
        self._loop = asyncio.get_running_loop()
        self._news = Bell()
        self.sending = Sending(bench, self.record, folder=self.folder, news=self._news)
        self._observing: asyncio.Task[None] | None = None
        self._stopping = asyncio.Lock()
        self._changes = Bell()
        self.agenda = Agenda(bench, self.record, self.folder)
        self.agenda.answer = answer
        self.outlook: Outlook | None = None
        self.course: Course | None = None

    async def run(self) -> bool:
        """Go on until the campaign is closed; False when something unforeseen came between."""
        try:
            await self.record.load()
            self.story.parameters = self._facts()
            self.story.name = title_of(self.name, drill=self.record.drill)
            self.bench.runner.follow(self.story)
            self._tell_answer()
            if not self.record.state.closing:
                await self._observe_and_send()
                while self._to_be_observed_again:
                    await self._observe_and_send()
                await close(
                    self.bench, self.record, agenda=self.agenda, sending=self.sending, folder=self.folder
                )
            await self._await_receipts()
        except asyncio.CancelledError:
            text = "the agent was ended; its successor goes on"
            self.story.finish(StepState.INTERRUPTED, "Interrupted", text)
            raise
        except Exception as error:
            # Nothing may take the agent down with it; the campaign is taken up again a little later.
            log.exception("campaign %s broke down", self.name, extra={"campaign": str(self.name)})
            text = f"{type(error).__name__}: {error}; it is taken up again"
            self.story.finish(StepState.INTERRUPTED, "Broke down", text)
            return False
        finally:
            self.bench.observatory.turns.release(str(self.name))
            await self.agenda.put_away()
            if self._field is not None:
                self._field.cancel()
                await asyncio.gather(self._field, return_exceptions=True)
        outcome, reason = outcome_of(self.record.state)
        state, word = _STATES[outcome]
        self.story.finish(state, word, reason)
        return True

    async def revised(self, answer: FirstAnswer) -> None:
        """Go on by the later trigger that is in force now: plan anew, and point there."""
        await self.record.load()
        self.agenda.answer = answer
        self.story.say("a later trigger is in force", level=logging.WARNING)
        self._changes.ring()

    async def preempted(self) -> None:
        """Leave the telescope to the campaign that the journal names."""
        await self.record.load()
        self.record.tell_decisions()
        self.story.say(f"{self.record.state.gave_way_to} gets the telescope", level=logging.WARNING)
        self._changes.ring()

    async def stop(self, outcome: Outcome, reason: str) -> None:
        """Take no more exposures; what has been taken is reduced and sent, and the campaign closed."""
        async with self._stopping:
            if self.record.state.stopped is not None or self.record.state.closing:
                return
            await self.record.note(What.STOPPED, outcome=outcome, reason=reason)
        self._halt()

    async def called_off(self) -> None:
        """Do the same when the journal says already that it is to end."""
        await self.record.load()
        self._halt()

    def _halt(self) -> None:
        if self._observing is not None:
            self._observing.cancel()

    def receipt_came(self, receipt: Receipt) -> None:
        """Go on with what waited for a receipt."""
        if receipt.outcome.final:
            self._news.ring()

    def _cancelled_from_outside(self, why: str) -> None:
        stop = self.stop(Outcome.ABORTED, why)
        asyncio.run_coroutine_threadsafe(stop, self._loop)

    def _facts(self) -> dict[str, str]:
        trigger = self.record.trigger
        if trigger is None:
            return {}
        facts = {
            "burst": trigger.burst,
            "telescope": trigger.telescope,
            "T0": trigger.trigger_time.isoformat(),
            "instrument": trigger.instrument,
            "drill": str(self.record.drill).lower(),
        }
        if trigger.position is not None:
            facts["position (ICRS, deg)"] = f"{trigger.position.ra_deg:.5f} {trigger.position.dec_deg:+.5f}"
            if trigger.position.error_radius_deg is not None:
                facts["error radius (arcmin)"] = f"{trigger.position.error_radius_deg * 60:.2f}"
        return facts

    def _tell_answer(self) -> None:
        self.story.begin("answer:", "answer the trigger", "Accepted or refused from tables, at once.")
        answer = self.agenda.answer
        reason = answer.acceptance.reason if answer else "taken up again from the journal"
        if self.record.state.decisions:
            self.record.tell_decisions()
        self.story.end("answer:", message=reason)

    # --- observing ---------------------------------------------------------------------------------

    @property
    def _to_be_observed_again(self) -> bool:
        """Whether a trigger came just when everything was done."""
        state = self.record.state
        return state.stale and state.stopped is None and LOGS not in state.attempts

    async def _observe_and_send(self) -> None:
        trigger = self.record.trigger
        if trigger is None:
            raise RuntimeError(f"the journal holds no trigger of {self.name}")
        # Reading again what was reduced before takes long: the telescope does not wait for it.
        field = self._field = asyncio.create_task(self.bench.reduce(self._read_field))
        products = Products(
            self.bench,
            self.record,
            folder=self.folder,
            field=field,
            sending=self.sending,
            news=self._measured,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(products.work())
            observing = Observing(self.bench, self.record, products.exposed)
            self.course = Course(
                self.bench,
                self.record,
                agenda=self.agenda,
                observing=observing,
                products=products,
                changes=self._changes,
            )
            if self.record.state.stopped is None:
                self._observing = group.create_task(self._guarded(self.course.run()))
                try:
                    await asyncio.shield(_settled(self._observing))
                finally:
                    self._observing = None
            if self.record.state.stopped is not None:
                await self._stopped(observing, products)
            await products.finish()

    def _measured(self, outlook: Outlook) -> None:
        self.outlook = outlook
        if self.course is not None:
            self.course.measured(outlook)

    def _read_field(self) -> Reduction:
        trigger = self.record.trigger
        if trigger is None:
            raise RuntimeError(f"the journal holds no trigger of {self.name}")
        return self.bench.reduction(
            trigger=trigger,
            campaign=str(self.name),
            instrument=self.bench.instrument,
            site=self.bench.site,
            catalogue=self.bench.catalogue,
            masters=self.bench.masters,
            folder=self.folder / "reduced",
            drill=self.record.drill,
        )

    async def _guarded(self, observing: Coroutine[Any, Any, None]) -> None:
        """Observe; a fault of ours ends the exposures, but what was taken is still sent and closed."""
        try:
            await observing
        except Exception as error:
            log.exception("observing %s broke down", self.name, extra={"campaign": str(self.name)})
            reason = f"{type(error).__name__}: {error}"
            await self.record.note(What.STOPPED, outcome=Outcome.FAILED, reason=reason)

    async def _stopped(self, observing: Observing, products: Products) -> None:
        """Stop the telescope and settle the tasks that will not be done."""
        outcome, reason = self.record.state.stopped or (Outcome.ABORTED, "")
        self.story.begin("stop:", "stop the telescope", reason)
        if observing.bench.observatory.user in {"", str(self.name)}:
            await self.bench.observatory.halt()
        self.bench.observatory.turns.release(str(self.name))
        state = self.record.state
        for task in self.agenda.everything:
            await products.resume(exposures_of(task))
            if task.task_id not in state.tasks:
                taken = sum(key.startswith(f"{task.task_id}-") for key in state.exposed)
                await self.record.note(
                    What.TASK_ENDED,
                    task=task.task_id,
                    outcome=TaskOutcome.PARTIAL if taken else TaskOutcome.SKIPPED,
                    exposures=taken,
                    reason=reason,
                )
            await products.task_ended(task)
        if not state.halted:
            status = Status(state=StatusState.ABORT, text=f"{outcome}: {reason}")
            await self.record.say(status, notes={What.HALTED: {}})
        self.story.end("stop:", message=f"{outcome}: {reason}")

    async def _await_receipts(self) -> None:
        while True:
            heard = self._news.listen()
            if await self.record.settled():
                break
            await asyncio.shield(heard)
        if not self.record.state.closed:
            await self.record.note(What.CLOSED)
        self.story.end("close:", message="every packet has its final receipt")


async def _settled(task: asyncio.Task[None]) -> None:
    """Wait for a task; its being cancelled (the campaign was stopped) is no error here."""
    await asyncio.wait({task})
