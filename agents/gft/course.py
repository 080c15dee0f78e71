"""The course of a campaign's observations: one task after the other, while the burst and the turn may change.

What changes is in the journal before it gets here. A task is left when it does not fit any more: at once, or
after the exposure in flight when that exposure is still of use. Then the plan is made anew.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto

from agents.bell import Bell
from agents.gft.agenda import Agenda
from agents.gft.bench import Bench
from agents.gft.observing import Observing, exposures_of
from agents.gft.products import Products
from agents.gft.record import Record
from followup.adapting import Outlook
from followup.campaign import What
from followup.decision import Decision
from followup.progress import shows
from followup.schedule import Task
from voevent.kinds import Status, StatusState


class _Wanted(Enum):
    GO_ON = auto()
    """The task is as it should be."""
    LEAVE = auto()
    """It is to be left after the exposure in flight."""
    DROP = auto()
    """It is to be left at once."""


class Course:
    """Carries out the agenda of one campaign.

    Parameters
    ----------
    changes
        Rings when the journal's state has changed from outside, or something was measured.
    """

    def __init__(
        self,
        bench: Bench,
        record: Record,
        *,
        agenda: Agenda,
        observing: Observing,
        products: Products,
        changes: Bell,
    ) -> None:
        self.bench = bench
        self.record = record
        self.agenda = agenda
        self.observing = observing
        self.products = products
        self._changes = changes
        self._outlook: Outlook | None = None
        self._adapted_to: Outlook | None = None

    def measured(self, outlook: Outlook) -> None:
        """Take into account what was measured."""
        self._outlook = outlook
        self._changes.ring()

    async def run(self) -> None:
        """Go on until nothing is left to observe, and all that was observed is archived or given up."""
        await self._settle_ended()
        while True:
            await self._give_way()
            if self.record.state.plan is None or self.record.state.stale:
                await self.agenda.make(self.observing)
                await self._settle_ended()
            if self.record.trigger is not None and self.record.state.revision > 0:
                await self.products.revised(self.record.trigger)
            self.observing.priority = self.agenda.priority
            task = next(iter(self.agenda.to_do), None)
            if task is not None:
                await self._carry_out(task)
            elif await self._nothing_comes():
                return

    async def _settle_ended(self) -> None:
        """Have the frames of tasks measured that an earlier process, or a new plan, has ended."""
        for task in self.agenda.everything:
            if task.task_id in self.record.state.tasks:
                await self.products.resume(exposures_of(task))
                await self.products.task_ended(task)

    async def _nothing_comes(self) -> bool:
        """Wait until everything is archived; False when there is something to be planned before."""
        self.bench.observatory.turns.release(str(self.record.name))
        settled = asyncio.create_task(self.products.settled())
        try:
            while True:
                heard = self._changes.listen()
                if self.record.state.stale or self.record.state.gave_way_to:
                    return False
                if settled.done():
                    settled.result()
                    return True
                await asyncio.wait({settled, heard}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            settled.cancel()
            await asyncio.gather(settled, return_exceptions=True)

    async def _carry_out(self, task: Task) -> None:
        await self.products.resume(exposures_of(task))
        doing = asyncio.create_task(self.observing.carry_out(task))
        dropped = False
        try:
            while not doing.done():
                heard = self._changes.listen()
                await self._adapt()
                wanted = self._wanted(task)
                self.observing.leaving = wanted is _Wanted.LEAVE
                if wanted is _Wanted.DROP and not dropped:
                    dropped = doing.cancel()
                await asyncio.wait({doing, heard}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.observing.leaving = False
            if not dropped:
                doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
        if not doing.cancelled():
            doing.result()
        ended = self.record.state.tasks.get(task.task_id)
        if ended is not None:
            self.record.story.say(f"{task.task_id} {ended.outcome}: {ended.reason or 'all exposures taken'}")
            await self.products.task_ended(task)

    async def _adapt(self) -> None:
        if self._outlook is None or self._outlook is self._adapted_to:
            return
        self._adapted_to = self._outlook
        current = next(iter(self.agenda.to_do), None) if self.observing.at_work else None
        await self.agenda.adapt(self._outlook, under_way=current.task_id if current else "")

    def _wanted(self, task: Task) -> _Wanted:
        state, trigger = self.record.state, self.record.trigger
        if state.gave_way_to:
            return _Wanted.DROP
        if state.stale:
            aimed = self.bench.observatory.pointed_at
            if not self.observing.exposing or aimed is None or trigger is None or trigger.position is None:
                return _Wanted.DROP
            good = shows(aimed, trigger.position, self.bench.instrument)
            return _Wanted.LEAVE if good else _Wanted.DROP
        if not self.observing.at_work and task not in self.agenda.to_do:
            return _Wanted.DROP
        return _Wanted.GO_ON

    async def _give_way(self) -> None:
        """Stand back while another campaign has the telescope; say so, and when it is over."""
        state, story = self.record.state, self.record.story
        by = state.gave_way_to
        if not by:
            return
        if not state.held:
            said = Status(state=StatusState.HOLD, text=f"{by} has got the telescope", details={"by": by})
            await self.record.say(said, notes={What.HELD: {"by": by}})
        step = f"wait:{by}"
        story.begin(step, f"stand back for {by}", "It goes on when the telescope is free.")
        async with self.bench.observatory.turn(str(self.record.name), priority=self.agenda.priority):
            pass
        decision = Decision(rule="resume", text=f"it goes on after {by}", values={"after": by})
        await self.record.say(
            Status(state=StatusState.CLEAR, text=f"{by} has left the telescope", details={"after": by}),
            notes={What.RESUMED: {"after": by, "decisions": self.record.dated(decision)}},
        )
        story.end(step)
