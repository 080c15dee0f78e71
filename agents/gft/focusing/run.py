"""A focus run: short exposures at positions around where the focuser stands, and then to the best of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from agents.gft.focusing.curve import LEAST_POINTS, Curve, NoFocusError, Sample, fit
from agents.gft.focusing.star_size import StarSize, star_size
from agents.gft.focusing.terms import FocusTerms
from agents.gft.gate import ShutError
from agents.gft.observatory import Observatory
from agents.gft.reduction.calibration import Masters
from agents.gft.reduction.errors import ReductionError
from followup.devices import Focuser
from followup.errors import DeviceError
from followup.site import Instrument

log = logging.getLogger(__name__)

_NOT_WORSE = 1.25
"""The stars at the best position may be larger than the curve says by this factor: the seeing wanders."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FocusResult:
    """What a run came to.

    Attributes
    ----------
    reason
        Why it was made.
    position
        Where the focuser stands in the end.
    samples
        In order of position.
    curve
        None when there is none to be believed: then the focuser is where it was, and `problem` says why.
    seen
        The stars at the best position.
    """

    reason: str
    began: datetime
    temperature_c: float | None
    position: int
    samples: tuple[Sample, ...] = ()
    curve: Curve | None = None
    seen: Sample | None = None
    problem: str = ""

    def __str__(self) -> str:
        """Tell it to people."""
        if self.curve is None or self.seen is None:
            return f"no focus found, the focuser is at {self.position} as before: {self.problem}"
        return (
            f"in focus at {self.position}: stars of {self.seen.diameter_px:.2f} px"
            f" ({self.seen.stars} of them; the curve says {self.curve.smallest_px:.2f} px)"
        )


class FocusRun:
    """One run; its caller has the telescope's turn and has pointed it at stars.

    Parameters
    ----------
    leaves
        Told where the focuser stands, before it is moved.
    is_back
        Told when it is there again, after a run that found nothing or did not come to its end.
    told
        Told of each sample as it comes.
    """

    def __init__(
        self,
        observatory: Observatory,
        focuser: Focuser,
        *,
        terms: FocusTerms,
        masters: Masters,
        instrument: Instrument,
        leaves: Callable[[int], Awaitable[None]],
        is_back: Callable[[int], Awaitable[None]],
        told: Callable[[Sample], None] = lambda _sample: None,
    ) -> None:
        self._observatory = observatory
        self._focuser = focuser
        self._terms = terms
        self._masters = masters
        self._instrument = instrument
        self._leaves = leaves
        self._is_back = is_back
        self._told = told
        self._filter = terms.filter or instrument.filters[0]

    async def run(self, reason: str) -> FocusResult:
        """Do it; when it is stopped the focuser goes back to where it was, as soon as the telescope is used.

        What a device has against it ends the run as well: with its `problem`, not with an error.

        Raises
        ------
        ShutError
            When the telescope may not be used any more.
        """
        start = await self._focuser.position()
        result = FocusResult(
            reason=reason,
            began=self._observatory.clock.now(),
            temperature_c=await self._focuser.temperature(),
            position=start,
        )
        samples: list[Sample] = []
        await self._leaves(start)
        try:
            for position in await self._positions(start):
                samples.append(await self._sample(position))
                self._told(samples[-1])
            curve = fit(samples, min_stars=self._terms.min_stars)
            best = await self._sample(round(curve.best))
            self._told(best)
            _check(best, curve)
        except (asyncio.CancelledError, ShutError):
            # Others want the telescope, or nobody may move it: it is not kept from them.
            self._observatory.put_right_later(partial(self.back, start))
            raise
        except (NoFocusError, ReductionError, DeviceError) as error:
            await self.back(start)
            return replace(result, samples=tuple(samples), problem=str(error))
        return replace(
            result, samples=tuple(samples), curve=curve, seen=best, position=await self._focuser.position()
        )

    async def _positions(self, start: int) -> list[int]:
        lowest, highest = await self._focuser.limits()
        below = self._terms.points // 2
        wanted = [start + (n - below) * self._terms.step for n in range(self._terms.points)]
        within = [p for p in wanted if lowest + self._terms.backlash <= p <= highest]
        if len(within) < LEAST_POINTS:
            raise NoFocusError(
                f"around {start} only {len(within)} positions lie within the limits {lowest} to {highest}"
            )
        return within

    async def _sample(self, position: int) -> Sample:
        await self._approach(position)
        raw = await self._observatory.expose(exposure_s=self._terms.exposure_s, filter_name=self._filter)
        measuring = partial(star_size, raw, self._masters, self._instrument)
        size: StarSize = await asyncio.to_thread(measuring)
        return Sample(position=position, diameter_px=size.diameter_px, stars=size.stars)

    async def _approach(self, position: int) -> None:
        """Reach a position from below, whatever slack the drive has."""
        backlash = self._terms.backlash
        if backlash and await self._focuser.position() >= position:
            lowest, _ = await self._focuser.limits()
            await self._focuser.move(max(lowest, position - backlash))
        await self._focuser.move(position)

    async def back(self, start: int) -> None:
        """Move the focuser to where it stood before a run."""
        try:
            await self._approach(start)
        except DeviceError as error:
            log.error("the focuser does not go back to %d: %s", start, error)  # noqa: TRY400
        else:
            await self._is_back(start)


def _check(seen: Sample, curve: Curve) -> None:
    """Refuse a curve that the stars at its minimum do not bear out."""
    if not seen.diameter_px <= _NOT_WORSE * curve.smallest_px:
        raise NoFocusError(
            f"at {seen.position} the stars measure {seen.diameter_px:.1f} px,"
            f" not {curve.smallest_px:.1f} px as the curve says"
        )
