"""A second burst while the telescope is at work on a first: the rules by which it has to wait, or not.

They stand in the strategies file (``[[second_burst]]``); the first whose conditions all hold decides, and
the second waits for its turn when none does. Two rules stand above the file: a drill never takes the
telescope from a real burst, and a real burst always takes it from a drill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from followup.conditions import STRICT, When, hold
from followup.decision import Decision


class Ruling(StrEnum):
    """What becomes of the second burst."""

    PREEMPT = "pre-empt"
    """It gets the telescope now; the first goes on when its visit has ended."""
    QUEUE = "queue"
    """It waits for its turn."""
    REFUSE = "refuse"
    """Its trigger is refused."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Precedence:
    """Decides between two bursts when all its conditions hold."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    when: When = Field(min_length=1)
    do: Ruling


@plain_dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A burst that wants the telescope, or has it.

    Attributes
    ----------
    facts
        What the rules of strategies ask about, too (`followup.strategy.facts_of`).
    priority
        Of its strategy.
    drill
        Whether it is only one.
    """

    campaign: str
    facts: Mapping[str, str]
    strategy: str
    priority: int
    drill: bool


@plain_dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """How far the first burst is.

    Attributes
    ----------
    task_left_s
        Time that its present visit still takes.
    tasks_left
        Visits that remain, the present one among them.
    detected
        Whether its counterpart has been measured.
    """

    task_left_s: float
    tasks_left: int
    detected: bool


def judge(
    second: Claim, first: Claim, work: Work, rules: Sequence[Precedence], *, starts: datetime, now: datetime
) -> tuple[Ruling, Decision]:
    """Decide between a burst that has just been announced and the one that has the telescope.

    Parameters
    ----------
    starts
        When the second burst's first visit could begin.

    Returns
    -------
    Ruling
        What to do with the second.
    Decision
        Which rule says so, and on what values.
    """
    starts_in_s = max(0.0, (starts - now).total_seconds())
    facts = {
        **second.facts,
        **{f"first_{key}": value for key, value in first.facts.items()},
        "strategy": second.strategy,
        "priority": str(second.priority),
        "first_strategy": first.strategy,
        "first_priority": str(first.priority),
        "priority_above": str(second.priority - first.priority),
        "starts_in_s": f"{starts_in_s:.0f}",
        "task_left_s": f"{work.task_left_s:.0f}",
        "tasks_left": str(work.tasks_left),
        "first_detected": str(work.detected).lower(),
    }
    if starts_in_s >= work.task_left_s:
        keys = ("starts_in_s", "task_left_s")
        return _ruled(Ruling.QUEUE, "free-by-then", second, first, {key: facts[key] for key in keys})
    if second.drill != first.drill:
        values = {"drill": str(second.drill).lower(), "first_drill": str(first.drill).lower()}
        ruling = Ruling.QUEUE if second.drill else Ruling.PREEMPT
        return _ruled(ruling, "real-before-drill", second, first, values)
    for rule in rules:
        if hold(rule.when, facts):
            values = {key: facts[key.casefold()] for key in rule.when}
            return _ruled(rule.do, rule.name, second, first, values)
    shown = ("priority", "first_priority", "age_s", "first_age_s", "task_left_s")
    return _ruled(
        Ruling.QUEUE,
        "second-burst-default",
        second,
        first,
        {key: facts[key] for key in shown if key in facts},
    )


_SAID = {
    Ruling.PREEMPT: "{second} takes the telescope from {first}",
    Ruling.QUEUE: "{second} waits for {first}",
    Ruling.REFUSE: "{second} is refused because of {first}",
}


def _ruled(
    ruling: Ruling, rule: str, second: Claim, first: Claim, values: Mapping[str, str]
) -> tuple[Ruling, Decision]:
    because = ", ".join(f"{key} = {value}" for key, value in values.items())
    said = _SAID[ruling].format(second=second.campaign, first=first.campaign)
    return ruling, Decision(
        rule=rule,
        text=f"{said}: {because}",
        values={"second": second.campaign, "first": first.campaign, "ruling": str(ruling), **values},
    )
