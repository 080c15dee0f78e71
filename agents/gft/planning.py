"""A telescope's planner: keeps the almanac ahead of the night, answers triggers, makes plans in a thread."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from followup.almanac import Almanac
from followup.clock import Clock
from followup.limits import Limits
from followup.plan import ALMANAC_AHEAD, Acceptance, Plan, first_answer, make_plan, night_of
from followup.progress import NOTHING_YET, SoFar
from followup.site import Instrument, Site
from followup.strategy import Strategies
from followup.visibility import observe_visibility
from voevent.kinds import Trigger
from voevent.packet import SkyPosition

_log = logging.getLogger(__name__)

_RENEW_AHEAD = ALMANAC_AHEAD + timedelta(hours=4)


@dataclass(kw_only=True)
class Planner:
    """Plans for one telescope.

    Parameters
    ----------
    clock
        The sky's.
    tabulated
        How far an almanac reaches; at least `ALMANAC_AHEAD` and four hours.
    """

    site: Site
    limits: Limits
    instrument: Instrument
    strategies: Strategies
    clock: Clock
    tabulated: timedelta = timedelta(hours=60.0)
    _almanac: Almanac | None = field(default=None, init=False)
    _tabulating: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def warm(self) -> None:
        """Tabulate the coming nights and let astroplan load what it loads at first use. Takes seconds."""
        await self._covering(self.clock.now(), _RENEW_AHEAD)
        start = self.clock.now()
        await asyncio.to_thread(
            observe_visibility,
            SkyPosition(ra_deg=0.0, dec_deg=0.0),
            self.site,
            self.limits,
            start=start,
            end=start + timedelta(hours=1),
        )

    async def keep_ahead(self) -> None:
        """Renew the almanac, for ever, before it runs out. Run it as a task; cancel it to end."""
        while True:
            almanac = await self._covering(self.clock.now(), _RENEW_AHEAD)
            spare = almanac.end - self.clock.now() - _RENEW_AHEAD
            await self.clock.sleep(max(60.0, spare.total_seconds()))

    async def answer(self, trigger: Trigger) -> Acceptance:
        """Accept or refuse a trigger: milliseconds, unless the almanac has run out (then a second)."""
        now = self.clock.now()
        almanac = await self._covering(now, ALMANAC_AHEAD)
        return first_answer(
            trigger,
            strategies=self.strategies,
            instrument=self.instrument,
            almanac=almanac,
            limits=self.limits,
            now=now,
        )

    async def plan(
        self, trigger: Trigger, *, campaign: str, now: datetime | None = None, so_far: SoFar = NOTHING_YET
    ) -> Plan:
        """Make the whole plan, in a thread.

        Parameters
        ----------
        now
            The time from which to plan, by default the clock's.
        so_far
            What has been done already.
        """
        return await asyncio.to_thread(
            make_plan,
            trigger,
            campaign=campaign,
            strategies=self.strategies,
            site=self.site,
            limits=self.limits,
            instrument=self.instrument,
            now=now or self.clock.now(),
            so_far=so_far,
        )

    async def picture(self, trigger: Trigger, plan: Plan) -> bytes:
        """Draw the plan's night (PNG), in a thread; empty when nothing can be said about it."""
        return await asyncio.to_thread(self._picture, trigger, plan)

    def _picture(self, trigger: Trigger, plan: Plan) -> bytes:
        from followup.figures.visibility import visibility_figure  # noqa: PLC0415 - matplotlib is slow to load

        night = plan.visibility or night_of(
            trigger, plan, strategies=self.strategies, site=self.site, limits=self.limits
        )
        if night is None:
            return b""
        return visibility_figure(
            night,
            title=f"{trigger.burst} over {self.site.name} ({trigger.telescope})",
            trigger_time=trigger.trigger_time,
            tasks=plan.tasks,
        )

    async def _covering(self, now: datetime, ahead: timedelta) -> Almanac:
        if self._almanac is not None and self._almanac.reaches(now, ahead):
            return self._almanac
        async with self._tabulating:
            if self._almanac is None or not self._almanac.reaches(now, ahead):
                began = time.monotonic()
                start = now - timedelta(minutes=2)
                self._almanac = await asyncio.to_thread(
                    Almanac.tabulate, self.site, start, hours=self.tabulated / timedelta(hours=1)
                )
                _log.info(
                    "almanac of %s tabulated to %s in %.1f s",
                    self.site.name,
                    f"{self._almanac.end:%Y-%m-%d %H:%M} UTC",
                    time.monotonic() - began,
                    extra={"event": "almanac.tabulated", "site": self.site.name},
                )
            return self._almanac
