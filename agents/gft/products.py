"""What becomes of exposures while the night goes on: reduced, measured, reported, and made into datasets.

A queue, worked off in order beside the exposures: a slow reduction never holds up the telescope, and a relay
that is away never holds up the reduction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from agents.gft import papers
from agents.gft.bench import Bench
from agents.gft.frames import read_raw
from agents.gft.record import Record
from agents.gft.reduction.errors import ReductionError
from agents.gft.reduction.port import Reduction
from agents.gft.sending import Sending
from followup.adapting import Outlook
from followup.campaign import Exposure, What
from followup.devices import RawFrame
from followup.schedule import Task
from voevent.kinds import Cited, Kind, Product, Result, Trigger
from voevent.packet import CiteKind

log = logging.getLogger(__name__)

_Job = Callable[[], Coroutine[Any, Any, None]]


class Products:
    """Turns the exposures of one campaign into results and datasets.

    Parameters
    ----------
    folder
        The campaign's folder: ``raw/``, ``reduced/`` and ``products/`` below it.
    field
        The reduction, once it has read what is in that folder.
    news
        Told what was measured so far, whenever a task has been.
    """

    def __init__(
        self,
        bench: Bench,
        record: Record,
        *,
        folder: Path,
        field: asyncio.Future[Reduction],
        sending: Sending,
        news: Callable[[Outlook], None] = lambda _outlook: None,
    ) -> None:
        self.bench = bench
        self.record = record
        self.folder = folder
        self._field = field
        self.sending = sending
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._reduced: dict[str, str] = {}
        self._taken: set[str] = set()
        self._ended: set[str] = set()
        self._news = news
        self._uploads: set[asyncio.Task[None]] = set()
        state = record.state
        self._revision = -1 if state.owed and state.owed not in state.measured else state.revision

    async def exposed(self, exposure: Exposure, raw: RawFrame | None = None) -> None:
        """Have a frame reduced, once; without `raw` it is read from the disk."""
        if exposure.key in self._taken:
            return
        self._taken.add(exposure.key)
        await self._jobs.put(partial(self._reduce, exposure, raw))

    async def task_ended(self, task: Task) -> None:
        """Have a task's frames measured and reported, and its dataset sent, once."""
        if task.task_id in self._ended:
            return
        self._ended.add(task.task_id)
        for name in task.filters:
            await self._jobs.put(partial(self._measure, task, name))
        await self._jobs.put(self._look_ahead)
        await self._jobs.put(partial(self._dataset, task))

    async def revised(self, trigger: Trigger) -> None:
        """Have everything measured at the position of a later trigger, once, and reported if anything was."""
        if trigger.revision > self._revision:
            self._revision = trigger.revision
            await self._jobs.put(partial(self._retarget, trigger))

    async def settled(self) -> None:
        """Wait until there is nothing left to do: every dataset is archived or given up."""
        await self._jobs.join()
        while self._uploads:
            await asyncio.wait(set(self._uploads))
            await self._jobs.join()

    async def finish(self) -> None:
        """Say that nothing more will come: `work` returns when all is done and archived."""
        await self._jobs.put(None)

    async def work(self) -> None:
        """Work the queue off; return after `finish`, when every dataset is archived or given up."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            while (job := await self._jobs.get()) is not None:
                try:
                    await job()
                except Exception as error:
                    # One frame or one plot that cannot be made must not end the night.
                    text = f"{type(error).__name__}: {error}"
                    self.record.story.say(f"a product could not be made: {text}", level=logging.ERROR)
                    log.exception("a product failed", extra={"campaign": str(self.record.name)})
                finally:
                    self._jobs.task_done()

    async def _reduction(self) -> Reduction:
        """Wait for what was reduced before to be read."""
        return await asyncio.shield(self._field)

    async def _reduce(self, exposure: Exposure, raw: RawFrame | None) -> None:
        path = self.folder / self.record.state.exposed[exposure.key]
        field = await self._reduction()
        if raw is None and (kept := _reduced_before(field, exposure)) is not None:
            # Its bytes stay as they are: they may be in a dataset that is on its way.
            self._reduced[exposure.key] = str(kept.relative_to(self.folder))
            return

        def reduce() -> Path:
            frame = raw if raw is not None else read_raw(path)
            return field.reduce(frame, task=exposure.task, number=exposure.number).path

        try:
            reduced = await self.bench.disk.outlast(lambda: self.bench.reduce(reduce))
        except (ReductionError, OSError) as error:
            text = f"{exposure.key} could not be reduced: {error}"
            self.record.story.say(text, level=logging.WARNING)
            log.warning("%s", text, extra={"campaign": str(self.record.name)})
        else:
            self._reduced[exposure.key] = str(reduced.relative_to(self.folder))
            log.info(
                "reduced %s",
                exposure.key,
                extra={
                    "event": "frame.reduced",
                    "campaign": str(self.record.name),
                    "exposure": exposure.key,
                },
            )

    async def _measure(self, task: Task, filter_name: str) -> None:
        series = f"{task.task_id}-{filter_name}"
        frames = sum(key.startswith(f"{series}-") for key in self._reduced)
        if not frames:
            return
        step = f"reduce:{series}"
        self.record.story.begin(
            step,
            f"{task.task_id}: measure {frames} frames in {filter_name}",
            "Search for a new source in the error circle, photometry on field stars, or an upper limit.",
        )
        field = await self._reduction()
        points = await self.bench.reduce(partial(field.photometry, task.task_id, filter_name))
        told = "; ".join(papers.spoken(point) for point in points) or "nothing could be measured"
        self.record.story.end(step, message=told)
        if points and series not in self.record.state.measured:
            await self._report(task.task_id, series)

    async def _retarget(self, trigger: Trigger) -> None:
        """Look at the position in force; what was reported of another one is reported anew."""
        field = await self._reduction()
        await self.bench.reduce(partial(field.retarget, trigger))
        series, measured = self.record.state.owed, self.record.state.measured
        if series and series not in measured:
            tasks = [name.partition("-")[0] for name in measured if not name.startswith("revision-")]
            last = max(tasks, key=lambda task: int(task.removeprefix("t")))
            said = f"measured anew at the position of revision {trigger.revision}"
            await self._report(last, series, comment=said)
            await self._look_ahead()

    async def _look_ahead(self) -> None:
        """Tell what is known now to whom it may concern: the next tasks."""
        field = await self._reduction()
        points, _, fit = await self.bench.reduce(field.result)
        depths = await self.bench.reduce(field.depths)
        self._news(Outlook(points=tuple(points), fit=fit, depths=depths))

    async def _report(self, task: str, series: str, *, comment: str = "") -> None:
        step = f"report:{series}"
        self.record.story.begin(step, f"report {series}", "Light curve so far, to the science centre.")
        points, source, fit = await self.bench.reduce((await self._reduction()).result)
        log.info(
            "%d points so far",
            len(points),
            extra={
                "event": "photometry",
                "campaign": str(self.record.name),
                "points": [asdict(point) for point in points],
            },
        )
        previous = await self.record.latest(Kind.RESULT, Product.LIGHT_CURVE)
        cites = (Cited(id=previous, cite=CiteKind.SUPERSEDES),) if previous else ()
        result = Result(
            product=Product.LIGHT_CURVE,
            task=task,
            points=tuple(points),
            source=source,
            fit=fit,
            comment=comment,
        )
        await self.record.say(result, cites=cites, notes={What.MEASURED: {"series": series}})
        picture = await self.bench.reduce(partial(papers.light_curve_picture, self.record, result))
        self.record.story.show("light-curve", "Light curve", png=picture)
        self.record.story.end(step, message=f"{len(points)} points so far")

    async def _report_sed(self, task: Task) -> None:
        sed = await self.bench.reduce((await self._reduction()).sed)
        if sed is None:
            return
        points, epoch_s, fit = sed
        previous = await self.record.latest(Kind.RESULT, Product.SED)
        cites = (Cited(id=previous, cite=CiteKind.SUPERSEDES),) if previous else ()
        result = Result(product=Product.SED, task=task.task_id, sed=points, epoch_s=epoch_s, fit=fit)
        await self.record.say(result, cites=cites, notes={What.MEASURED: {"series": f"{task.task_id}-sed"}})
        picture = await self.bench.reduce(partial(papers.sed_picture, self.record, result))
        self.record.story.show("sed", "Spectral energy distribution", png=picture)

    async def _dataset(self, task: Task) -> None:
        keys = [key for key in self._reduced if key.startswith(f"{task.task_id}-")]
        raws = [name for key, name in self.record.state.exposed.items() if key.startswith(f"{task.task_id}-")]
        if not raws:
            return
        if f"{task.task_id}-sed" not in self.record.state.measured:
            await self._report_sed(task)
        if task.task_id in self.record.state.attempts:
            # Announced with its manifest: drawn anew, they would be other files than those announced.
            made = await asyncio.to_thread(papers.task_papers_before, self.folder, task.task_id)
        else:
            made = await self._papers(task)
        chart = self.folder / "products" / f"finding-chart-{task.task_id}.png"
        if chart.is_file():
            self.record.story.show("finding-chart", "Finding chart", png=chart.read_bytes())
        paths = [*raws, *(self._reduced[key] for key in keys), *made]
        upload = self._group.create_task(self.sending.send(task.task_id, paths, task=task.task_id))
        self._uploads.add(upload)
        upload.add_done_callback(self._uploads.discard)

    async def _papers(self, task: Task) -> list[str]:
        """Draw and write what goes with a task's frames; they are sent even if that fails."""
        try:
            make = partial(
                papers.task_papers, self.record, await self._reduction(), self.folder, task.task_id
            )
            return await self.bench.disk.outlast(lambda: self.bench.reduce(make))
        except Exception as error:
            text = f"the papers of {task.task_id} could not be made: {type(error).__name__}: {error}"
            self.record.story.say(text, level=logging.ERROR)
            log.exception("%s", text, extra={"campaign": str(self.record.name)})
            return []

    async def resume(self, exposures: list[Exposure]) -> None:
        """Take up frames that an earlier process exposed: what it did not reduce is reduced from the disk."""
        for exposure in exposures:
            if self.record.state.exposed.get(exposure.key):
                await self.exposed(exposure)


def _reduced_before(field: Reduction, exposure: Exposure) -> Path | None:
    """Find the file of a frame that an earlier process has reduced."""
    wanted = (exposure.task, exposure.filter, exposure.number)
    return next((f.path for f in field.frames if (f.task, f.filter, f.number) == wanted), None)
