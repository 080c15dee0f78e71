"""Runs flows for stories, in a thread with an event loop of its own.

Prefect's client can hold a loop for a second (first call, imports, a slow server); the agent's loop, which
answers packets and drives the telescope, must never notice.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
from prefect import tags
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

from flows.channel import Channel, current
from flows.follow_up import follow_up
from flows.observe import observe
from flows.relay import relay
from followup.story import Story

log = logging.getLogger(__name__)

FLOWS: dict[str, Callable[..., Coroutine[Any, Any, Any]]] = {
    "observe": observe,
    "follow-up": follow_up,
    "relay": relay,
}
_RETRY_S = 5.0
_HEAD_START_S = 0.5
"""Starting a run keeps the interpreter busy for a good tenth of a second: the packets and the telescope of
which the story tells go first."""
_OPEN_STATES = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING, StateType.SCHEDULED]


class PrefectRunner:
    """Implements `followup.story.Runner` with Prefect.

    Parameters
    ----------
    site
        User name of the site; every run carries it as the tag ``site:NAME``.
    api_url
        URL of the Prefect server's API.
    """

    def __init__(self, *, site: str, api_url: str) -> None:
        self._tag = f"site:{site}"
        self._api_url = api_url
        self._loop = asyncio.new_event_loop()
        self._pending: set[asyncio.Task[None]] = set()
        self._away = False
        self._tidied = False
        self._tidying = asyncio.Lock()
        self._thread = threading.Thread(target=self._serve, name="prefect", daemon=True)
        self._thread.start()
        # At once, not with the first story: what an earlier process left is ended soon, and the client is
        # warm when the telescope has other things to do.
        self._call(lambda: self._spawn(self._server_answers()))

    def follow(self, story: Story) -> None:
        """Start showing a story; returns at once."""
        self._call(lambda: self._begin(story))

    async def settle(self, timeout_s: float) -> None:
        """Wait until all stories begun so far are shown to their end, at most so long.

        With the server away there is nothing to wait for.
        """
        waiting = asyncio.run_coroutine_threadsafe(self._settle(timeout_s), self._loop)
        await asyncio.wrap_future(waiting)

    def close(self) -> None:
        """End the thread; runs that are not at their end are left as they are."""
        self._call(self._loop.stop)
        self._thread.join(timeout=5.0)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _call(self, work: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work)

    def _begin(self, story: Story) -> None:
        self._spawn(self._show(story))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _settle(self, timeout_s: float) -> None:
        if self._pending and not self._away:
            await asyncio.wait(set(self._pending), timeout=timeout_s)

    async def _show(self, story: Story) -> None:
        """Show a story in one flow run; in another one, which says so, if the first is lost."""
        await asyncio.sleep(_HEAD_START_S)
        attempt = 1
        while True:
            await self._server_answers()
            name = story.name if attempt == 1 else f"{story.name} (shown again, {attempt})"
            channel = Channel(story)
            token = current.set(channel)
            try:
                with tags(*story.tags, self._tag):
                    await FLOWS[story.flow](name, dict(story.parameters), return_state=True)
            except Exception as error:  # noqa: BLE001 - whatever it is, the work must not suffer from it
                log.warning("Prefect lost sight of %s: %s", story.name, error)
            finally:
                current.reset(token)
            if channel.shown:
                return
            attempt += 1
            await asyncio.sleep(_RETRY_S)

    async def _server_answers(self) -> None:
        """Return when the server is there; the first time, end what an earlier process left running."""
        async with httpx.AsyncClient(timeout=5.0) as client:
            while True:
                try:
                    (await client.get(f"{self._api_url}/health")).raise_for_status()
                    async with self._tidying:
                        if not self._tidied:
                            await self._end_orphans()
                            self._tidied = True
                except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                    if not self._away:
                        # One that was never heard of may still be starting: that is no reason to worry.
                        level = logging.WARNING if self._tidied else logging.INFO
                        log.log(level, "no Prefect server at %s (%s): going on without", self._api_url, error)
                    self._away = True
                    await asyncio.sleep(_RETRY_S)
                else:
                    self._away = False
                    return

    async def _end_orphans(self) -> None:
        orphans = FlowRunFilter(
            tags=FlowRunFilterTags(all_=[self._tag]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_OPEN_STATES)),
        )
        async with get_client() as client:
            for run in await client.read_flow_runs(flow_run_filter=orphans):
                message = "the agent that showed this run ended; its work goes on in a run of its successor"
                await client.set_flow_run_state(run.id, Crashed(message=message), force=True)
