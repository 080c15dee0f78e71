"""Two bursts and one telescope."""

from __future__ import annotations

from datetime import timedelta

import pytest

from followup.second_burst import Claim, Ruling, Work, judge
from followup.strategy import StrategyError, default_strategies, load_strategies
from tests.followup.builders import MIDNIGHT

RULES = default_strategies().second_burst


def claim(name: str, *, priority: int = 50, drill: bool = False, age_s: float = 100.0) -> Claim:
    return Claim(
        campaign=name, facts={"age_s": f"{age_s:.1f}"}, strategy="prompt", priority=priority, drill=drill
    )


def ruled(
    second: Claim, first: Claim, *, left_s: float = 600.0, starts_in_s: float = 0.0, detected: bool = False
) -> tuple[Ruling, str]:
    ruling, decision = judge(
        second,
        first,
        Work(task_left_s=left_s, tasks_left=2, detected=detected),
        RULES,
        starts=MIDNIGHT + timedelta(seconds=starts_in_s),
        now=MIDNIGHT,
    )
    assert decision.values["ruling"] == ruling
    assert decision.values["second"] == "b"
    return ruling, decision.rule


def test_the_default_rules() -> None:
    first = claim("a")
    assert ruled(claim("b"), first) == (Ruling.QUEUE, "second-burst-default")
    assert ruled(claim("b", priority=60), first) == (Ruling.PREEMPT, "more-important")
    assert ruled(claim("b", priority=60), first, left_s=30.0) == (Ruling.QUEUE, "nearly-done")
    assert ruled(claim("b"), claim("a", age_s=9000.0)) == (Ruling.PREEMPT, "fresh-over-old")
    assert ruled(claim("b", priority=20), claim("a", age_s=9000.0))[0] is Ruling.QUEUE


def test_who_comes_when_the_telescope_is_free_waits() -> None:
    second = claim("b", priority=99)
    assert ruled(second, claim("a"), starts_in_s=601.0) == (Ruling.QUEUE, "free-by-then")


def test_a_drill_never_takes_the_telescope_from_a_real_burst() -> None:
    drill = claim("b", priority=99, drill=True)
    assert ruled(drill, claim("a")) == (Ruling.QUEUE, "real-before-drill")
    assert ruled(claim("b", priority=0), claim("a", drill=True)) == (Ruling.PREEMPT, "real-before-drill")
    assert ruled(drill, claim("a", drill=True)) == (Ruling.PREEMPT, "more-important")


def test_a_rule_that_does_nothing_known() -> None:
    text = """
default = "a"
[[second_burst]]
name = "odd"
when = { age_s = 1 }
do = "toss a coin"
[[strategies]]
name = "a"
description = ""
max_age_s = 100
max_error_radius_fields = 1
epochs = [{ name = "x", start_s = 0, latest_s = 1, filters = ["r"], exposure_s = 1, count = 1 }]
"""
    with pytest.raises(StrategyError, match=r"line 6, second_burst.0.do: Input should be 'pre-empt'"):
        load_strategies(text, source="here")
