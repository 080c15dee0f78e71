"""Ends flow runs that nobody shows any more: those of a killed agent, and those that an outage cut off."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound

from flows.book import Book, Told, key_of
from flows.show import STATE_TYPES
from followup.story import StepEnded, StepState

log = logging.getLogger(__name__)

_OPEN = [
    StateType.SCHEDULED,
    StateType.PENDING,
    StateType.RUNNING,
    StateType.PAUSED,
    StateType.CANCELLING,
]
_CLAIM_S = 10.0
"""So long a run waits for the story of who goes on with it."""


@dataclass(kw_only=True)
class Telling:
    """A story of this process and what shows it: `run` is None until its flow run has begun."""

    key: str
    name: str
    number: int
    on_cancel: Callable[[str], None]
    run: UUID | None = None


class Leftovers:
    """Finds and ends the runs of one site that are open and not shown by this process.

    Parameters
    ----------
    tag
        The site's, on each of its runs.
    flows
        Names of its flows.
    tellings
        The stories of this process that are not shown to their end.
    """

    def __init__(
        self, *, tag: str, flows: tuple[str, ...], book: Book, tellings: Mapping[int, Telling]
    ) -> None:
        self._tag = tag
        self._flows = flows
        self._book = book
        self._tellings = tellings
        self._earlier = book.earlier
        self._orphans: dict[UUID, FlowRun] = {}
        self._first_seen: dict[UUID, float] = {}
        self._cut_off: dict[UUID, Told] = {}
        self._taken_for_dead: dict[UUID, FlowRun] = {}
        self._names: dict[UUID, str] = {}
        self._cancelled: set[str] = set()

    def cut_off(self, run: UUID, told: Told) -> None:
        """Have a run of this process ended that it could not end itself: the server was away."""
        self._cut_off[run] = told

    def before(self, key: str) -> dict[UUID, str]:
        """Find the runs of an earlier process that one about this goes on with: names by id."""
        found = {UUID(t.run): t.name for t in self._earlier if t.run and t.goes_on and t.key == key}
        return found | {run.id: run.name for run in self._orphans.values() if self._key(run) == key}

    async def look(self, client: PrefectClient) -> None:
        """See what an earlier process left, and whether a person cancelled any of it meanwhile."""
        ours = FlowFilter(name=FlowFilterName(any_=list(self._flows)))
        self._names = {flow.id: flow.name for flow in await client.read_flows(flow_filter=ours)}
        self._orphans = {run.id: run for run in await self._open(client)}
        for told in self._earlier:
            if not told.run or told.state == StepState.INTERRUPTED or UUID(told.run) in self._orphans:
                continue
            run = await _read(client, UUID(told.run))
            if run is None or run.state is None:
                continue
            if run.state.is_cancelled() and not told.ended:
                self._cancelled.add(told.key)
            elif run.state.is_crashed():
                self._taken_for_dead[run.id] = run

    async def sweep(self, client: PrefectClient) -> bool:
        """End what nobody shows; tell whether some of it waits for who goes on with it."""
        self._pass_on_cancellations()
        live = {telling.run for telling in self._tellings.values()}
        starting = {t.key for t in self._tellings.values() if t.run is None}
        waiting = False
        # The server has ended those by itself, after a long silence: now it is known how they really stand.
        for run in (*await self._open(client), *self._taken_for_dead.values()):
            if run.id in live:
                continue
            known = run.id in self._orphans or run.id in self._cut_off or run.id in self._taken_for_dead
            if not known and self._key(run) in starting:
                continue  # just begun by this process, which does not know its id yet
            state = self._last_word(run, starting)
            if state is None:
                waiting = True
                continue
            await end_run(client, run, state)
            log.info("ended run %s that nobody shows: %s", run.name, state.message)
            self._cut_off.pop(run.id, None)
            self._taken_for_dead.pop(run.id, None)
        if not waiting:
            self._book.settled([told for told in self._book.earlier if told.run])
        return waiting

    def _pass_on_cancellations(self) -> None:
        for telling in self._tellings.values():
            if telling.key in self._cancelled:
                self._cancelled.discard(telling.key)
                telling.on_cancel("the run was cancelled in Prefect while its agent was away")

    def _last_word(self, run: FlowRun, starting: set[str]) -> State[Any] | None:
        """Give the state that a run ends in; None while it may still be claimed."""
        told = self._cut_off.get(run.id) or next((t for t in self._earlier if t.run == str(run.id)), None)
        if told is not None and told.ended:
            return State(
                type=STATE_TYPES[StepState(told.state)],
                name=told.ended,
                message=f"{told.message} (said later: the server or the agent was away when it ended)",
            )
        key = self._key(run)
        successor = next((t for t in self._tellings.values() if t.key == key and t.run is not None), None)
        ours = run.id in self._cut_off
        if run.state is not None and run.state.is_cancelling() and not ours:
            heir = next((t for t in self._tellings.values() if t.key == key), None)
            if heir is not None:
                heir.on_cancel("the run was cancelled in Prefect while its agent was away")
                return State(type=StateType.CANCELLED, message=f"passed on to the agent; see run {heir.name}")
        if successor is not None:
            why = "the server was away" if ours else "the agent was killed"
            goes_on = f"run {successor.name} ({successor.run}) goes on with it"
            return State(type=StateType.CRASHED, message=f"{why}; {goes_on}")
        seen = self._first_seen.setdefault(run.id, time.monotonic())
        if key in starting or time.monotonic() - seen < _CLAIM_S:
            return None
        return State(
            type=StateType.CRASHED,
            message="the agent was killed, and its successor had nothing left to do for it; "
            "the ledger has how it ended: followup show CAMPAIGN",
        )

    def _key(self, run: FlowRun) -> str:
        return key_of(self._names.get(run.flow_id, ""), [tag for tag in run.tags if tag != self._tag])

    async def _open(self, client: PrefectClient) -> list[FlowRun]:
        return await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                tags=FlowRunFilterTags(all_=[self._tag]),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_OPEN)),
            )
        )


async def _read(client: PrefectClient, run: UUID) -> FlowRun | None:
    try:
        return await client.read_flow_run(run)
    except ObjectNotFound:
        return None


async def end_run(client: PrefectClient, run: FlowRun, state: State[Any]) -> None:
    """End a flow run, and what of its steps is open."""
    await client.set_flow_run_state(run.id, state, force=True)
    await end_steps(client, run.id, state)


async def end_steps(
    client: PrefectClient, run: UUID, state: State[Any], ends: Mapping[str, StepEnded] | None = None
) -> None:
    """End the steps of a flow run that are still open: as they ended, or else in the same way as the run.

    Parameters
    ----------
    ends
        How steps ended, by the names of their task runs, as far as it is known.
    """
    open_steps = await client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])),
        task_run_filter=TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=_OPEN))),
    )
    for step in open_steps:
        end = (ends or {}).get(step.name)
        ended: State[Any] = (
            State(type=state.type, message=state.message)
            if end is None
            else State(type=STATE_TYPES[end.state], message=end.message or None)
        )
        await client.set_task_run_state(step.id, ended, force=True)
