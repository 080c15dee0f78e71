"""What a running piece of work tells about itself, and the port through which an orchestrator follows it.

The work writes its story and never waits for a reader: with the orchestrator slow or gone, nothing here
blocks. The reader may be in another thread; it gets all events from the beginning.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from followup.clock import Clock


class StepState(StrEnum):
    """How a step of the work stands."""

    RUNNING = "running"
    """Under way."""
    COMPLETED = "completed"
    """Done."""
    SKIPPED = "skipped"
    """Not done, for a reason; no fault."""
    CANCELLED = "cancelled"
    """Stopped by a person."""
    INTERRUPTED = "interrupted"
    """The agent was ended; it goes on when it is started again."""
    FAILED = "failed"
    """A fault."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepStarted:
    """A step begins; nothing happens in one that only waits `until` then."""

    time: datetime
    step: str
    name: str
    description: str
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StepEnded:
    """A step has ended."""

    time: datetime
    step: str
    state: StepState
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A line of log; `step` is empty when it belongs to the whole."""

    time: datetime
    step: str
    level: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """Something to look at: a picture (PNG), a table or a text. A later one of the same key replaces it."""

    time: datetime
    key: str
    description: str
    png: bytes = b""
    markdown: str = ""
    table: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Progressed:
    """Progress of something countable, from 0 to 1."""

    time: datetime
    key: str
    description: str
    fraction: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """The story is over."""

    time: datetime
    state: StepState
    name: str
    message: str


StoryEvent = StepStarted | StepEnded | Said | Shown | Progressed | Ended


@dataclass(kw_only=True)
class Story:
    """The story of one campaign at one site (or of a relay's watch).

    Parameters
    ----------
    flow
        Which flow shows it: ``follow-up``, ``observe``, ``relay`` or ``replay``.
    name
        What people call this run, e.g. ``sb26112201 · gft-jilin``.
    subject
        What it is about, said in every line of its log: the burst's name.
    parameters
        Facts shown as the run's parameters.
    on_cancel
        Called, in the reader's thread, with who and why, when a person cancels the run.
    """

    flow: str
    name: str
    subject: str
    clock: Clock
    tags: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    on_cancel: Callable[[str], None] = lambda _why: None
    _events: list[StoryEvent] = field(default_factory=list, init=False)
    _readers: list[Callable[[StoryEvent], None]] = field(default_factory=list, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def begin(self, step: str, name: str, description: str = "", *, until: datetime | None = None) -> None:
        """Say that a step begins; `step` is its key in this story.

        Parameters
        ----------
        until
            The time (of the story's clock) for which the step only waits.
        """
        now = self.clock.now()
        self._tell(StepStarted(time=now, step=step, name=name, description=description, until=until))

    def end(self, step: str, state: StepState = StepState.COMPLETED, message: str = "") -> None:
        """Say that a step has ended."""
        self._tell(StepEnded(time=self.clock.now(), step=step, state=state, message=message))

    def say(self, text: str, *, step: str = "", level: int = 20) -> None:
        """Log a line (`level` as in `logging`)."""
        self._tell(Said(time=self.clock.now(), step=step, level=level, text=text))

    def show(
        self,
        key: str,
        description: str,
        *,
        png: bytes = b"",
        markdown: str = "",
        table: tuple[Mapping[str, str], ...] = (),
    ) -> None:
        """Show a picture, a text or a table."""
        self._tell(
            Shown(
                time=self.clock.now(),
                key=key,
                description=description,
                png=png,
                markdown=markdown,
                table=table,
            )
        )

    def progress(self, key: str, description: str, fraction: float) -> None:
        """Show progress."""
        self._tell(Progressed(time=self.clock.now(), key=key, description=description, fraction=fraction))

    def finish(self, state: StepState, name: str, message: str) -> None:
        """End the story. `name` is the final state in people's words, e.g. ``Declined``."""
        self._tell(Ended(time=self.clock.now(), state=state, name=name, message=message))

    def read(self, reader: Callable[[StoryEvent], None]) -> None:
        """Give `reader` all events so far and, as they come, all further ones. It must not block."""
        with self._lock:
            for event in self._events:
                reader(event)
            self._readers.append(reader)

    def _tell(self, event: StoryEvent) -> None:
        with self._lock:
            self._events.append(event)
            for reader in self._readers:
                reader(event)


class Runner(Protocol):
    """Shows stories to people: with Prefect, or not at all."""

    def follow(self, story: Story) -> None:
        """Start showing a story; returns at once and never raises."""
        ...

    async def settle(self, timeout_s: float) -> None:
        """Wait until all ended stories are shown to their end, at most so long."""
        ...

    def close(self) -> None:
        """Show no more, and give back what it needed; may take seconds."""
        ...


class PlainRunner:
    """Shows nothing: for a site without Prefect."""

    def follow(self, story: Story) -> None:
        """Do nothing: the journal and the log have it all."""

    async def settle(self, timeout_s: float) -> None:
        """Return at once."""

    def close(self) -> None:
        """Do nothing."""
