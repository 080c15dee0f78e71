"""The plan of one campaign: made, made anew when the burst or the telescope's turn changes, and adapted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.gft import papers
from agents.gft.bench import Bench
from agents.gft.observing import Observing
from agents.gft.record import Record
from followup.adapting import Outlook, Series, adapted
from followup.campaign import What
from followup.decision import Decision
from followup.plan import Acceptance, Plan
from followup.progress import NOTHING_YET, SoFar, given_up, progress, separation_deg
from followup.schedule import Task, lengthened, room_s
from voevent.kinds import Status, StatusState, Trigger

log = logging.getLogger(__name__)

_NIGHT = "products/visibility.png"


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """The first answer to a trigger, and the sky time at which it was given."""

    acceptance: Acceptance
    now: datetime


class Agenda:
    """What a campaign intends to do.

    Parameters
    ----------
    folder
        The campaign's.

    Attributes
    ----------
    answer
        The answer to the trigger in force, when it was given just now.
    """

    def __init__(self, bench: Bench, record: Record, folder: Path) -> None:
        self.bench = bench
        self.record = record
        self.folder = folder
        self.answer: FirstAnswer | None = None
        self._drawing: asyncio.Task[None] | None = None
        self._made = 0

    @property
    def plan(self) -> Plan | None:
        """The plan in force, if there is one."""
        return Plan.from_data(self.record.state.plan) if self.record.state.plan else None

    @property
    def everything(self) -> tuple[Task, ...]:
        """Every task that was begun, and those still to be done."""
        plan = self.plan
        return plan.everything if plan else ()

    @property
    def to_do(self) -> tuple[Task, ...]:
        """Tasks that have not ended."""
        return tuple(task for task in self.everything if task.task_id not in self.record.state.tasks)

    @property
    def priority(self) -> int:
        """How important the campaign is."""
        plan = self.plan
        strategy = self.bench.planner.strategies.named(plan.strategy) if plan else None
        return strategy.priority if strategy else 0

    async def make(self, observing: Observing) -> None:
        """Make the plan; for a task that begins now the telescope slews meanwhile."""
        answer, self.answer = self.answer, None
        first = answer.acceptance.first_task if answer else None
        async with asyncio.TaskGroup() as group:
            if first is not None and first.start <= self.bench.sky.now():
                observing.commanded.clear()
                pointing = group.create_task(observing.head_start(first))
                commanded = group.create_task(observing.commanded.wait())
                # Planning computes hard: begun before, it would hold up the command to the mount.
                await asyncio.wait({pointing, commanded}, return_when=asyncio.FIRST_COMPLETED)
                commanded.cancel()
            group.create_task(self._make(answer.now if answer else None))

    async def _make(self, now: datetime | None) -> None:
        trigger, state, before = self.record.trigger, self.record.state, self.plan
        if trigger is None:
            return
        self._made += 1
        step = f"plan:{self._made}"
        self.record.story.begin(step, "plan the night", "Visibility with astroplan; epochs by the strategy.")
        so_far, why = NOTHING_YET, tuple[Decision, ...]()
        if before is not None:
            so_far = self._progress(trigger, before, now or self.bench.sky.now())
            why = (_why_anew(trigger, before),)
        plan = await self.bench.planner.plan(trigger, campaign=str(self.record.name), now=now, so_far=so_far)
        plan = replace(plan, decisions=(*why, *plan.decisions))
        text = f"strategy {plan.strategy}: {len(plan.tasks)} tasks" if plan.tasks else plan.reason
        if before is not None:
            text = f"{why[0].text}: {text or 'all that was wanted has been begun'}"
            self.record.story.say(text, level=logging.WARNING)
        notes: dict[What, Mapping[str, Any]] = {}
        ended, current = so_far.ended, so_far.current
        if current is not None and current not in plan.tasks:
            ended = given_up(state, current, plan.reason)
        if ended is not None and ended.task not in state.tasks:
            notes[What.TASK_ENDED] = {
                "task": ended.task,
                "outcome": ended.outcome,
                "exposures": ended.exposures,
                "reason": ended.reason,
            }
        await self._tell(plan, text, notes, plan.decisions)
        self.record.story.end(step, message=text)
        if self._drawing is not None:
            self._drawing.cancel()
        self._drawing = asyncio.create_task(self._draw(plan))

    def _progress(self, trigger: Trigger, before: Plan, now: datetime) -> SoFar:
        if trigger.position is None:
            return NOTHING_YET
        return progress(
            self.record.state,
            before.everything,
            before.void,
            target=trigger.position,
            instrument=self.bench.instrument,
            now=now,
        )

    async def _tell(
        self, plan: Plan, text: str, notes: Mapping[What, Mapping[str, Any]], decisions: tuple[Decision, ...]
    ) -> None:
        """Commit a plan, and tell the science centre and whoever looks."""
        planned = {"plan": plan.to_data(), "decisions": self.record.dated(*decisions)}
        status = Status(
            state=StatusState.PLAN, text=text, tasks=plan.planned, details={"strategy": plan.strategy}
        )
        await self.record.say(status, notes={**notes, What.PLANNED: planned})
        self.record.story.show("plan", "Plan", table=tuple(_row(task) for task in plan.tasks))

    async def adapt(self, outlook: Outlook, *, under_way: str) -> None:
        """Give the tasks to come the exposures that what was measured asks for, within their bounds.

        Parameters
        ----------
        under_way
            The task that is being observed: it stays as it is.
        """
        plan, trigger = self.plan, self.record.trigger
        strategy = self.bench.planner.strategies.named(plan.strategy) if plan else None
        if plan is None or trigger is None or strategy is None or self.record.state.stale:
            return
        bounds = {epoch.name: epoch.adapt for epoch in strategy.epochs}
        tasks, decisions = list(plan.tasks), list[Decision]()
        for index, task in enumerate(tasks):
            limits = bounds.get(task.epoch)
            if limits is None or task.task_id == under_way or self._begun(task):
                continue
            until = tasks[index + 1].start if index + 1 < len(tasks) else None
            series, decision = adapted(
                task.epoch,
                Series(exposure_s=task.exposure_s, count=task.count),
                limits,
                outlook,
                filters=task.filters,
                trigger_time=trigger.trigger_time,
                start=max(task.start, self.bench.sky.now()),
                room_s=room_s(task, self.bench.instrument, until=until),
            )
            if decision is not None:
                tasks[index] = lengthened(task, series, self.bench.instrument)
                decisions.append(decision)
        if decisions:
            text = "; ".join(decision.text for decision in decisions)
            self.record.story.say(text)
            await self._tell(replace(plan, tasks=tuple(tasks)), text, {}, tuple(decisions))

    def _begun(self, task: Task) -> bool:
        state = self.record.state
        return task.task_id in state.tasks or any(key.startswith(f"{task.task_id}-") for key in state.begun)

    async def picture(self) -> bytes:
        """Give the picture of the night; drawn now, if it has not been. Empty when there is none."""
        path, plan = self.folder / _NIGHT, self.plan
        if self._drawing is not None:
            await self._drawing
        elif plan is not None and plan.tasks and not path.is_file():
            await self._draw(plan)  # the agent ended before it was drawn
        return await asyncio.to_thread(path.read_bytes) if path.is_file() else b""

    async def _draw(self, plan: Plan) -> None:
        """Draw the plan's night, beside the slew."""
        if self.record.trigger is None:
            return
        try:
            picture = await self.bench.planner.picture(self.record.trigger, plan)
            if picture:
                await asyncio.to_thread(papers.write, self.folder, _NIGHT, picture)
                self.record.story.show("visibility", "Visibility tonight", png=picture)
        except Exception:
            # The picture is for people; the night goes on without it.
            log.exception("the night could not be drawn", extra={"campaign": str(self.record.name)})

    async def put_away(self) -> None:
        """End what is still being drawn."""
        if self._drawing is not None:
            self._drawing.cancel()
            await asyncio.gather(self._drawing, return_exceptions=True)


def _why_anew(trigger: Trigger, before: Plan) -> Decision:
    """Say why a plan is made anew."""
    position = trigger.position
    if trigger.revision == before.revision or position is None:
        return Decision(
            rule="plan-anew", text="the telescope is free again", values={"revision": str(trigger.revision)}
        )
    values = {
        "revision": str(trigger.revision),
        "instrument": trigger.instrument,
        "ra_deg": f"{position.ra_deg:.5f}",
        "dec_deg": f"{position.dec_deg:.5f}",
    }
    moved = ""
    if before.target is not None:
        away_arcmin = separation_deg(before.target, position) * 60.0
        values["away_arcmin"] = f"{away_arcmin:.2f}"
        moved = f" moves the position by {away_arcmin:.1f} arcmin"
    text = f"a later trigger is in force: revision {trigger.revision} ({trigger.instrument}){moved}"
    return Decision(rule="plan-anew", text=text, values=values)


def _row(task: Task) -> dict[str, str]:
    return {
        "task": task.task_id,
        "epoch": task.epoch,
        "start (UTC)": f"{task.start:%Y-%m-%d %H:%M:%S}",
        "filters": " ".join(task.filters),
        "exposures": f"{task.count} × {task.exposure_s:g} s",
        "airmass": f"{task.airmass:.2f}",
    }
