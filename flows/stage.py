"""Where stories are shown: everything that speaks to Prefect, in the loop of one thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from prefect import tags
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State

from flows.book import Book, Told, key_of
from flows.channel import Channel, current
from flows.focus import focus
from flows.follow_up import follow_up
from flows.leftovers import Leftovers, Telling, end_steps
from flows.note import outage_note
from flows.observe import observe
from flows.relay import relay
from flows.replay import replay
from flows.server import Outage, ServerWatch
from flows.show import STATE_TYPES, ends_of
from flows.silence import watch_for_silence
from followup.clock import Clock
from followup.story import Ended, StepEnded, StepState, Story, StoryEvent

log = logging.getLogger(__name__)

FLOWS: dict[str, Callable[..., Coroutine[Any, Any, Any]]] = {
    "observe": observe,
    "focus": focus,
    "follow-up": follow_up,
    "relay": relay,
    "replay": replay,
}
_HEAD_START_S = 0.5
"""Starting a run keeps the interpreter busy for a good tenth of a second: the packets and the telescope of
which the story tells go first."""
_AGAIN_S = 5.0
_SWEEP_S = 60.0
_CLAIM_POLL_S = 1.0


class Stage:
    """Shows the stories of one site.

    Must be made, and used, in the loop in which it works.

    Parameters
    ----------
    silence
        After so long without a sign of life the server ends a run.
    """

    def __init__(self, *, site: str, api_url: str, book: Book, wall: Clock, silence: timedelta) -> None:
        self._tag = f"site:{site}"
        self._book = book
        self._wall = wall
        self._silence = silence
        self._tellings: dict[int, Telling] = {}
        self._leftovers = Leftovers(tag=self._tag, flows=tuple(FLOWS), book=book, tellings=self._tellings)
        self._channels: set[Channel] = set()
        self._showing: set[asyncio.Task[None]] = set()
        self._notes: list[str] = []
        self._over: list[Told] = []
        self._looked = asyncio.Event()
        self._sweep = asyncio.Event()
        self._server = ServerWatch(api_url, wall, since=book.unheard_since, changed=self._server_changed)
        loop = asyncio.get_running_loop()
        self._keeping = (loop.create_task(self._server.run()), loop.create_task(self._keep_tidy()))

    def begin(self, story: Story) -> None:
        """Start showing a story."""
        number = self._book.begin(story, self._wall.now())
        self._tellings[number] = Telling(
            key=key_of(story.flow, story.tags), name=story.name, number=number, on_cancel=story.on_cancel
        )
        loop = asyncio.get_running_loop()

        def heard(event: StoryEvent) -> None:
            if isinstance(event, Ended) and not loop.is_closed():
                loop.call_soon_threadsafe(lambda: self._book.ended(number, event, self._wall.now()))

        story.read(heard)
        task = loop.create_task(self._show(number, story))
        self._showing.add(task)
        task.add_done_callback(self._showing.discard)

    @property
    def away(self) -> bool:
        """Whether the server did not answer when it was asked last."""
        return self._server.away

    async def there(self) -> None:
        """Return when the server answers."""
        await self._server.there()

    async def settle(self, timeout_s: float) -> None:
        """Wait until all stories begun so far are shown to their end; not while the server is away."""
        if self._showing and not self._server.away:
            await asyncio.wait(set(self._showing), timeout=timeout_s)

    async def _show(self, number: int, story: Story) -> None:
        """Show a story in one flow run; in another one, which says so, if the first is lost."""
        telling = self._tellings[number]
        await asyncio.sleep(_HEAD_START_S)
        attempt = 1
        while True:
            await self._server.there()
            await self._looked.wait()
            telling.name = self._run_name(story, telling.key, attempt)
            channel = Channel(story, started=partial(self._started, telling))
            if not await self._shown(telling, channel, story):
                # A run that never began needs no other to be told apart from.
                attempt += int(channel.begun)
                await asyncio.sleep(_AGAIN_S)
                continue
            self._tellings.pop(number)
            self._book.shown(number)
            return

    async def _shown(self, telling: Telling, channel: Channel, story: Story) -> bool:
        """Play a story in one flow run; tell whether it was shown to its end."""
        heard_of = False
        token = current.set(channel)
        self._channels.add(channel)
        try:
            with tags(*story.tags, self._tag):
                await FLOWS[story.flow](telling.name, dict(story.parameters), return_state=True)
            heard_of = True
        except Exception as error:  # noqa: BLE001 - whatever it is, the work must not suffer from it
            log.warning("Prefect lost sight of %s: %s", story.name, error)
        finally:
            current.reset(token)
            self._channels.discard(channel)
        run, telling.run = telling.run, None
        end = channel.shown
        if heard_of and end is not None:
            if channel.outlived and run is not None:
                await self._end_steps(run, end, ends_of(story))
            return True
        if run is not None:
            told = Told(key=telling.key, name=telling.name, began_at="", run=str(run))
            if end is not None:
                told = Told(
                    key=telling.key, name=telling.name, began_at="", run=str(run),
                    state=str(end.state), ended=end.name, message=end.message,
                )  # fmt: skip
            self._leftovers.cut_off(run, told)
            self._sweep.set()
        return end is not None

    def _run_name(self, story: Story, key: str, attempt: int) -> str:
        if attempt > 1:
            return f"{story.name} (shown again, {attempt})"
        return f"{story.name} (goes on)" if self._leftovers.before(key) else story.name

    def _notes_for(self, telling: Telling) -> tuple[str, ...]:
        notes = [
            f"This run goes on from {name} ({run}), whose agent ended before the work did."
            for run, name in self._leftovers.before(telling.key).items()
        ]
        notes += self._notes
        self._notes.clear()
        return tuple(notes)

    def _started(self, telling: Telling, run: UUID) -> tuple[str, ...]:
        """Hear that a run has begun; return the notes on it."""
        # Prefect's client tries again by itself: it may be the first to meet a server that is back.
        self._server.answers()
        telling.run = run
        self._book.shown_by(telling.number, str(run), telling.name)
        self._sweep.set()
        return self._notes_for(telling)

    async def _end_steps(self, run: UUID, end: Ended, ends: Mapping[str, StepEnded]) -> None:
        """End what an outage has left open of a run that has ended: its steps are told of only once."""
        state: State[Any] = State(type=STATE_TYPES[StepState(end.state)], message=end.message)
        try:
            async with get_client() as client:
                await end_steps(client, run, state, ends)
        except Exception as error:  # noqa: BLE001 - it is for people's eyes only
            log.warning("steps of run %s stay open: %s", run, error)

    # --- the server and what is left there -----------------------------------------------------------

    def _server_changed(self, since: Any, outage: Outage | None) -> None:
        told = (*self._book.earlier, *self._book.now)
        self._book.away(since)
        for channel in self._channels:
            channel.outlived = True
        if outage is None:
            return
        if note := outage_note(outage, told):
            self._notes.append(note)
        # An earlier process left no run of these: the note is all that Prefect will ever hear of them.
        self._book.settled([one for one in self._book.earlier if not one.run])
        for channel in self._channels:
            channel.say(f"Prefect could not be reached from {outage[0]:%H:%M:%S} to {outage[1]:%H:%M:%S} UTC")
        self._sweep.set()

    async def _keep_tidy(self) -> None:
        """End, for ever, what nobody shows: at the start, after outages, and now and then."""
        looked = watched = False
        while True:
            await self._server.there()
            self._sweep.clear()
            pause_s = _SWEEP_S
            try:
                async with get_client() as client:
                    if not looked:
                        await self._leftovers.look(client)
                        looked = True
                        self._looked.set()
                    if await self._leftovers.sweep(client):
                        pause_s = _CLAIM_POLL_S
                    if not watched:
                        await watch_for_silence(client, self._silence)
                        watched = True
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                log.warning("runs that nobody shows could not be ended: %s", error)
                self._looked.set()  # what is to be shown does not wait for that
                pause_s = _AGAIN_S
            try:
                async with asyncio.timeout(pause_s):
                    await self._sweep.wait()
            except TimeoutError:
                continue
