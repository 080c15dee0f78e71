"""Master calibration frames of a simulated telescope, taken as a telescope takes them, in no time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from agents.gft.observatory import Observatory
from agents.gft.reduction.calibration import Masters, build_masters
from followup.clock import Clock
from followup.devices import Telescope
from followup.site import Instrument


class HurriedClock:
    """A clock of the sky that goes on as soon as somebody waits; implements `followup.clock.Clock`."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """Present time."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Be so many seconds later at once."""
        self._now += timedelta(seconds=max(0.0, seconds))
        await asyncio.sleep(0)


def masters_taken(
    telescope_of: Callable[[Clock], Telescope], instrument: Instrument, start: datetime
) -> Masters:
    """Take and combine bias, dark and flat frames (blocking).

    Parameters
    ----------
    telescope_of
        Makes the telescope, on a clock that hurries.
    start
        When it is done, by the sky's clock.
    """
    clock = HurriedClock(start)
    taking = Observatory(telescope_of(clock), clock).calibration_frames(instrument)
    return build_masters(asyncio.run(taking), instrument)
