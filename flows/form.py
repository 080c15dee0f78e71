"""The form in which people trigger telescopes: a deployment that the science centre's agent serves itself.

It does so in its own process: one that is started for each run would take seconds, and know no agent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.flow_engine import run_flow_async

from flows.pool import Pool, ask
from flows.trigger import current, trigger
from followup.steering import TriggerForm

log = logging.getLogger(__name__)

NAME = "telescopes"
"""Name of the deployment; with the flow's: ``trigger/telescopes``."""
_POOL = "The science centre: online while its agent runs. Paused, it takes no triggers from the form."
_DESCRIPTION = """\
Trigger follow-up telescopes on a burst. Press **Run → Custom run**, fill in the form, and submit: it is
carried out at once. The run ends as *Triggered*, or as *Refused* with the reason; each telescope then has a
run of the flow `observe`, and the science centre one of `follow-up`.

A **drill** is done like the real thing, and every packet of it says that it is one.
"""

_DEFAULTS = {"what": "drill", "error_arcmin": 3.0, "trigger_time": "", "telescopes": []}
"""What stands in fields that nobody fills in."""


class Form:
    """Serves the form.

    Parameters
    ----------
    desk
        Called in `agent`, the loop of the science centre's agent.
    """

    def __init__(self, site: str, desk: TriggerForm, agent: asyncio.AbstractEventLoop) -> None:
        self._pool = Pool(site)
        self._desk = desk
        self._agent = agent
        self._deployment: UUID | None = None
        self._telescopes: tuple[str, ...] = ()

    async def keep(self, there: Callable[[], Awaitable[None]]) -> None:
        """Do so for ever."""
        await self._pool.keep(there, self._look_anew)

    async def _look_anew(self, client: PrefectClient) -> None:
        try:
            await self._look(client)
        except Exception:
            self._deployment = None  # the server may come back without it
            raise

    async def _look(self, client: PrefectClient) -> None:
        telescopes = await ask(self._agent, self._names)
        pool = await self._pool.read(client, paused=False, description=_POOL)
        await self._pool.change(client, pool, paused=pool.is_paused, description=_POOL)
        if self._deployment is None or telescopes != self._telescopes:
            deployment = await self._deploy(client, telescopes)
            if self._deployment is None:
                await self._take_up(client, deployment)
            self._deployment, self._telescopes = deployment, telescopes
        await self._pool.show_life(client)
        now = datetime.now(UTC)
        for found in await client.get_scheduled_flow_runs_for_work_pool(
            self._pool.site, scheduled_before=now
        ):
            await self._carry_out(client, found.flow_run)

    async def _names(self) -> tuple[str, ...]:
        return self._desk.telescopes()

    async def _deploy(self, client: PrefectClient, telescopes: Sequence[str]) -> UUID:
        return await client.create_deployment(
            flow_id=await client.create_flow(trigger),
            name=NAME,
            description=_DESCRIPTION,
            work_pool_name=self._pool.site,
            parameter_openapi_schema=schema(telescopes),
            enforce_parameter_schema=True,
            tags=["form"],
        )

    async def _take_up(self, client: PrefectClient, deployment: UUID) -> None:
        """Begin again what an earlier process had begun: the same form twice triggers once."""
        begun = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING])
        for run in await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
                state=FlowRunFilterState(type=begun),
            )
        ):
            await self._carry_out(client, run)

    async def _carry_out(self, client: PrefectClient, run: FlowRun) -> None:
        """Carry out a run of the form, once: who comes second finds that it has been taken."""
        pending: State[Any] = State(type=StateType.PENDING)
        forced = run.state_type in {StateType.PENDING, StateType.RUNNING}
        answer = await client.set_flow_run_state(run.id, pending, force=forced)
        if answer.status.value != "ACCEPT":
            return
        # Until it is known how it ended it may have to be taken up again: the server may go away meanwhile.
        deployment, self._deployment = self._deployment, None
        asked = run.created or run.expected_start_time or datetime.now(UTC)
        token = current.set(partial(self._trigger, asked.astimezone(UTC)))
        try:
            taken = await client.read_flow_run(run.id)
            filled_in = {**_DEFAULTS, **taken.parameters}
            await run_flow_async(trigger, flow_run=taken, parameters=filled_in, return_type="state")
        except Exception as error:  # noqa: BLE001 - one form must not keep others from being carried out
            failed: State[Any] = State(type=StateType.CRASHED, message=f"{type(error).__name__}: {error}")
            await client.set_flow_run_state(run.id, failed, force=True)
        finally:
            current.reset(token)
        self._deployment = deployment

    async def _trigger(self, asked: datetime, wanted: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
        return await ask(self._agent, partial(self._desk.trigger, wanted, asked))


def schema(telescopes: Sequence[str]) -> dict[str, Any]:
    """Describe the form's fields (OpenAPI): the browser and the server check by it what is filled in."""
    fields: dict[str, dict[str, Any]] = {
        "who": {
            "title": "Your name",
            "description": "Whoever triggers is recorded, and the telescopes are told.",
            "type": "string",
            "minLength": 1,
        },
        "what": {
            "title": "Drill or real",
            "description": "A drill is marked as one in every packet.",
            "type": "string",
            "enum": ["drill", "real"],
            "default": _DEFAULTS["what"],
        },
        "burst": {
            "title": "Name of the burst",
            "description": "Letters, digits, - and _. A name that was triggered before: this refines it.",
            "type": "string",
            "pattern": "^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,46}[A-Za-z0-9])?$",
        },
        "ra_deg": {
            "title": "Right ascension (degrees, ICRS)",
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 360,
        },
        "dec_deg": {
            "title": "Declination (degrees, ICRS)",
            "type": "number",
            "minimum": -90,
            "maximum": 90,
        },
        "error_arcmin": {
            "title": "Error radius (arcmin)",
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 10800,
            "default": _DEFAULTS["error_arcmin"],
        },
        "trigger_time": {
            "title": "T0, the burst's time (UTC)",
            "description": "Like 2026-11-22T03:04:05. Left empty: the time at which this form is submitted.",
            "type": "string",
            "pattern": r"^$|^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$",
            "default": _DEFAULTS["trigger_time"],
        },
        "telescopes": {
            "title": "Telescopes",
            "description": "Left empty: all that are enrolled.",
            "type": "array",
            "items": {"type": "string", "enum": list(telescopes)} if telescopes else {"type": "string"},
            "uniqueItems": True,
            "default": _DEFAULTS["telescopes"],
        },
    }
    for position, field in enumerate(fields.values()):
        field["position"] = position
    return {
        "title": "Parameters",
        "type": "object",
        "properties": fields,
        "required": ["who", "burst", "ra_deg", "dec_deg"],
        "definitions": {},
    }
