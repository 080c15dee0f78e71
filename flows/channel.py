"""One story on its way from the agent's thread to the flow run that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from uuid import UUID

from followup.story import Ended, Said, Story, StoryEvent


class Channel:
    """The events of a story, from its beginning, as an asynchronous iterator in the reader's loop.

    Must be made in the loop that reads it. Each channel reads the story from the start, so that a second
    flow run of the same story (after an outage of the server) shows everything.

    Parameters
    ----------
    started
        Told which flow run shows the story; gives what that run is to say before all else, in Markdown.

    Attributes
    ----------
    begun
        Whether a flow run shows the story, or did.
    shown
        The story's end, once everything before it is shown.
    outlived
        Whether the server was away in the meantime.
    """

    def __init__(self, story: Story, *, started: Callable[[UUID], tuple[str, ...]]) -> None:
        self.story = story
        self._started = started
        self.begun = False
        self.shown: Ended | None = None
        self.outlived = False
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[StoryEvent] = asyncio.Queue()
        story.read(self._receive)

    def begin(self, run: UUID) -> tuple[str, ...]:
        """Say which flow run shows the story; returns what it is to say before all else."""
        self.begun = True
        return self._started(run)

    def say(self, text: str) -> None:
        """Add a line to the run's log that is not the story's."""
        line = Said(time=self.story.clock.now(), step="", level=20, text=text)
        self._events.put_nowait(line)

    def _receive(self, event: StoryEvent) -> None:
        # The agent's thread must not notice that the reader has gone.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def events(self) -> AsyncIterator[StoryEvent]:
        """Yield all events up to and including the story's end."""
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, Ended):
                return


current: ContextVar[Channel] = ContextVar("current")
"""The channel that the flow called next shows: flow parameters are for people, and must be JSON."""
