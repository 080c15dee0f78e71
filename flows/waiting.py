"""A run whose work waits for its next epoch is shown as scheduled for that time."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateDetails, StateType

from followup.clock import Clock, SkyClock
from followup.story import StepStarted

log = logging.getLogger(__name__)


class Waiting:
    """Shows one run as scheduled while a step of it only waits.

    What Prefect does not take is left: it is for people's eyes.

    Parameters
    ----------
    clock
        The story's.
    """

    def __init__(self, run: UUID, clock: Clock) -> None:
        self._run = run
        self._clock = clock
        self._step = ""

    async def begins(self, event: StepStarted) -> None:
        """Show that the run waits, if the step that begins is one that only waits."""
        if event.until is None or event.until <= self._clock.now():
            return
        self._step = event.step
        time = self._clock.wall_at(event.until) if isinstance(self._clock, SkyClock) else event.until
        await self._show(
            State(
                type=StateType.SCHEDULED,
                # Prefect's pages tell a run's beginning, not this time; and a state called Scheduled is
                # taken for late when its time has come.
                name=f"Awaiting {event.until:%H:%M} UTC",
                message=event.description or event.name,
                state_details=StateDetails.model_validate({"scheduled_time": time}),
            ),
            instead_of=StateType.RUNNING,
        )

    async def ends(self, step: str) -> None:
        """Show that the run goes on, if that is the step it waited in."""
        if step and step == self._step:
            self._step = ""
            await self._show(State(type=StateType.RUNNING), instead_of=StateType.SCHEDULED)

    async def _show(self, state: State[Any], *, instead_of: StateType) -> None:
        """Change the run's state; one that people have changed meanwhile (they cancel) stays as it is."""
        try:
            async with get_client() as client:
                run = await client.read_flow_run(self._run)
                if run.state is not None and run.state.type is instead_of:
                    await client.set_flow_run_state(self._run, state, force=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, the story goes on
            log.debug("run %s cannot be shown as %s: %s", self._run, state.name, error)
