"""The watchdog: looks at a telescope for itself, and makes it safe when its agent does not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from agents.gft.conditions import Conditions
from agents.gft.guard import Guard, in_charge
from agents.gft.indi.lookout import Lookout
from agents.gft.signs import Signs
from followup.clock import Clock

log = logging.getLogger(__name__)

LOOK_S = 0.5


class Watchdog:
    """Watches one telescope over INDI.

    Parameters
    ----------
    runs
        Whether the agent's process is there.
    """

    def __init__(
        self,
        lookout: Lookout,
        conditions: Conditions,
        *,
        guard: Guard,
        signs: Signs,
        runs: Callable[[], bool],
        wall: Clock,
    ) -> None:
        self._lookout = lookout
        self._conditions = conditions
        self._guard = guard
        self._signs = signs
        self._runs = runs
        self._wall = wall
        self._was_open: bool | None = None
        self._charge = ""

    async def run(self) -> None:
        """Watch until it is cancelled."""
        try:
            while True:
                try:
                    await self.look()
                except Exception:
                    log.exception("the watchdog failed to look; it goes on")
                await self._wall.sleep(LOOK_S)
        finally:
            await self._conditions.close()

    async def look(self) -> None:
        """Look once; make the telescope safe when that must be."""
        is_open = self._lookout.open()
        if is_open is None:
            # A server that has gone, or a driver: what was open then may be open still.
            is_open = bool(self._was_open)
        elif is_open is not self._was_open:
            log.info("the telescope is %s", "open" if is_open else "safe", extra={"event": "watchdog.sees"})
            self._was_open = is_open
        charge = in_charge(
            runs=self._runs(), alive_ago_s=self._signs.alive_ago_s, taken_over=bool(self._signs.taken_over)
        )
        if charge != self._charge:
            self._charge = charge
            log.info("the telescope is in the hands of its %s", charge, extra={"event": "watchdog.charge"})
        reason = self._guard.judge(
            time.monotonic(),
            breaches=await self._conditions.breaches(),
            charge=charge,
            is_open=is_open,
            closing=self._lookout.closing(),
        )
        if reason:
            await self._shelter(reason)

    async def _shelter(self, reason: str) -> None:
        log.error("making the telescope safe: %s", reason, extra={"event": "watchdog.shelters"})
        failed = await self._lookout.shelter()
        for each in failed:
            log.error("while making it safe: %s", each, extra={"event": "telescope.in-danger"})
        outcome = f"FAILED to make the telescope safe ({'; '.join(failed)})" if failed else "made it safe"
        self._signs.sheltered(self._wall.now(), f"{outcome}: {reason}")
        if not failed:
            log.warning("the telescope is safe", extra={"event": "watchdog.sheltered"})
