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
from agents.gft.gate import ShutError
from agents.gft.limits import within_limits
from agents.gft.record import Record
from agents.gft.waiting import may_go_on
from followup.campaign import Exposure, What
from followup.devices import RawFrame
from followup.errors import DeviceError
from followup.schedule import Task, duration_s
from followup.story import StepState
from voevent.kinds import TaskOutcome
from voevent.packet import SkyPosition

log = logging.getLogger(__name__)

_SAME_POINTING_DEG = 1e-4
_DISK_S = 300.0
"""A frame that the disk has not taken by then (wall clock) is given up, and its task with it."""

_RISES_S = 30.0
"""A target that comes within the limits in so short a while is waited for: the plan begins when it rises, and
the plan's ephemeris and the mount's agree to some seconds."""

Exposed = Callable[[Exposure, RawFrame], Awaitable[None]]


class _LeftError(Exception):
    """A task is left before its next exposure."""


class _OverError(Exception):
    """A task can do no more, and nobody is to blame."""


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
    priority
        The higher, the sooner it gets the telescope when others want it, too.
    at_work
        Whether this campaign has the telescope.
    exposing
        Whether an exposure is in flight, or its frame is not yet on disk.
    leaving
        Set to have a task left before its next exposure: it is gone on with by `carry_out`.
    """

    def __init__(self, bench: Bench, record: Record, exposed: Exposed) -> None:
        self.bench = bench
        self.record = record
        self._exposed = exposed
        self._slews = 0
        self._waits = 0
        self.commanded = asyncio.Event()
        self.priority = 0
        self.at_work = False
        self.exposing = False
        self.leaving = False

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
            busy = self.bench.observatory.turns.busy_for(str(self.record.name))
            if busy or self.bench.gate.reasons:
                return
            async with self.bench.observatory.turn(str(self.record.name)):
                await self._point(task.task_id, task.filters[0])
        except DeviceError as error:
            log.warning("no head start: %s", error, extra={"campaign": str(self.record.name)})

    async def carry_out(self, task: Task) -> None:
        """Do one task: its exposures are taken, or it ends with a reason.

        Cancelled, it stops the telescope; it can be gone on with.
        """
        now, observatory, name = self.bench.sky.now(), self.bench.observatory, str(self.record.name)
        if task.start > now:
            observatory.turns.release(name)
            await self._wait(task, now)
        if observatory.user not in {"", name}:
            self.record.story.say(f"{task.task_id} waits for its turn: {observatory.user} has the telescope")
        async with observatory.turn(name, priority=self.priority):
            self.at_work = True
            try:
                ending = await self._observe(task)
            except _LeftError:
                return
            except _OverError as error:
                ending = TaskOutcome.SKIPPED, str(error)
            except DeviceError as error:
                ending = TaskOutcome.FAILED, f"{error}" + (f" ({error.hint})" if error.hint else "")
            except asyncio.CancelledError:
                # Before the next one gets the telescope: it must not be stopped for this one's sake.
                await observatory.halt()
                raise
            finally:
                self.at_work = self.exposing = False
        taken = sum(1 for key in self.record.state.exposed if key.startswith(f"{task.task_id}-"))
        outcome, reason = ending
        if outcome is not TaskOutcome.DONE and taken:
            outcome = TaskOutcome.PARTIAL
        await self.record.note(
            What.TASK_ENDED, task=task.task_id, outcome=outcome, exposures=taken, reason=reason
        )
        observatory.turns.release(name)

    async def _wait(self, task: Task, now: datetime) -> None:
        self._waits += 1
        step = f"wait:{task.task_id}-{self._waits}"
        self.record.story.begin(
            step,
            f"wait for {task.task_id} ({task.epoch})",
            f"Task {task.task_id} begins at {task.start:%Y-%m-%d %H:%M:%S} UTC (sky time).",
            until=task.start,
        )
        try:
            await self.bench.sky.sleep((task.start - now).total_seconds())
        finally:
            self.record.story.end(step)

    async def _observe(self, task: Task) -> tuple[TaskOutcome, str]:
        grace = timedelta(seconds=60)
        begun = any(key.startswith(f"{task.task_id}-") for key in self.record.state.begun)
        if not begun:
            late = self.bench.sky.now() - max(task.latest_start, task.start) > grace
            if late:
                return TaskOutcome.SKIPPED, f"it had to begin by {task.latest_start:%H:%M:%S} UTC"
            await self._reach_first(task)
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
                while not await self._take(exposure, task):
                    self.record.story.say(f"{exposure.key} is taken again: {self.bench.gate}")
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

    async def _reach_first(self, task: Task) -> None:
        """Point for a task before anything else is said of it; what interrupts that is seen to later."""
        await self._may_go_on(max(task.latest_start, task.start))
        await self._stay_within_limits(task.exposure_s)
        try:
            await self._point(task.task_id, task.filters[0])
        except DeviceError as error:
            if not isinstance(error, ShutError) and not self.bench.gate.reasons:
                raise

    async def _take(self, exposure: Exposure, task: Task) -> bool:
        """Take an exposure, unless it is there already; False when it was ended, and is to be repeated."""
        state = self.record.state
        if exposure.key in state.exposed:
            return True
        if self.leaving:
            raise _LeftError
        path = self.bench.folder / str(self.record.name) / "raw" / f"{exposure.key}.fits.fz"
        if exposure.key in state.begun:
            # The agent ended while this exposure was in flight: the disk knows whether it came through.
            found = await asyncio.to_thread(_found_on_disk, path)
            if found is not None:
                await self._stands(exposure, path.name, found)
                return True
        await self._may_go_on(self._last_moment(task))
        if not self.leaving:
            await self._stay_within_limits(task.exposure_s)  # may wait for the target to rise
        if self.leaving:
            raise _LeftError
        try:
            raw = await self._expose(exposure, task.exposure_s)
        except DeviceError as error:
            self.exposing = False
            # Ended for safety's sake, or by a person: then it is not the devices' fault.
            if isinstance(error, ShutError) or self.bench.gate.reasons:
                return False
            raise
        await self._keep(raw, path)
        await self._stands(exposure, path.name, raw)
        self.exposing = False
        return True

    async def _expose(self, exposure: Exposure, exposure_s: float) -> RawFrame:
        if await self.bench.observatory.mind_the_pier():
            self.record.story.say("the target has crossed the meridian: the mount swings over its pier")
        await self._point(exposure.task, exposure.filter)
        aimed = self.bench.observatory.pointed_at or self.target
        if self.bench.gate.reasons:
            raise ShutError(self.bench.gate)  # while it slewed: no exposure is begun
        self.exposing = True
        await self.record.note(
            What.EXPOSING,
            exposure=exposure.key,
            seconds=exposure_s,
            ra_deg=aimed.ra_deg,
            dec_deg=aimed.dec_deg,
        )
        return await self.bench.observatory.expose(exposure_s=exposure_s, filter_name=exposure.filter)

    def _last_moment(self, task: Task) -> datetime:
        """Until when a task that was interrupted may go on: when it would have ended, had it begun last."""
        needs_s = duration_s(len(task.filters), task.exposure_s, task.count, self.bench.instrument)
        return max(task.latest_start, task.start) + timedelta(seconds=needs_s)

    async def _may_go_on(self, until: datetime) -> None:
        reasons = str(self.bench.gate)
        if not await may_go_on(self.bench, self.record, until=until):
            raise _OverError(f"its time had passed before it could be gone on with: {reasons}")

    async def _stay_within_limits(self, exposure_s: float) -> None:
        """End a task whose target does not stay within the limits of the mount until an exposure's end."""
        for_s = exposure_s + self.bench.instrument.readout_s
        beyond = within_limits(self.bench, self.target, for_s=for_s)
        if beyond and not within_limits(self.bench, self.target, in_s=_RISES_S, for_s=for_s):
            await self.bench.sky.sleep(_RISES_S)
            beyond = within_limits(self.bench, self.target, for_s=for_s)
        if beyond:
            raise _OverError(f"the target leaves what the mount may look at: {beyond}")

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
