"""Campaigns in flight: bursts go off as long as there are faults to strike, and every campaign is judged."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from archive.errors import ArchiveError
from console.faults.evidence import gather, is_closed
from console.faults.stage import Stage
from console.faults.verdict import Finding, Shape, Wrong, judge, shape_of
from followup.errors import FollowupError
from followup.names import CampaignName

_POLL_S = 0.5
_SETTLE_S = 60.0
_STALL_S = 240.0

_MAY_MEND = frozenset({Wrong.UNFINISHED, Wrong.LOST})

UNDISTURBED = "as undisturbed"


@dataclass(kw_only=True)
class Campaigns:
    """The campaigns of one stage.

    Parameters
    ----------
    together
        So many bursts are followed at once, each by every telescope.
    """

    stage: Stage
    together: int
    open: dict[str, float] = field(default_factory=dict)
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    reference: Shape | None = None
    durations_s: dict[str, float] = field(default_factory=dict)

    async def undisturbed(self) -> None:
        """Follow one burst with nothing in the way: what all others are compared with.

        Raises
        ------
        FollowupError
            When it does not end well: then there is nothing to compare with.
        """
        names = await self.begin()
        await self._until_closed(_STALL_S)
        for name in names:
            await self._judge(name)
            if self.findings[name]:
                raise FollowupError(
                    f"the undisturbed campaign {name} did not end well: {self.findings[name][0].text}",
                    hint=f"read the logs in {self.stage.state.root}",
                )
            evidence = await asyncio.to_thread(
                gather, self.stage.state, name, archive_at=self.stage.archive_at
            )
            self.reference = shape_of(evidence)

    async def keep_going(self) -> None:
        """Follow bursts, so many at once, until cancelled."""
        judging: set[asyncio.Task[None]] = set()
        try:
            while True:
                while len({CampaignName.parse(name).burst for name in self.open}) < self.together:
                    await self.begin()
                for name in await self._closed():
                    del self.open[name]
                    task = asyncio.create_task(self._judge(name))
                    judging.add(task)
                    task.add_done_callback(judging.discard)
                await asyncio.sleep(_POLL_S)
        finally:
            for task in judging:
                task.cancel()
            await asyncio.gather(*judging, return_exceptions=True)

    async def finish(self) -> None:
        """Wait for those that are open; then judge all, once more those that were judged before."""
        await self._until_closed(_STALL_S)
        deadline = time.monotonic() + _SETTLE_S
        for name in (*self.open, *self.durations_s):
            await self._judge(name, deadline)

    def outcome(self, name: str) -> str:
        """How a campaign ended, in a few words."""
        found = self.findings.get(name)
        if found is None:
            return "open"
        if not found:
            return UNDISTURBED
        return f"{found[0].wrong}: {found[0].text}" + (f" (and {len(found) - 1} more)" if found[1:] else "")

    async def begin(self) -> list[str]:
        """Have a burst go off; gives its campaigns."""
        names = await self.stage.trigger()
        for name in names:
            self.open[name] = time.monotonic()
        return names

    async def _closed(self) -> list[str]:
        closed = [n for n in self.open if await asyncio.to_thread(is_closed, self.stage.state, n)]
        for name in closed:
            self.durations_s[name] = time.monotonic() - self.open[name]
        return closed

    async def _until_closed(self, stall_s: float) -> None:
        moved = time.monotonic()
        while self.open and time.monotonic() - moved < stall_s:
            for name in await self._closed():
                del self.open[name]
                moved = time.monotonic()
            await asyncio.sleep(_POLL_S)

    async def _judge(self, name: str, deadline: float | None = None) -> None:
        """Judge a campaign; what is only unfinished, or on its way to the archive, is given some time."""
        deaths = self.stage.agents[CampaignName.parse(name).telescope]
        deadline = time.monotonic() + _SETTLE_S if deadline is None else deadline
        while True:
            try:
                evidence = await asyncio.to_thread(
                    gather, self.stage.state, name, archive_at=self.stage.archive_at
                )
                found = await asyncio.to_thread(
                    judge, evidence, deaths=list(deaths.deaths), reference=self.reference
                )
            except ArchiveError as error:
                found = [Finding(Wrong.LOST, name, str(error))]
            self.findings[name] = found
            if not any(finding.wrong in _MAY_MEND for finding in found) or time.monotonic() > deadline:
                return
            await asyncio.sleep(4 * _POLL_S)
