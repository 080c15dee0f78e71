"""A deployment that an agent of ours serves itself: its form in the browser, its schedules, its runs.

It does so in its own process: one that is started for each run would take seconds, and know no agent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound

from flows.pool import Pool

log = logging.getLogger(__name__)

_BEAT_S = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What people find in the browser.

    Attributes
    ----------
    name
        Of the deployment; the whole name is ``FLOW/NAME``.
    description, pool_description
        For people, Markdown.
    """

    flow: Flow[..., Any]
    name: str
    description: str
    pool_description: str
    tags: tuple[str, ...]


class Served:
    """Serves one deployment.

    Parameters
    ----------
    schema
        Describes the form's fields as they are now (OpenAPI).
    run
        Carries out a run that was taken, to its final state.
    """

    def __init__(
        self,
        pool: Pool,
        offer: Offer,
        *,
        schema: Callable[[], Awaitable[dict[str, Any]]],
        run: Callable[[FlowRun], Awaitable[None]],
    ) -> None:
        self._pool = pool
        self._offer = offer
        self._schema = schema
        self._run = run
        self._deployment: UUID | None = None
        self._shown: dict[str, Any] = {}

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
        schema = await self._schema()
        told = self._offer.pool_description
        pool = await self._pool.read(client, paused=False, description=told)
        await self._pool.change(client, pool, paused=pool.is_paused, description=told)
        if self._deployment is None or schema != self._shown:
            deployment = await self._deploy(client, schema)
            if self._deployment is None:
                await self._take_up(client, deployment)
            self._deployment, self._shown = deployment, schema
        await self._pool.show_life(client)
        now = datetime.now(UTC)
        for found in await client.get_scheduled_flow_runs_for_work_pool(
            self._pool.site, scheduled_before=now
        ):
            await self._carry_out(client, found.flow_run)

    async def _deploy(self, client: PrefectClient, schema: dict[str, Any]) -> UUID:
        offer = self._offer
        told: dict[str, Any] = {
            "description": offer.description,
            "work_pool_name": self._pool.site,
            "parameter_openapi_schema": schema,
            "enforce_parameter_schema": True,
            "tags": list(offer.tags),
        }
        try:
            there = await client.read_deployment_by_name(f"{offer.flow.name}/{offer.name}")
        except ObjectNotFound:
            flow = await client.create_flow(offer.flow)
            return await client.create_deployment(flow_id=flow, name=offer.name, **told)
        # Made anew it would lose what people have scheduled.
        await client.update_deployment(there.id, DeploymentUpdate(**told))
        return there.id

    async def _take_up(self, client: PrefectClient, deployment: UUID) -> None:
        """Begin again what an earlier process had begun."""
        begun = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING])
        for run in await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
                state=FlowRunFilterState(type=begun),
            )
        ):
            await self._carry_out(client, run)

    async def _carry_out(self, client: PrefectClient, run: FlowRun) -> None:
        """Carry out a run, once: who comes second finds that it has been taken."""
        pending: State[Any] = State(type=StateType.PENDING)
        forced = run.state_type in {StateType.PENDING, StateType.RUNNING}
        answer = await client.set_flow_run_state(run.id, pending, force=forced)
        if answer.status.value != "ACCEPT":
            return
        # Until it is known how it ended it may have to be taken up again: the server may go away meanwhile.
        deployment, self._deployment = self._deployment, None
        beating = asyncio.create_task(self._beat(client))
        try:
            await self._run(await client.read_flow_run(run.id))
        except Exception as error:  # noqa: BLE001 - one run must not keep others from being carried out
            failed: State[Any] = State(type=StateType.CRASHED, message=f"{type(error).__name__}: {error}")
            await client.set_flow_run_state(run.id, failed, force=True)
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
        self._deployment = deployment

    async def _beat(self, client: PrefectClient) -> None:
        """Show the pool as alive while a run takes its time."""
        while True:
            try:
                await self._pool.show_life(client)
            except Exception as error:  # noqa: BLE001 - the next one may come through
                log.warning("%s could not be shown as alive: %s", self._pool.site, error)
            await asyncio.sleep(_BEAT_S)
