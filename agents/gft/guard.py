"""The watchdog's judgement: when a telescope must be made safe although, or because, its agent does not.

All is pure here; `agents.gft.watchdog` looks and acts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from followup.safety import BAD_WEATHER, Breach

UNSAFE_FOR_S = 8.0
"""The agent has so long to begin making the telescope safe itself: it needs less than two seconds."""
HANGS_AFTER_S = 15.0
"""An agent whose loop has not turned for so long hangs."""
AGAIN_S = 10.0


class Charge(StrEnum):
    """In whose hands a telescope is."""

    AGENT = "agent"
    LOST = "agent that died or hangs"
    PERSON = "person"
    """Who has taken it over; also when no agent was left running: then somebody else uses the telescope."""


def in_charge(*, runs: bool, alive_ago_s: float | None, taken_over: bool) -> Charge:
    """Say in whose hands it is.

    Parameters
    ----------
    runs
        Whether the agent's process is there.
    alive_ago_s
        When it last gave a sign of life; None when it never did, or ended on purpose.
    """
    if taken_over:
        return Charge.PERSON
    if alive_ago_s is None:
        return Charge.AGENT if runs else Charge.PERSON
    return Charge.AGENT if runs and alive_ago_s <= HANGS_AFTER_S else Charge.LOST


@dataclass(kw_only=True, slots=True)
class Guard:
    """Remembers since when things are wrong.

    Parameters
    ----------
    agent_away_s
        How long an agent that was lost has to come back.
    """

    agent_away_s: float
    _unsafe_since: float | None = field(default=None, init=False)
    _lost_since: float | None = field(default=None, init=False)
    _told_person: bool = field(default=False, init=False)
    _tried: float | None = field(default=None, init=False)

    def judge(
        self, now: float, *, breaches: Sequence[Breach], charge: Charge, is_open: bool, closing: bool
    ) -> str:
        """Say why the telescope must be made safe at once; empty when it must not.

        Parameters
        ----------
        now
            Seconds of a clock that is never set.
        is_open
            Whether it is not safe as it stands.
        closing
            Whether somebody is making it safe already.
        """
        person = charge is Charge.PERSON
        wrong = [breach for breach in breaches if not person or breach.rule in BAD_WEATHER]
        self._unsafe_since = _since(self._unsafe_since, now, wrong=bool(wrong))
        self._lost_since = _since(self._lost_since, now, wrong=charge is Charge.LOST)
        if not wrong or not person:
            self._told_person = False
        if not is_open:
            self._tried = None
            return ""
        if closing or (self._tried is not None and now - self._tried < AGAIN_S):
            return ""
        if self._unsafe_since is not None and now - self._unsafe_since >= UNSAFE_FOR_S:
            if not self._told_person:
                self._tried, self._told_person = now, person
                return "unsafe, and nobody closes: " + "; ".join(str(breach) for breach in wrong)
        elif self._lost_since is not None and now - self._lost_since >= self.agent_away_s:
            self._tried = now
            return f"the agent died or hangs, for {now - self._lost_since:.0f} s, and the telescope is open"
        return ""


def _since(before: float | None, now: float, *, wrong: bool) -> float | None:
    if not wrong:
        return None
    return now if before is None else before
