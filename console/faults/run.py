"""The run: strikes rain on the stage while campaigns go on, and in the end all is counted."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from console.faults.campaigns import Campaigns
from console.faults.evidence import integrity
from console.faults.stage import POSTGRESQL, PREFECT, PROSODY, Stage, until
from console.faults.strikes import Aim, Fault
from console.faults.verdict import Finding, Wrong
from followup.errors import FollowupError
from followup.names import CSC, RELAY, CampaignName

_GAP_S = {"gft": 9.0, CSC: 10.0, RELAY: 9.0, PROSODY: 12.0, PREFECT: 8.0, POSTGRESQL: 8.0}
_NETWORK_GAP_S = 5.0
_POLL_S = 0.05
_BACK_S = 60.0
NOT_REACHED = "not reached"


@dataclass(kw_only=True)
class Round:
    """One strike, and what came of the campaign that it was aimed at."""

    fault: str
    where: str
    campaign: str
    kill: bool
    outcome: str = ""


@dataclass(kw_only=True)
class Report:
    """What a run came to."""

    rounds: list[Round] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    campaigns: int = 0
    wall_s: float = 0.0

    @property
    def good(self) -> bool:
        """Whether every campaign ended as an undisturbed one."""
        return not self.findings and not self.notes

    def count(self, wrong: Wrong) -> int:
        """How many things are wrong in that way."""
        return sum(finding.wrong is wrong for finding in self.findings)

    def document(self) -> dict[str, Any]:
        """Give it for scripts."""
        return {
            "rounds": [asdict(one) for one in self.rounds],
            "campaigns": self.campaigns,
            "random_kills": sum(one.kill for one in self.rounds),
            **{wrong.value: self.count(wrong) for wrong in Wrong},
            "findings": [asdict(finding) for finding in self.findings],
            "notes": self.notes,
            "wall_s": round(self.wall_s, 1),
        }


class Run:
    """Strikes on one stage.

    Parameters
    ----------
    faults
        What is struck, in this order for each process.
    told
        Called after each strike.
    """

    def __init__(
        self,
        stage: Stage,
        campaigns: Campaigns,
        faults: Sequence[Fault],
        *,
        rng: np.random.Generator,
        told: Callable[[Round], None],
    ) -> None:
        self.stage = stage
        self.campaigns = campaigns
        self.rng = rng
        self.report = Report()
        self._told = told
        self._queues: dict[str, deque[Fault]] = {}
        for fault in faults:
            self._queues.setdefault(fault.who, deque()).append(fault)

    async def play(self) -> Report:
        """Strike until nothing is left to strike, let all campaigns end, and judge."""
        began = time.monotonic()
        try:
            await self._strike_while_going()
        except* FollowupError as errors:
            raise errors.exceptions[0] from None
        await self.campaigns.finish()
        self._conclude()
        self.report.wall_s = time.monotonic() - began
        return self.report

    async def _strike_while_going(self) -> None:
        # Telescopes are alike, and die independently of each other.
        workers = [
            (who, telescope)
            for who in self._queues
            for telescope in (self.stage.telescopes if who == "gft" else ("",))
        ]
        async with asyncio.TaskGroup() as group:
            going = group.create_task(self.campaigns.keep_going())
            await asyncio.gather(*(self._strike_all(who, telescope) for who, telescope in workers))
            going.cancel()

    def _conclude(self) -> None:
        report, campaigns = self.report, self.campaigns
        report.campaigns = len(campaigns.findings)
        report.findings = [finding for found in campaigns.findings.values() for finding in found]
        report.notes += integrity(self.stage.state)
        for agent in self.stage.agents.values():
            report.notes += agent.unasked
        for one in report.rounds:
            one.outcome = one.outcome or campaigns.outcome(one.campaign)

    async def _strike_all(self, who: str, telescope: str) -> None:
        queue = self._queues[who]
        while queue:
            fault = queue.popleft()
            await asyncio.sleep(self.rng.exponential(_GAP_S.get(who, _NETWORK_GAP_S)))
            aim = await self._aim(who, telescope)
            if not (reached := await fault.strike(aim)):
                # The campaign was over before it came there: once more, at another.
                aim = await self._aim(who, telescope)
                reached = await fault.strike(aim)
            one = Round(
                fault=fault.name, where=fault.where, campaign=aim.campaign, kill=fault.kill and reached
            )
            one.outcome = "" if reached else NOT_REACHED
            self.report.rounds.append(one)
            self._told(one)
            await self._back(aim.site(who))

    async def _aim(self, who: str, telescope: str) -> Aim:
        """Choose a campaign in flight, at a telescope that is up if its agent is meant."""
        while True:
            names = [name for name in self.campaigns.open if self._fits(name, who, telescope)]
            if names:
                return Aim(
                    stage=self.stage,
                    campaign=names[self.rng.integers(len(names))],
                    rng=self.rng,
                    begin=self.campaigns.begin,
                )
            await asyncio.sleep(_POLL_S)

    def _fits(self, campaign: str, who: str, telescope: str) -> bool:
        at = CampaignName.parse(campaign).telescope
        return telescope in {"", at} and ("gft" not in who or self.stage.agents[at].online)

    async def _back(self, process: str) -> None:
        """Wait until an agent that was struck is back, for a while: some are struck while they come back."""
        agent = self.stage.agents.get(process)
        if agent is None or self.rng.random() < 0.15:
            return
        await until(lambda: agent.online, _BACK_S)
