"""A telescope's work pool: pausing it is a hold, and who holds the telescope otherwise pauses it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from prefect.client.orchestration import PrefectClient

from flows.pool import Pool, ask
from followup.steering import Condition, Held

log = logging.getLogger(__name__)

WHO = "Prefect UI"
"""Who pauses and resumes a pool: the server knows its users by no name."""
_PAUSED = "its work pool was paused"
_RESUMED = "its work pool was resumed"


class Holding:
    """Keeps a telescope and its work pool in step.

    What is remembered tells whether a person changed the pool, or the telescope was changed by other means,
    also while the agent or the server was away.

    Parameters
    ----------
    telescope
        Called in `agent`, the agent's loop: one that hangs there gives no sign of life here.
    memory
        File that says whether the pool was paused when both agreed last.
    """

    def __init__(self, site: str, telescope: Held, agent: asyncio.AbstractEventLoop, memory: Path) -> None:
        self._pool = Pool(site)
        self._telescope = telescope
        self._agent = agent
        self._memory = memory
        self._paused = _read(memory)

    async def keep(self, there: Callable[[], Awaitable[None]]) -> None:
        """Do so for ever."""
        await self._pool.keep(there, self._look)

    async def _look(self, client: PrefectClient) -> None:
        condition = await ask(self._agent, self._telescope.condition)
        description = self._said(condition)
        pool = await self._pool.read(client, paused=condition.held, description=description)
        if pool.is_paused not in {self._paused, condition.held}:
            condition = await self._obey(paused=pool.is_paused)
        await self._pool.change(client, pool, paused=condition.held, description=self._said(condition))
        self._remember(paused=condition.held)
        await self._pool.show_life(client)

    def _said(self, condition: Condition) -> str:
        # The page of a pool that is paused or offline asks people to start a worker of Prefect's.
        site = self._pool.site
        return f"{condition.text}. (Its agent is started by `followup gft run {site}`, not by Prefect.)"

    async def _obey(self, *, paused: bool) -> Condition:
        """Do to the telescope what a person did to the pool."""
        if paused:
            await ask(self._agent, partial(self._telescope.hold_for, WHO, _PAUSED))
        else:
            await ask(self._agent, partial(self._telescope.let_go, WHO, _RESUMED))
        return await ask(self._agent, self._telescope.condition)

    def _remember(self, *, paused: bool) -> None:
        if paused == self._paused:
            return
        self._paused = paused
        unfinished = self._memory.with_name(f".{self._memory.name}.partial")
        try:
            unfinished.write_text(json.dumps({"paused": paused}), encoding="utf-8")
            unfinished.replace(self._memory)
        except OSError as error:
            log.debug("%s cannot be written (%s): going on without", self._memory, error)


def _read(memory: Path) -> bool:
    """Read what was remembered; without it, a pool that is paused is taken for one that a person paused."""
    try:
        return bool(json.loads(memory.read_text(encoding="utf-8"))["paused"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
