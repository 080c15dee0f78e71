"""Playing a record against a telescope's agent, from the bundle to what came of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agents.gft.closing import LOGS
from console.replay.clock import JumpingClock
from console.replay.contents import digests
from console.replay.errors import ReplayError
from console.replay.others import Heard
from console.replay.record import Recording
from console.replay.stage import Stage, staged
from console.replay.stillness import CountingLoop, Stillness
from console.state import State
from followup.clock import Clock, SkyClock, WallClock
from transfer.errors import ManifestError
from transfer.local import file_digest
from transfer.manifest import Manifest
from voevent.kinds import Upload, UploadState

_BEFORE = timedelta(seconds=60)
"""The sky's clock stands so much earlier than the first trigger while everything starts."""
_AFTER = timedelta(hours=6)
"""So much later than the record's end (sky time) a replay is given up."""
_PATIENCE_S = 300.0
_POLL_S = 0.1
_LOOK_S = 0.001
_TICK_S = 30.0
"""The sky's clock jumps no farther than this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What came of a replay.

    Attributes
    ----------
    heard
        What the agent said, in the order in which it was heard.
    complaints
        Rules that it broke on the way.
    files
        The files of the datasets as they were uploaded, with digests that do not depend on when that was, by
        dataset and attempt.
    damaged
        What is not in the store as its manifest says.
    decisions
        Why it planned as it did.
    ended
        Whether the campaign came to its end.
    reduction_s, wall_s
        Processor time of the reduction's thread, and how long all of it took.
    """

    heard: tuple[Heard, ...]
    complaints: tuple[str, ...]
    files: Mapping[tuple[str, int], Mapping[str, str]]
    damaged: tuple[str, ...]
    decisions: tuple[Mapping[str, Any], ...]
    ended: bool
    reduction_s: float
    wall_s: float


def replay_telescope(
    recording: Recording, root: Path, *, speed: float | None = None, strategies: str = ""
) -> Replayed:
    """Play a record against the telescope's agent (blocking).

    Parameters
    ----------
    root
        A folder of its own, which does not exist yet.
    speed
        How many times faster than then; None for as fast as the agent answers.
    strategies
        Those to follow instead of the recorded ones.

    Raises
    ------
    ReplayRefusedError
        When something real might be reached.
    ReplayError
        When the record does not have what is needed, or the agent answers no more.
    """
    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        return runner.run(_replay(recording, State(root), speed=speed, strategies=strategies))


async def _replay(recording: Recording, state: State, *, speed: float | None, strategies: str) -> Replayed:
    began = time.monotonic()
    start = recording.start - _BEFORE
    jumping = JumpingClock(start)
    sky: Clock = jumping
    if speed is not None:
        wall = WallClock()
        sky = SkyClock(sky_epoch=start, wall_epoch=wall.now(), rate=speed, wall=wall)
    running_out: asyncio.Task[None] | None = None
    try:
        async with staged(recording, state, sky=sky, strategies=strategies) as stage:
            if isinstance(sky, SkyClock):
                sky.set(start, sky.wall.now())  # the start took its time
            stage.others.start()
            try:
                ended = await (
                    _run_down(stage, recording, sky) if speed else _jump_on(stage, recording, jumping)
                )
                return await _replayed(stage, recording, ended=ended, began=began)
            finally:
                # Who ends makes the telescope safe first, which takes its time by the sky's clock.
                running_out = asyncio.create_task(_run_out(jumping))
    finally:
        if running_out is not None:
            running_out.cancel()
            await asyncio.gather(running_out, return_exceptions=True)


async def _replayed(stage: Stage, recording: Recording, *, ended: bool, began: float) -> Replayed:
    reduction_s = await stage.bench.reduce(time.thread_time)
    files, damaged = await asyncio.to_thread(_uploaded, stage)
    return Replayed(
        heard=tuple(stage.others.heard),
        complaints=tuple(stage.others.complaints),
        files=files,
        damaged=damaged,
        decisions=await asyncio.to_thread(_decisions, stage, recording),
        ended=ended,
        reduction_s=reduction_s,
        wall_s=time.monotonic() - began,
    )


async def _run_out(sky: JumpingClock) -> None:
    """Have the clock jump for whoever still waits for it."""
    while True:
        await asyncio.sleep(_LOOK_S)
        sky.jump()


def _over(stage: Stage) -> bool:
    return stage.others.over and not stage.agent.campaigns


async def _jump_on(stage: Stage, recording: Recording, sky: JumpingClock) -> bool:
    """Have the clock jump whenever nobody works; tell whether the campaign came to its end."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, CountingLoop):
        raise TypeError("a replay at full speed needs an event loop that counts")
    stillness = Stillness(loop, stage.journal, lambda: stage.others.busy)
    watch = _Watch(stage)
    marks = [asyncio.create_task(_tick(sky))]
    marks += [asyncio.create_task(_mark(sky, time)) for time in recording.weather_changes]
    try:
        while True:
            await watch.over(stillness.reached(unanswered=stage.others.unanswered))
            if _over(stage):
                return True
            if sky.now() > recording.end + _AFTER or not sky.jump():
                return False
    finally:
        for mark in marks:
            mark.cancel()
        await asyncio.gather(*marks, return_exceptions=True)


async def _tick(sky: JumpingClock) -> None:
    """Have the clock stop now and then, so that who looks around sees the time go by."""
    while True:
        await sky.sleep(_TICK_S)


async def _mark(sky: JumpingClock, time: datetime) -> None:
    """Have the clock stop at a time."""
    await sky.sleep((time - sky.now()).total_seconds())


async def _run_down(stage: Stage, recording: Recording, sky: Clock) -> bool:
    """Let the clock run; tell whether the campaign came to its end."""
    while sky.now() <= recording.end + _AFTER:
        if _over(stage) and sky.now() > recording.triggers[-1].header.date:
            return True
        await asyncio.sleep(_POLL_S)
    return False


class _Watch:
    """Sees to it that something goes on."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def over(self, work: Any) -> None:
        """Wait for it, as long as something goes on.

        Raises
        ------
        ReplayError
            When nothing has happened for too long.
        """
        task = asyncio.ensure_future(work)
        seen: tuple[int, ...] = ()
        while not task.done():
            await asyncio.wait({task}, timeout=_PATIENCE_S)
            now = (self._stage.journal.written, len(self._stage.others.heard))
            if not task.done() and now == seen:
                task.cancel()
                raise ReplayError(
                    f"the agent has said and done nothing for {_PATIENCE_S:.0f} s with something unanswered"
                )
            seen = now
        task.result()


def _uploaded(stage: Stage) -> tuple[dict[tuple[str, int], Mapping[str, str]], tuple[str, ...]]:
    """Read what was uploaded, and hold it against what was announced (blocking)."""
    files: dict[tuple[str, int], Mapping[str, str]] = {}
    damaged: list[str] = []
    for heard in stage.others.heard:
        upload = heard.content
        if not isinstance(upload, Upload) or upload.state is not UploadState.COMPLETED:
            continue
        path = stage.store / upload.manifest.path
        try:
            raw = path.read_bytes()
            manifest = Manifest.parse(raw)
        except (OSError, ManifestError) as error:
            damaged.append(f"{upload.dataset}: its manifest is not in the store: {error}")
            continue
        if hashlib.sha256(raw).hexdigest() != upload.manifest.sha256:
            damaged.append(f"{upload.dataset}: the manifest in the store is not the one announced")
        files[(upload.dataset, upload.attempt)] = digests(path.parent, manifest)
        damaged += [f"{upload.dataset}: {what}" for what in _not_there(path.parent, manifest)]
    return files, tuple(damaged)


def _not_there(folder: Path, manifest: Manifest) -> list[str]:
    return [
        f"{entry.path} is not in the store as its manifest says"
        for entry in manifest.files
        if not (folder / entry.path).is_file() or file_digest(folder / entry.path) != entry.sha256
    ]


def _decisions(stage: Stage, recording: Recording) -> tuple[Mapping[str, Any], ...]:
    path = stage.bench.folder / str(recording.name) / LOGS / "decisions.json"
    try:
        return tuple(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return ()
