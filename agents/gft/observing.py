"""Carrying out the tasks of a plan: wait, point, expose. What follows is `agents.gft.products`' business."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from agents.gft.acquiring import acquire
from agents.gft.bench import Bench
from agents.gft.frames import read_raw, write_raw
from agents.gft.record import Record
from followup.campaign import Exposure, What
from followup.devices import RawFrame
from followup.errors import DeviceError
from followup.schedule import Task
from followup.story import StepState
from voevent.kinds import Status, StatusState, TaskOutcome
from voevent.packet import SkyPosition

log = logging.getLogger(__name__)

_WEATHER_POLL_S = 30.0
_SAME_POINTING_DEG = 1e-4
_DISK_S = 300.0
"""A frame that the disk has not taken by then (wall clock) is given up, and its task with it."""

Exposed = Callable[[Exposure, RawFrame], Awaitable[None]]


class Observing:
    """Takes the exposures of one campaign.

    Parameters
    ----------
    exposed
        Told of each frame that stands on disk.

    Attributes
    ----------
    commanded
        Set once the telescope has been told to move.
    """

    def __init__(self, bench: Bench, record: Record, exposed: Exposed) -> None:
        self.bench = bench
        self.record = record
        self._exposed = exposed
        self._slews = 0
        self.commanded = asyncio.Event()

    @property
    def target(self) -> SkyPosition:
        """Where the trigger in force says the burst is."""
        trigger = self.record.trigger
        if trigger is None or trigger.position is None:
            raise DeviceError("plan", f"{self.record.name} has no position to point at")
        return trigger.position

    async def head_start(self, task: Task) -> None:
        """Point at once for a task that begins now, if nobody has the telescope."""
        try:
            if self.bench.observatory.busy or await self.bench.observatory.unsafe():
                return
            async with self.bench.observatory.turn(str(self.record.name)):
                await self._point(task.task_id, task.filters[0])
        except DeviceError as error:
            log.warning("no head start: %s", error, extra={"campaign": str(self.record.name)})

    async def carry_out(self, task: Task) -> None:
        """Do one task: its exposures are taken, or it ends with a reason."""
        now = self.bench.sky.now()
        if task.start > now:
            await self._wait(task, now)
        async with self.bench.observatory.turn(str(self.record.name)):
            try:
                ending = await self._observe(task)
            except DeviceError as error:
                ending = TaskOutcome.FAILED, f"{error}" + (f" ({error.hint})" if error.hint else "")
        taken = sum(1 for key in self.record.state.exposed if key.startswith(f"{task.task_id}-"))
        outcome, reason = ending
        if outcome is not TaskOutcome.DONE and taken:
            outcome = TaskOutcome.PARTIAL
        await self.record.note(
            What.TASK_ENDED, task=task.task_id, outcome=outcome, exposures=taken, reason=reason
        )

    async def _wait(self, task: Task, now: datetime) -> None:
        step = f"wait:{task.task_id}"
        self.record.story.begin(
            step,
            f"wait for {task.task_id} ({task.epoch})",
            f"Task {task.task_id} begins at {task.start:%Y-%m-%d %H:%M:%S} UTC (sky time).",
        )
        await self.bench.sky.sleep((task.start - now).total_seconds())
        self.record.story.end(step)

    async def _observe(self, task: Task) -> tuple[TaskOutcome, str]:
        grace = timedelta(seconds=60)
        begun = any(key.startswith(f"{task.task_id}-") for key in self.record.state.begun)
        if not begun:
            late = self.bench.sky.now() - max(task.latest_start, task.start) > grace
            if late:
                return TaskOutcome.SKIPPED, f"it had to begin by {task.latest_start:%H:%M:%S} UTC"
        if not await self._wait_until_safe(task):
            return TaskOutcome.SKIPPED, "the conditions were unsafe until its time had passed"
        await self._point(task.task_id, task.filters[0])
        for filter_name in task.filters:
            step = f"expose:{task.task_id}-{filter_name}"
            self.record.story.begin(
                step,
                f"{task.task_id}: expose {task.count} × {task.exposure_s:g} s in {filter_name}",
                f"{task.count} exposures of {task.exposure_s:g} s through filter {filter_name}.",
            )
            for exposure in exposures_of(task):
                if exposure.filter != filter_name:
                    continue
                await self._take(exposure, task.exposure_s)
                done = exposure.number / task.frames
                self.record.story.progress(f"exposures {task.task_id}", f"exposures of {task.task_id}", done)
            self.record.story.end(step)
        return TaskOutcome.DONE, ""

    async def _point(self, task: str, filter_name: str) -> None:
        target = self.target
        pointed_at = self.bench.observatory.pointed_at
        if pointed_at is not None and _close(pointed_at, target):
            return
        self._slews += 1
        step = f"slew:{task}-{self._slews}"
        where = f"{target.ra_deg:.4f} {target.dec_deg:+.4f}"
        self.record.story.begin(step, f"slew to {where}", f"Point at {where} (ICRS, degrees).")
        await self.record.note(
            What.SLEWING, task=task, target=where, wall_time=self.bench.wall.now().isoformat()
        )
        self.commanded.set()
        try:
            await self.bench.observatory.point(target)
            seen = await acquire(self.bench, self.record, target, task=task, filter_name=filter_name)
        except DeviceError as error:
            self.record.story.end(step, StepState.FAILED, str(error))
            raise
        self.record.story.end(step, message=f"tracking at {where}{seen and f'; {seen}'}")

    async def _take(self, exposure: Exposure, exposure_s: float) -> None:
        state = self.record.state
        if exposure.key in state.exposed:
            return
        path = self.bench.folder / str(self.record.name) / "raw" / f"{exposure.key}.fits.fz"
        if exposure.key in state.begun:
            # The agent ended while this exposure was in flight: the disk knows whether it came through.
            found = await asyncio.to_thread(_found_on_disk, path)
            if found is not None:
                await self._stands(exposure, path.name, found)
                return
        if not await self._wait_until_safe(None):
            raise DeviceError("weather", "it did not become safe again")
        await self._point(exposure.task, exposure.filter)
        await self.record.note(What.EXPOSING, exposure=exposure.key, seconds=exposure_s)
        raw = await self.bench.observatory.expose(exposure_s=exposure_s, filter_name=exposure.filter)
        await self._keep(raw, path)
        await self._stands(exposure, path.name, raw)

    async def _keep(self, raw: RawFrame, path: Path) -> None:
        """Write a frame to the disk; one that is full is waited for, but not for all the night."""
        write = partial(write_raw, raw, path)
        try:
            await self.bench.disk.outlast(lambda: asyncio.to_thread(write), at_most_s=_DISK_S)
        except OSError as error:
            raise DeviceError(
                "disk", f"{path.name} cannot be written: {error.strerror or error}", hint="make room there"
            ) from error

    async def _stands(self, exposure: Exposure, name: str, raw: RawFrame) -> None:
        await self.record.note(What.EXPOSED, exposure=exposure.key, file=f"raw/{name}")
        await self._exposed(exposure, raw)

    async def _wait_until_safe(self, task: Task | None) -> bool:
        """Return True when it is safe; False when a task's time has passed before it was."""
        reason = await self.bench.observatory.unsafe()
        if not reason:
            return True
        await self.bench.observatory.shelter()
        self.record.story.say(f"unsafe: {reason}", level=logging.WARNING)
        await self.record.say(Status(state=StatusState.UNSAFE, text=reason), notes={})
        while True:
            await self.bench.sky.sleep(_WEATHER_POLL_S)
            reason = await self.bench.observatory.unsafe()
            if not reason:
                await self.record.say(Status(state=StatusState.CLEAR, text="safe again"), notes={})
                return True
            if task is not None and self.bench.sky.now() > max(task.latest_start, task.start):
                return False


def exposures_of(task: Task) -> list[Exposure]:
    """List the exposures of a task, numbered from 1 through all its filters."""
    series = [name for name in task.filters for _ in range(task.count)]
    return [Exposure(task=task.task_id, filter=name, number=number) for number, name in enumerate(series, 1)]


def _found_on_disk(path: Path) -> RawFrame | None:
    try:
        return read_raw(path)
    except (OSError, KeyError, ValueError):
        return None


def _close(one: SkyPosition, other: SkyPosition) -> bool:
    return (
        abs(one.ra_deg - other.ra_deg) < _SAME_POINTING_DEG
        and abs(one.dec_deg - other.dec_deg) < _SAME_POINTING_DEG
    )
