"""A work pool that stands for an agent: the server shows whether it is alive, and people may pause it.

Nobody else may take work from it: its runs are carried out by the agent itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

T = TypeVar("T")

log = logging.getLogger(__name__)

TYPE = "followup"
"""Type of the pools: no worker of Prefect's own takes it for one of its."""
_LOOK_S = 2.0
_AGAIN_S = 5.0
_HEARTBEAT_S = 10.0
"""After three times this without a sign of life the server shows the agent as offline."""
_ANSWER_S = 10.0
_under_way: set[asyncio.Future[Any]] = set()
"""What agents were asked; a loop keeps no hold of its tasks."""


async def ask(agent: asyncio.AbstractEventLoop, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Ask the agent something in its own loop; one that hangs is not waited for.

    Raises
    ------
    ConnectionError
        When the agent has ended.
    """
    if agent.is_closed():
        raise ConnectionError("the agent has ended")
    asked = asyncio.run_coroutine_threadsafe(_to_its_end(question()), agent)
    async with asyncio.timeout(_ANSWER_S):
        return await asyncio.wrap_future(asked)


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Do something that goes on when nobody waits for it any more: an order is not obeyed by half."""
    doing = asyncio.ensure_future(work)
    _under_way.add(doing)
    doing.add_done_callback(_ended)
    return await asyncio.shield(doing)


def _ended(doing: asyncio.Future[Any]) -> None:
    _under_way.discard(doing)
    if not doing.cancelled() and (error := doing.exception()) is not None:
        log.debug("what the agent was asked failed: %s", error)


class Pool:
    """The work pool of one agent.

    Parameters
    ----------
    site
        The agent's user name, which is the pool's name.
    """

    def __init__(self, site: str) -> None:
        self.site = site
        self._told = 0.0

    async def keep(
        self, there: Callable[[], Awaitable[None]], look: Callable[[PrefectClient], Awaitable[None]]
    ) -> None:
        """Look again and again, for ever, whenever the server is there.

        Parameters
        ----------
        there
            Returns when the server answers.
        look
            What is to be done each time.
        """
        while True:
            await there()
            try:
                async with get_client() as client:
                    while True:
                        await look(client)
                        await asyncio.sleep(_LOOK_S)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                log.debug("the work pool %s could not be kept: %s", self.site, error)
                await asyncio.sleep(_AGAIN_S)

    async def read(self, client: PrefectClient, *, paused: bool, description: str) -> WorkPool:
        """Read the pool; make it, as it is to be, when there is none."""
        try:
            return await client.read_work_pool(self.site)
        except ObjectNotFound:
            wanted = WorkPoolCreate(
                name=self.site, type=TYPE, is_paused=paused, description=description, base_job_template={}
            )
            try:
                return await client.create_work_pool(wanted)
            except ObjectAlreadyExists:
                return await client.read_work_pool(self.site)

    async def change(self, client: PrefectClient, pool: WorkPool, *, paused: bool, description: str) -> None:
        """Have the pool show this."""
        if pool.is_paused != paused:
            await client.update_work_pool(
                self.site, WorkPoolUpdate(is_paused=paused, description=description)
            )
        elif pool.description != description:
            await client.update_work_pool(self.site, WorkPoolUpdate(description=description))

    async def show_life(self, client: PrefectClient) -> None:
        """Give a sign of life, when it is time for one."""
        if time.monotonic() - self._told >= _HEARTBEAT_S or not self._told:
            await client.send_worker_heartbeat(
                self.site, f"agent of {self.site}", heartbeat_interval_seconds=_HEARTBEAT_S
            )
            self._told = time.monotonic()
