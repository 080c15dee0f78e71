"""The safety watch: looks at the conditions all the time, and makes the telescope safe when they ask for it.

It needs neither the messaging server nor an orchestrator nor a campaign. The rules are in `followup.safety`.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agents.gft.bench import Bench
from agents.gft.conditions import Conditions, Question
from agents.gft.gate import LIMITS, NOT_SHELTERED, SAFETY, TAKEOVER
from agents.gft.limits import within_limits
from agents.gft.signs import Signs
from followup.errors import DeviceError
from followup.safety import BAD_WEATHER, Breach, Rule, dome_breaches

log = logging.getLogger(__name__)

LOOK_S = 0.25
"""How often it looks (wall clock)."""
_SIGN_S = 1.0
_AGAIN_S = 5.0
"""A telescope that could not be made safe is tried again after so long."""
_UNCLAIMED = timedelta(seconds=60)
"""A telescope that was found, or given back, and that nobody points meanwhile (wall clock) is made safe."""
_REMIND_S = 600.0
_REMEMBER = timedelta(seconds=30)


class SafetyWatch:
    """Keeps a telescope from standing open when it should not."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.signs = Signs(bench.run)
        self.conditions = Conditions(
            bench.observatory.telescope.weather.reading,
            site=bench.site,
            limits=bench.limits,
            folder=bench.run.parent if bench.run is not None else _existing(bench.folder),
            sky=bench.sky,
            wall=bench.wall,
        )
        self.breaches: tuple[Breach, ...] = ()
        self._looking = asyncio.Lock()
        bench.observatory.look = self.look
        self._dome = Question(bench.observatory.telescope.dome.is_open)
        self._unsafe_at = self.signs.unsafe_at(bench.sky.now())
        self._shelter: asyncio.Task[None] | None = None
        self._against_person = False
        self._unknown_since: datetime | None = None
        self._reminded: datetime | None = None
        self._signed: datetime | None = None
        self._remembered: datetime | None = None

    async def run(self) -> None:
        """Watch until it is cancelled; then the gate is shut."""
        gate = self.bench.gate
        try:
            while True:
                try:
                    await self.look()
                except Exception as error:
                    # A watch that does not see is no reason to stand open.
                    log.exception("the safety watch failed")
                    gate.shut(SAFETY, f"the safety watch failed: {type(error).__name__}: {error}")
                    self._make_safe()
                await self.bench.wall.sleep(LOOK_S)
        finally:
            gate.shut(SAFETY, "the agent ends")
            await self.conditions.close()
            await self._dome.drop()
            if self._shelter is not None:
                self._shelter.cancel()
                await asyncio.gather(self._shelter, return_exceptions=True)

    async def look(self) -> None:
        """Look once, and do what has to be done."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        self._give_signs()
        before, now = self.breaches, self.bench.sky.now()
        self.breaches = (*await self.conditions.breaches(), *await self._dome_shut())
        if self.breaches:
            reason = "; ".join(str(breach) for breach in self.breaches)
            self._tell(before, reason, now)
            self._shut(reason)
            if self._lasting:
                self._unsafe_at = now
            await self._see_to_shelter()
            return
        self._against_person = False
        if self._unsafe_at is not None:
            safe_for = timedelta(seconds=self.bench.limits.safe_for_s)
            opens = self._unsafe_at + safe_for
            if now < opens <= now + safe_for:
                if before:
                    self.signs.unsafe(self._unsafe_at)
                why = (
                    f"it must have been safe for {safe_for.total_seconds():.0f} s, until {opens:%H:%M:%S} UTC"
                )
                self._shut(why)
                await self._see_to_shelter()
                return
        self._unsafe_at = None
        if self.bench.gate.shut_by(SAFETY):
            log.info("it is safe to observe", extra={"event": "telescope.safe"})
        self.bench.gate.lift(SAFETY)
        self._mind_the_mount()

    def standing(self) -> dict[str, Any]:
        """Tell how it stands, for people."""
        reading = self.conditions.weather
        watchdog = self.bench.watchdog()
        return {
            "unsafe": [str(breach) for breach in self.breaches],
            "not_sheltered": self.bench.observatory.trouble,
            "not_measured": list(self.conditions.unmeasured),
            "weather": dict(reading.values) if reading is not None else {},
            "watchdog": "not needed" if watchdog is None else watchdog or "NONE RUNS",
            "watchdog_did": self.signs.watchdog_did,
        }

    @property
    def _lasting(self) -> bool:
        """Whether something is unsafe that may come again at once, as weather does; the Sun does not."""
        return any(breach.rule is not Rule.SUN for breach in self.breaches)

    async def _dome_shut(self) -> tuple[Breach, ...]:
        observatory = self.bench.observatory
        if not observatory.opened:
            return ()
        try:
            is_open = await self._dome.answer()
        except DeviceError:
            return ()  # nobody knows; its next command will tell
        return dome_breaches(should_be_open=observatory.opened, is_open=is_open is not False)

    async def _see_to_shelter(self) -> None:
        """Make the telescope safe, unless it is; what a person opens is closed once, before bad weather."""
        observatory = self.bench.observatory
        if self.bench.gate.shut_by(TAKEOVER):
            bad = any(breach.rule in BAD_WEATHER for breach in self.breaches)
            if not bad or self._against_person:
                return
            self._against_person = True
            self._make_safe()
        elif observatory.sheltered:
            try:
                if await self._dome.answer():
                    self._make_safe()
            except DeviceError:
                pass  # it was shut when it was last seen
        else:
            self._make_safe()

    def _shut(self, reason: str, keeper: str = SAFETY) -> None:
        trouble = self.bench.observatory.trouble
        self.bench.gate.shut(keeper, reason + (f"{NOT_SHELTERED}{trouble}" if trouble else ""))

    def _make_safe(self) -> None:
        if self._shelter is None or self._shelter.done():
            self._shelter = asyncio.create_task(self._until_safe())

    async def _until_safe(self) -> None:
        """Try again for as long as it is wanted."""
        try:
            # Whoever ends the watch does not stop a mount on its way to the park position.
            while not await asyncio.shield(asyncio.ensure_future(self.bench.observatory.shelter())):
                if why := self.bench.gate.reasons.get(LIMITS, ""):
                    self._shut(why.partition(NOT_SHELTERED)[0], LIMITS)
                await self.bench.wall.sleep(_AGAIN_S)
                if not self._wanted:
                    return
        finally:
            self.bench.gate.lift(LIMITS)

    @property
    def _wanted(self) -> bool:
        """Whether a telescope that could not be made safe is to be tried again."""
        gate = self.bench.gate
        if gate.shut_by(SAFETY):
            return True
        return not gate.shut_by(TAKEOVER) and (gate.shut_by(LIMITS) or self.bench.observatory.to_park)

    def _mind_the_mount(self) -> None:
        """Make a telescope safe that a person wants parked, or that is left to itself."""
        observatory, gate = self.bench.observatory, self.bench.gate
        if gate.shut_by(TAKEOVER):
            self._unknown_since = None
            return
        if observatory.moving or gate.shut_by(LIMITS):
            return
        if observatory.to_park and not observatory.sheltered:
            self._make_safe()
        elif why := self._beyond() or self._unclaimed():
            log.warning("the telescope is parked and closed: %s", why)
            gate.shut(LIMITS, f"it is being parked: {why}")
            self._make_safe()

    def _beyond(self) -> str:
        """Say which limit the mount may have tracked to; empty for none."""
        target = self.bench.observatory.tracks_at
        beyond = "" if target is None else within_limits(self.bench, target)
        return f"the mount has tracked to its limit: {beyond}" if beyond else ""

    def _unclaimed(self) -> str:
        """Say so when nobody knows for some time how the telescope stands, and nobody uses it."""
        observatory, now = self.bench.observatory, self.bench.wall.now()
        used = not self.bench.gate.reasons and (not observatory.idle or observatory.turns.reserved_for)
        if used or not observatory.unknown:
            self._unknown_since = None
            return ""
        self._unknown_since = self._unknown_since or now
        return "nobody has used it since it was found" if now - self._unknown_since >= _UNCLAIMED else ""

    def _tell(self, before: tuple[Breach, ...], reason: str, now: datetime) -> None:
        news = [breach.rule for breach in self.breaches] != [breach.rule for breach in before]
        if news:
            log.warning("unsafe: %s", reason, extra={"event": "telescope.unsafe", "reason": reason})
        due = news or self._remembered is None or abs(now - self._remembered) > _REMEMBER
        if due and self._lasting:
            self._remembered = now
            self.signs.unsafe(now)

    def _give_signs(self) -> None:
        now = self.bench.wall.now()
        if self._signed is not None and timedelta() <= now - self._signed < timedelta(seconds=_SIGN_S):
            return
        self._signed = now
        self.signs.live()
        self.signs.take_over(self.bench.gate.reasons.get(TAKEOVER, ""))
        alone = self.bench.watchdog() == ""
        due = self._reminded is None or now - self._reminded > timedelta(seconds=_REMIND_S)
        if alone and due:
            self._reminded = now
            log.warning("no watchdog runs: start followup gft watchdog %s beside the agent", self.bench.name)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
