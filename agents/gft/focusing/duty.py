"""When the telescope is focused: as the night begins, when the tube has grown warmer or colder, by hand.

Never at the expense of a burst: a run begins while nobody has the telescope, and ends at once when somebody
asks for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from agents.gft.bench import Bench
from agents.gft.focusing.curve import Sample
from agents.gft.focusing.run import FocusResult, FocusRun
from agents.gft.focusing.terms import FocusTerms
from agents.gft.focusing.way_back import FOCUSED, WayBack
from agents.gft.high_field import high_field
from followup.devices import Focuser
from followup.errors import DeviceError, FollowupError
from followup.story import StepState, Story

log = logging.getLogger(__name__)

_LOOK_S = 30.0
_NEW_NIGHT = timedelta(hours=10)
_AGAIN_AFTER = timedelta(minutes=30)
"""After a run that found nothing, or was interrupted."""


class FocusRefusedError(FollowupError):
    """The telescope cannot be focused now."""


class FocusDuty:
    """Focuses one telescope, by itself and when it is told to.

    Attributes
    ----------
    last
        What the last run came to, of this life of the agent.
    """

    def __init__(self, bench: Bench, focuser: Focuser, terms: FocusTerms) -> None:
        self.bench = bench
        self.last: FocusResult | None = None
        self._focuser = focuser
        self._terms = terms
        self._not_before: datetime | None = None
        self._running = asyncio.Lock()
        self._way_back = WayBack(bench)

    async def restore(self) -> None:
        """Have the focuser put right if an earlier process of the agent ended during a run.

        It moves before the next exposure: call this before anybody has the telescope.
        """
        start = await self._way_back.read()
        if start is not None:
            log.warning("a focus run was cut short: the focuser goes back to %d first", start)
            self.bench.observatory.put_right_later(partial(self._made().back, start))

    async def watch(self) -> None:
        """Focus whenever it is due and nobody has the telescope, for ever. Run it as a task."""
        while True:
            try:
                free = self.bench.observatory.idle and not self.bench.gate.reasons
                if free and (reason := await self.due()):
                    await self._run(reason)
            except (DeviceError, FocusRefusedError) as error:
                log.warning("the telescope is not focused: %s", error)
            except Exception:
                # The night goes on out of focus rather than not at all.
                log.exception("the telescope is not focused")
            await self.bench.sky.sleep(_LOOK_S)

    async def due(self) -> str:
        """Why a run is due now; empty when none is."""
        now = self.bench.sky.now()
        if self._not_before is not None and now < self._not_before:
            return ""
        last = self.last
        if last is None or last.curve is None or now - last.began > _NEW_NIGHT:
            return "the night begins"
        if last.temperature_c is None or (temperature := await self._focuser.temperature()) is None:
            return ""
        change = temperature - last.temperature_c
        if abs(change) < self._terms.after_degrees:
            return ""
        return f"the tube is {abs(change):.1f} deg C {'warmer' if change > 0 else 'colder'} than last time"

    async def by_hand(self, who: str) -> dict[str, Any]:
        """Focus now, because a person wants it.

        Raises
        ------
        FocusRefusedError
            When somebody observes, or the telescope may not: it is held, it is not safe, the Sun is up.
        """
        if not self.bench.observatory.idle:
            raise FocusRefusedError(
                f"the telescope is in use: {self.bench.observatory.user}",
                hint="wait, or hold the telescope's campaigns first",
            )
        if self.bench.gate.reasons:
            raise FocusRefusedError(f"the telescope may not observe: {self.bench.gate}")
        result = await self._run(f"asked for by {who}")
        return _data(result)

    async def _run(self, reason: str) -> FocusResult:
        """Have the telescope, and focus it.

        Raises
        ------
        FocusRefusedError
            When somebody else asks for the telescope meanwhile, or the gate is shut.
        DeviceError
            When it does not point.
        """
        async with self._running:
            self._not_before = self.bench.sky.now() + _AGAIN_AFTER
            work = asyncio.ensure_future(self._focus(reason))
            shut = asyncio.ensure_future(self.bench.gate.shuts())
            try:
                await asyncio.wait({work, shut}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                # Whoever had us stop, or the gate: the telescope is given back before we go on.
                shut.cancel()
                work.cancel()
                await asyncio.gather(work, shut, return_exceptions=True)
            if work.cancelled():
                why = str(self.bench.gate) or "somebody needs the telescope"
                raise FocusRefusedError(f"the focus run was broken off: {why}")
            result = self.last = work.result()
            if result.curve is not None:
                self._not_before = None
            return result

    async def _focus(self, reason: str) -> FocusResult:
        bench, this = self.bench, asyncio.current_task()
        story = Story(
            flow="focus",
            name=f"focus · {bench.name}",
            subject=bench.name,
            clock=bench.sky,
            tags=(bench.name, f"focus {bench.sky.now():%Y-%m-%d %H:%M:%S}"),
            parameters={"telescope": bench.name, "reason": reason},
        )
        bench.runner.follow(story)
        log.info("focusing: %s", reason, extra={"event": "focus.began", "site": bench.name})
        try:
            async with bench.observatory.turn(
                "focus", give_way=lambda: None if this is None else _cancel(this)
            ):
                result = await self._samples(reason, story)
        except asyncio.CancelledError:
            story.finish(StepState.INTERRUPTED, "Broken off", "somebody else needs the telescope")
            raise
        except DeviceError as error:
            story.finish(StepState.FAILED, "Failed", str(error))
            raise
        await self._record(result, story)
        return result

    async def _samples(self, reason: str, story: Story) -> FocusResult:
        bench, observatory = self.bench, self.bench.observatory
        # Pointing puts the focuser right after a run that was cut short.
        away = observatory.pointed_at is None or self._way_back.start is not None
        if away:
            story.begin("slew:", "slew to a field high in the east")
            await observatory.point(high_field(bench.site, bench.sky.now()))
            story.end("slew:")

        def told(sample: Sample) -> None:
            text = f"{sample.position}: {sample.diameter_px:.2f} px, {sample.stars} stars"
            story.say(text)
            log.info("focus at %s", text, extra={"event": "focus.sample", "site": bench.name})

        story.begin("expose:", f"expose at {self._terms.points} positions of the focuser")
        result = await self._made(told).run(reason)
        story.end("expose:", StepState.FAILED if result.problem else StepState.COMPLETED, str(result))
        if away:
            # Nobody follows this field: the telescope must not track into its limits.
            await observatory.shelter()
        return result

    def _made(self, told: Callable[[Sample], None] = lambda _sample: None) -> FocusRun:
        return FocusRun(
            self.bench.observatory,
            self._focuser,
            terms=self._terms,
            masters=self.bench.masters,
            instrument=self.bench.instrument,
            leaves=self._way_back.leaves,
            is_back=self._way_back.is_back,
            told=told,
        )

    async def _record(self, result: FocusResult, story: Story) -> None:
        from followup.figures.focus import focus_figure  # noqa: PLC0415 - matplotlib is slow to load

        bench = self.bench
        picture = (
            await asyncio.to_thread(
                focus_figure,
                [s.position for s in result.samples],
                [s.diameter_px for s in result.samples],
                title=f"{bench.name}, {result.began:%Y-%m-%d %H:%M} UTC: {result.reason}",
                curve=result.curve,
                best=result.curve.best if result.curve else None,
            )
            if result.samples
            else b""
        )
        if picture:
            story.show("curve", "Focus run", png=picture)
        data = _data(result)
        now = bench.sky.now()
        await bench.journal.write(lambda tx: tx.note(bench.name, FOCUSED, data, time=now))
        self._way_back.start = None
        log.info("%s", result, extra={"event": "focus.ended", "site": bench.name, **data})
        state = StepState.COMPLETED if result.curve else StepState.FAILED
        story.finish(state, "Focused" if result.curve else "No focus", str(result))


def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()


def _data(result: FocusResult) -> dict[str, Any]:
    return {
        "reason": result.reason,
        "began": result.began.isoformat(),
        "position": result.position,
        "temperature_c": result.temperature_c,
        "best": round(result.curve.best) if result.curve else None,
        "diameter_px": round(result.seen.diameter_px, 3) if result.seen else None,
        "problem": result.problem,
        "samples": [[s.position, s.diameter_px if s.stars else None, s.stars] for s in result.samples],
    }
