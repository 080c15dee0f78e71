"""How a story appears in Prefect: steps as task runs, pictures and tables as artifacts, words as logs."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect import Task, get_run_logger
from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.exceptions import MissingContextError

from flows.channel import Channel, current
from flows.waiting import Waiting
from followup.story import (
    Ended,
    Progressed,
    Said,
    Shown,
    StepEnded,
    StepStarted,
    StepState,
    Story,
    StoryEvent,
)

log = logging.getLogger(__name__)

Steps = Mapping[str, Task[..., Any]]
"""The tasks of a flow by the kind of step: the part of a step's key before the colon."""

_Lines = asyncio.Queue[Said | StepEnded]
"""What is said about one step, until its end."""

_CANCEL_POLL_S = 1.0
_PROGRESS_EVERY_S = 2.0
STATE_TYPES = {
    StepState.COMPLETED: StateType.COMPLETED,
    StepState.SKIPPED: StateType.COMPLETED,
    StepState.CANCELLED: StateType.CANCELLED,
    StepState.INTERRUPTED: StateType.CRASHED,
    StepState.FAILED: StateType.FAILED,
    StepState.RUNNING: StateType.RUNNING,
}
"""How what a story says of a step, or of itself, is called in Prefect."""


async def step_body(step: str) -> State[Any]:  # noqa: ARG001 - shown to people
    """Last as long as the step does, and end as it did: the body of every task.

    Parameters
    ----------
    step
        Key of the step in the story.
    """
    subject = current.get().story.subject
    logger = get_run_logger()
    lines = _lines.get()
    while True:
        item = await lines.get()
        if isinstance(item, StepEnded):
            if item.message:
                logger.info("%s: %s", subject, item.message)
            name = "Skipped" if item.state is StepState.SKIPPED else None
            return State(type=STATE_TYPES[item.state], name=name, message=item.message or None)
        logger.log(item.level, "%s: %s", subject, item.text)


def step(name: str) -> Task[..., Any]:
    """Make the task that shows one kind of step; its runs are named by the steps themselves."""
    # Nothing is cached: a step that happened twice is shown twice.
    return Task(step_body, name=name, cache_policy=NO_CACHE)


@dataclass(kw_only=True)
class _Watch:
    """What is being shown right now."""

    waiting: Waiting
    lines: dict[str, _Lines] = field(default_factory=dict)
    bars: dict[str, UUID] = field(default_factory=dict)
    bar_times: dict[str, float] = field(default_factory=dict)


_lines: ContextVar[_Lines] = ContextVar("lines")
"""What the task called next is to show. A step begun twice is two tasks, which may start after both began."""


async def show(steps: Steps) -> State[Any]:
    """Show the current channel's story until it ends; return the state that the flow run must end in.

    Whatever Prefect raises when its server is away ends this run only: `flows.stage` shows the story anew.
    """
    channel = current.get()
    run = FlowRunContext.get()
    if run is None or run.flow_run is None:
        raise MissingContextError("a story is shown inside a flow run")
    notes = channel.begin(run.flow_run.id)
    try:
        for number, note in enumerate(notes, 1):
            await _show_note(channel, number, note)
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(_watch_for_cancel(run.flow_run.id, channel))
            waiting = Waiting(run.flow_run.id, channel.story.clock)
            ended = await _relay_events(channel, _Watch(waiting=waiting), steps, group)
            watcher.cancel()
    except Exception as error:  # noqa: BLE001 - one that ends this run ends nothing else
        first = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        log.warning("Prefect lost sight of %s: %s", channel.story.name, first)
        return State(type=StateType.CRASHED, message="the server was away; another run shows the same work")
    channel.shown = ended
    return State(type=STATE_TYPES[ended.state], name=ended.name, message=ended.message)


async def _relay_events(channel: Channel, watch: _Watch, steps: Steps, group: asyncio.TaskGroup) -> Ended:
    logger = get_run_logger()
    async for event in channel.events():
        match event:
            case StepStarted():
                if event.step in watch.lines:
                    # Begun once more: what was shown under this key until now is over.
                    over = StepEnded(time=event.time, step=event.step, state=StepState.COMPLETED, message="")
                    watch.lines[event.step].put_nowait(over)
                lines = watch.lines[event.step] = asyncio.Queue()
                task = steps[event.step.partition(":")[0]]
                named = task.with_options(task_run_name=_plain(event.name), description=event.description)
                group.create_task(_run(named, event.step, lines))
                await watch.waiting.begins(event)
            case StepEnded() if event.step in watch.lines:
                watch.lines[event.step].put_nowait(event)
                await watch.waiting.ends(event.step)
            case Said() if event.step in watch.lines:
                watch.lines[event.step].put_nowait(event)
            case Said():
                logger.log(event.level, "%s: %s", channel.story.subject, event.text)
            case Shown():
                await _show_artifact(channel, event)
            case Progressed():
                await _show_progress(channel, watch, event)
            case Ended():
                logger.info("%s: %s: %s", channel.story.subject, event.name, event.message)
                # A step that nobody ended ends with the whole, and in the same way.
                for lines in watch.lines.values():
                    lines.put_nowait(
                        StepEnded(time=event.time, step="", state=event.state, message=event.message)
                    )
                return event
            case _:
                log.debug("an event of an unknown step was left out: %s", event)
    raise AssertionError("a channel ends with Ended")


async def _run(task: Task[..., Any], step: str, lines: _Lines) -> None:
    _lines.set(lines)
    await task(step, return_state=True)


def ends_of(story: Story) -> dict[str, StepEnded]:
    """Tell how the steps of a story have ended so far, by the names of their task runs."""
    names: dict[str, str] = {}
    ends: dict[str, StepEnded] = {}

    def hear(event: StoryEvent) -> None:
        if isinstance(event, StepStarted):
            names[event.step] = _plain(event.name)
        elif isinstance(event, StepEnded) and event.step in names:
            ends[names[event.step]] = event

    story.read(hear)
    return ends


def _plain(name: str) -> str:
    # task_run_name is a format string to Prefect.
    return name.replace("{", "(").replace("}", ")")


def artifact_key(channel: Channel, key: str) -> str:
    """Key of an artifact in Prefect: lower-case letters, digits and dashes only."""
    return re.sub(r"[^a-z0-9]+", "-", f"{channel.story.flow} {channel.story.name} {key}".lower()).strip("-")


async def _show_artifact(channel: Channel, event: Shown) -> None:
    key = artifact_key(channel, event.key)
    if event.table:
        await acreate_table_artifact(
            table=[dict(row) for row in event.table], key=key, description=event.description
        )
        return
    markdown = f"## {event.description}\n\n{event.markdown}"
    if event.png:
        picture = base64.b64encode(event.png).decode("ascii")
        markdown += f"\n\n![{event.description}](data:image/png;base64,{picture})\n"
    await acreate_markdown_artifact(markdown=markdown, key=key, description=event.description)


async def _show_note(channel: Channel, number: int, note: str) -> None:
    """Say in the log and beside the run's artifacts what people should know about the run itself."""
    get_run_logger().info("%s: %s", channel.story.subject, note)
    key = artifact_key(channel, f"note on this run {number}")
    await acreate_markdown_artifact(markdown=f"## Note\n\n{note}", key=key, description="Note on this run")


async def _show_progress(channel: Channel, watch: _Watch, event: Progressed) -> None:
    now = time.monotonic()
    due = event.fraction >= 1.0 or now - watch.bar_times.get(event.key, 0.0) >= _PROGRESS_EVERY_S
    if not due:
        return
    watch.bar_times[event.key] = now
    percent = 100.0 * min(1.0, max(0.0, event.fraction))
    bar = watch.bars.get(event.key)
    if bar is None:
        watch.bars[event.key] = await acreate_progress_artifact(
            progress=percent, key=artifact_key(channel, event.key), description=event.description
        )
    else:
        await aupdate_progress_artifact(artifact_id=bar, progress=percent, description=event.description)


async def _watch_for_cancel(run_id: UUID, channel: Channel) -> None:
    """Tell the work when somebody cancels the run, in the UI or through the API.

    A run that the server took for dead while it did not hear of us is called back to life.
    """
    async with get_client() as client:
        while True:
            try:
                run = await client.read_flow_run(run_id)
            except Exception as error:  # noqa: BLE001 - an unreachable server is no reason to stop watching
                log.debug("the state of run %s is not known: %s", run_id, error)
            else:
                if run.state is not None and (run.state.is_cancelling() or run.state.is_cancelled()):
                    channel.story.on_cancel("the run was cancelled in Prefect")
                    return
                if run.state is not None and run.state.is_crashed():
                    await _call_back(client, run_id)
            await asyncio.sleep(_CANCEL_POLL_S)


async def _call_back(client: PrefectClient, run_id: UUID) -> None:
    alive: State[Any] = State(type=StateType.RUNNING, message="its agent is alive: it could not be heard of")
    try:
        await client.set_flow_run_state(run_id, alive, force=True)
    except Exception as error:  # noqa: BLE001 - it is tried again
        log.debug("run %s is still shown as crashed: %s", run_id, error)
