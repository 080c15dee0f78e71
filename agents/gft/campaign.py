"""One campaign at its telescope, from the accepted trigger to the closing."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from agents.bell import Bell
from agents.gft import papers
from agents.gft.bench import Bench
from agents.gft.observing import Observing, exposures_of
from agents.gft.products import Products
from agents.gft.record import Record
from agents.gft.reduction.field import FieldReduction
from agents.gft.sending import Sending
from followup.campaign import What, outcome_of
from followup.names import CampaignName
from followup.plan import Acceptance, Plan
from followup.schedule import Task
from followup.story import StepState, Story
from voevent.kinds import Closing, Outcome, Receipt, Status, StatusState, TaskOutcome

log = logging.getLogger(__name__)

LOGS = "logs"
"""Name of the dataset with the campaign's records."""

_NIGHT = "products/visibility.png"
_LOG_LINES = 20_000
_STATES = {
    Outcome.COMPLETED: (StepState.COMPLETED, "Closed"),
    Outcome.RETRACTED: (StepState.COMPLETED, "Retracted"),
    Outcome.ABORTED: (StepState.CANCELLED, "Aborted"),
    Outcome.FAILED: (StepState.FAILED, "Failed"),
    Outcome.DECLINED: (StepState.COMPLETED, "Declined"),
}


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """The first answer to a trigger, and the sky time at which it was given."""

    acceptance: Acceptance
    now: datetime


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
        self.answer = answer
        self._field: asyncio.Task[FieldReduction] | None = None
        self.story = Story(
            flow="observe",
            name=f"{name.burst} · {name.telescope}",
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
        self._drawing: asyncio.Task[None] | None = None

    async def run(self) -> bool:
        """Go on until the campaign is closed; False when something unforeseen came between."""
        await self.record.load()
        self.story.parameters = self._facts()
        self.bench.runner.follow(self.story)
        self._tell_answer()
        try:
            if not self.record.state.closing:
                await self._observe_and_send()
                await self._close()
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
            for beside in (self._drawing, self._field):
                if beside is not None:
                    beside.cancel()
                    await asyncio.gather(beside, return_exceptions=True)
        outcome, reason = outcome_of(self.record.state)
        state, word = _STATES[outcome]
        self.story.finish(state, word, reason)
        return True

    async def revised(self) -> None:
        """Go on by the later trigger that is in force now."""
        await self.record.load()
        if self._field is not None and self.record.trigger is not None:
            field = await asyncio.shield(self._field)
            await asyncio.to_thread(field.retarget, self.record.trigger)
        self.story.say("a later trigger is in force", level=logging.WARNING)

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
        reason = self.answer.acceptance.reason if self.answer else "taken up again from the journal"
        self.story.end("answer:", message=reason)

    # --- observing ---------------------------------------------------------------------------------

    async def _observe_and_send(self) -> None:
        trigger = self.record.trigger
        if trigger is None:
            raise RuntimeError(f"the journal holds no trigger of {self.name}")
        # Reading again what was reduced before takes long: the telescope does not wait for it.
        field = self._field = asyncio.create_task(self.bench.reduce(self._read_field))
        products = Products(self.bench, self.record, folder=self.folder, field=field, sending=self.sending)
        async with asyncio.TaskGroup() as group:
            group.create_task(products.work())
            observing = Observing(self.bench, self.record, products.exposed)
            if self.record.state.stopped is None:
                self._observing = group.create_task(self._guarded(self._carry_out(observing, products)))
                try:
                    await asyncio.shield(_settled(self._observing))
                finally:
                    self._observing = None
            if self.record.state.stopped is not None:
                await self._stopped(observing, products)
            await products.finish()

    def _read_field(self) -> FieldReduction:
        trigger = self.record.trigger
        if trigger is None:
            raise RuntimeError(f"the journal holds no trigger of {self.name}")
        return FieldReduction(
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

    async def _carry_out(self, observing: Observing, products: Products) -> None:
        plan = await self._plan(observing)
        for task in plan:
            await products.resume(exposures_of(task))
            if task.task_id not in self.record.state.tasks:
                await observing.carry_out(task)
                ended = self.record.state.tasks[task.task_id]
                self.story.say(f"{task.task_id} {ended.outcome}: {ended.reason or 'all exposures taken'}")
            await products.task_ended(task)

    async def _plan(self, observing: Observing) -> tuple[Task, ...]:
        if self.record.state.plan is not None:
            return Plan.from_data(self.record.state.plan).tasks
        first = self.answer.acceptance.first_task if self.answer else None
        async with asyncio.TaskGroup() as group:
            if first is not None and first.start <= self.bench.sky.now():
                pointing = group.create_task(observing.head_start(first))
                commanded = group.create_task(observing.commanded.wait())
                # Planning computes hard: begun before, it would hold up the command to the mount.
                await asyncio.wait({pointing, commanded}, return_when=asyncio.FIRST_COMPLETED)
                commanded.cancel()
            planning = group.create_task(self._make_plan())
        return planning.result()

    async def _make_plan(self) -> tuple[Task, ...]:
        trigger = self.record.trigger
        if trigger is None:
            return ()
        self.story.begin("plan:", "plan the night", "Visibility with astroplan; epochs by the strategy.")
        plan = await self.bench.planner.plan(
            trigger, campaign=str(self.name), now=self.answer.now if self.answer else None
        )
        text = f"strategy {plan.strategy}: {len(plan.tasks)} tasks" if plan.tasks else plan.reason
        await self.record.say(
            Status(
                state=StatusState.PLAN,
                text=text,
                tasks=plan.planned,
                details={"strategy": plan.strategy},
            ),
            notes={What.PLANNED: {"plan": plan.to_data()}},
        )
        self.story.show("plan", "Plan", table=tuple(_plan_row(task) for task in plan.tasks))
        rows = tuple({"rule": d.rule, "decision": d.text} for d in plan.decisions)
        self.story.show("decisions", "Why it was planned so", table=rows)
        self.story.end("plan:", message=text)
        self._drawing = asyncio.create_task(self._draw_night(plan))
        return plan.tasks

    async def _draw_night(self, plan: Plan) -> None:
        """Draw the plan's night, beside the slew."""
        if self.record.trigger is None:
            return
        try:
            picture = await self.bench.planner.picture(self.record.trigger, plan)
            if picture:
                await asyncio.to_thread(papers.write, self.folder, _NIGHT, picture)
                self.story.show("visibility", "Visibility tonight", png=picture)
        except Exception:
            # The picture is for people; the night goes on without it.
            log.exception("the night could not be drawn", extra={"campaign": str(self.name)})

    @property
    def _visibility_path(self) -> Path:
        return self.folder / _NIGHT

    async def _stopped(self, observing: Observing, products: Products) -> None:
        """Stop the telescope and settle the tasks that will not be done."""
        outcome, reason = self.record.state.stopped or (Outcome.ABORTED, "")
        self.story.begin("stop:", "stop the telescope", reason)
        if observing.bench.observatory.user in {"", str(self.name)}:
            await self.bench.observatory.halt()
        state = self.record.state
        tasks = Plan.from_data(state.plan).tasks if state.plan else ()
        for task in tasks:
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

    # --- closing -----------------------------------------------------------------------------------

    async def _close(self) -> None:
        state = self.record.state
        plan = Plan.from_data(state.plan) if state.plan else None
        if self._drawing is not None:
            await self._drawing
        elif plan is not None and plan.tasks and not self._visibility_path.is_file():
            await self._draw_night(plan)  # the agent ended before it was drawn
        visibility = (
            await asyncio.to_thread(self._visibility_path.read_bytes)
            if self._visibility_path.is_file()
            else b""
        )
        decisions = plan.decisions if plan else ()
        if LOGS not in state.attempts:
            write = partial(
                papers.campaign_papers,
                self.folder,
                lines=await self.record.log_lines(),
                decisions=decisions,
                visibility=visibility,
                log=await asyncio.to_thread(self._agent_log),
            )
            await self.bench.disk.outlast(lambda: asyncio.to_thread(write))
        logs = sorted(
            str(path.relative_to(self.folder)) for path in (self.folder / "logs").iterdir() if path.is_file()
        )
        await self.sending.send(LOGS, logs)
        self.story.begin("close:", "close the campaign", "Summary, and the list of every packet.")
        outcome, reason = outcome_of(state)
        closing = Closing(
            outcome=outcome,
            summary=reason,
            tasks=tuple(state.tasks.values()),
            packets=await self.record.packets(),
            details=self._details(),
        )
        await self.record.say(closing, notes={What.CLOSING: {"outcome": outcome, "reason": reason}})

    def _details(self) -> Mapping[str, str]:
        state = self.record.state
        details = {"telescope": self.bench.name, "datasets": " ".join(sorted(state.archived))}
        if state.first_command_at:
            details["first_command_at"] = state.first_command_at
        return details

    def _agent_log(self) -> list[str]:
        if self.bench.log_file is None or not self.bench.log_file.is_file():
            return []
        lines: deque[str] = deque(maxlen=_LOG_LINES)
        with self.bench.log_file.open(encoding="utf-8") as file:
            lines.extend(line for line in file if str(self.name) in line)
        return list(lines)

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


def _plan_row(task: Task) -> dict[str, str]:
    return {
        "task": task.task_id,
        "epoch": task.epoch,
        "start (UTC)": f"{task.start:%Y-%m-%d %H:%M:%S}",
        "filters": " ".join(task.filters),
        "exposures": f"{task.count} × {task.exposure_s:g} s",
        "airmass": f"{task.airmass:.2f}",
    }
