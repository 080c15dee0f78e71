"""Runs flows for stories, in a thread with an event loop of its own.

Prefect's import takes seconds, and its client can hold a loop for a second (first call, a slow server); the
agent's loop, which answers packets and drives the telescope, must never notice.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.book import Book
from followup.clock import Clock
from followup.steering import Held, ReplayDesk, TriggerForm
from followup.story import Story

if TYPE_CHECKING:
    from flows.stage import Stage

_HEAD_START_S = 1.0
_CLOSE_S = 30.0
"""Longer than the import of Prefect on a busy machine, which nothing can cut short."""
SIGN_OF_LIFE_S = 60
"""How often a run gives a sign of life to the server: a setting of Prefect's, at least 30."""
SILENCE = timedelta(minutes=10)
"""After so long without one the server takes the agent for dead."""


class PrefectRunner:
    """Implements `followup.story.Runner` with Prefect.

    Parameters
    ----------
    site
        User name of the site; every run carries it as the tag ``site:NAME``.
    api_url
        URL of the Prefect server's API.
    home
        Folder of what is remembered for the agent's next process.
    silence
        After so long without a sign of life from its agent the server ends a run.
    """

    def __init__(
        self, *, site: str, api_url: str, home: Path, wall: Clock, silence: timedelta = SILENCE
    ) -> None:
        self._site = site
        self._api_url = api_url
        self._home = home
        self._beside: set[asyncio.Task[None]] = set()
        self._wall = wall
        self._silence = silence
        self._loop = asyncio.new_event_loop()
        self._stage: asyncio.Future[Stage] = self._loop.create_future()
        self._thread = threading.Thread(target=self._serve, name="prefect", daemon=True)
        # At once, not with the first story: what an earlier process left is ended soon, and the client is
        # warm when the telescope has other things to do.
        self._thread.start()

    def follow(self, story: Story) -> None:
        """Start showing a story; returns at once."""
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._begin(story), self._loop)

    @property
    def away(self) -> bool:
        """Whether the server did not answer when it was asked last, or was not asked yet."""
        return not self._stage.done() or self._stage.result().away

    def held_by_pool(self, telescope: Held) -> None:
        """Show the telescope as a work pool from now on; pausing it is a hold. Called in the agent's loop."""
        self._keep_beside(partial(self._keep_pool, telescope, asyncio.get_running_loop()))

    def serve_form(self, desk: TriggerForm) -> None:
        """Serve the form for triggers from now on. Called in the agent's loop."""
        self._keep_beside(partial(self._keep_form, desk, asyncio.get_running_loop()))

    def serve_replays(self, desk: ReplayDesk) -> None:
        """Serve replays, on order and by schedule, from now on."""
        self._keep_beside(partial(self._keep_replays, desk))

    async def settle(self, timeout_s: float) -> None:
        """Wait until all stories begun so far are shown to their end, at most so long.

        With the server away there is nothing to wait for.
        """
        settling = asyncio.run_coroutine_threadsafe(self._settle(timeout_s), self._loop)
        # The thread may still be busy with imports.
        await asyncio.wait({asyncio.wrap_future(settling)}, timeout=timeout_s)

    def close(self) -> None:
        """End the thread; runs that are not at their end are left as they are."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
        # An interpreter that ends while this thread still writes to the log is aborted.
        self._thread.join(timeout=_CLOSE_S)

    def _serve(self) -> None:
        # What is called meanwhile waits in the loop. An agent that just begins has more urgent things to do.
        time.sleep(_HEAD_START_S)
        from flows.stage import Stage  # noqa: PLC0415 - Prefect takes seconds: only this thread waits

        async def make() -> None:
            book = Book(self._home / "told.json")
            self._stage.set_result(
                Stage(
                    site=self._site, api_url=self._api_url, book=book, wall=self._wall, silence=self._silence
                )
            )

        asyncio.set_event_loop(self._loop)
        # Not waited for: we may be closed already.
        making = self._loop.create_task(make())
        making.add_done_callback(lambda made: None if made.cancelled() else made.result())
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _begin(self, story: Story) -> None:
        (await self._stage).begin(story)

    def _keep_beside(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        def begin() -> None:
            task = self._loop.create_task(work())
            self._beside.add(task)

        self._loop.call_soon_threadsafe(begin)

    async def _keep_pool(self, telescope: Held, agent: asyncio.AbstractEventLoop) -> None:
        stage = await self._stage
        from flows.holding import Holding  # noqa: PLC0415 - the stage has Prefect imported by now

        await Holding(self._site, telescope, agent, self._home / "pool.json").keep(stage.there)

    async def _keep_form(self, desk: TriggerForm, agent: asyncio.AbstractEventLoop) -> None:
        stage = await self._stage
        from flows.form import Form  # noqa: PLC0415 - the same

        await Form(self._site, desk, agent).keep(stage.there)

    async def _keep_replays(self, desk: ReplayDesk) -> None:
        stage = await self._stage
        from flows.replays import Replays  # noqa: PLC0415 - the same

        await Replays(self._site, desk).keep(stage.there)

    async def _settle(self, timeout_s: float) -> None:
        await (await self._stage).settle(timeout_s)
