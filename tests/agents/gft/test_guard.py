"""The watchdog's judgement."""

from __future__ import annotations

import pytest

from agents.gft.guard import AGAIN_S, HANGS_AFTER_S, UNSAFE_FOR_S, Charge, Guard, in_charge
from followup.safety import Breach, Rule

RAIN = (Breach(Rule.RAIN, "2 mm/h", "0 mm/h"),)
SUN = (Breach(Rule.SUN, "at altitude -3.0 deg", "-12 deg"),)
AWAY_S = 60.0


def judge(
    guard: Guard,
    now: float,
    *,
    breaches: tuple[Breach, ...] = (),
    charge: Charge = Charge.AGENT,
    is_open: bool = True,
    closing: bool = False,
) -> str:
    return guard.judge(now, breaches=breaches, charge=charge, is_open=is_open, closing=closing)


@pytest.mark.parametrize(
    ("runs", "alive_ago_s", "taken_over", "expected"),
    [
        (True, 0.5, False, Charge.AGENT),
        (True, HANGS_AFTER_S + 1, False, Charge.LOST),
        (False, 0.5, False, Charge.LOST),
        (True, None, False, Charge.AGENT),  # it starts
        (False, None, False, Charge.PERSON),  # it ended on purpose, or was never there
        (True, 0.5, True, Charge.PERSON),
        (False, 900.0, True, Charge.PERSON),
    ],
)
def test_in_whose_hands_a_telescope_is(
    *, runs: bool, alive_ago_s: float | None, taken_over: bool, expected: Charge
) -> None:
    assert in_charge(runs=runs, alive_ago_s=alive_ago_s, taken_over=taken_over) is expected


def test_as_long_as_nothing_is_wrong_it_does_nothing() -> None:
    guard = Guard(agent_away_s=AWAY_S)
    assert not any(
        judge(guard, now, charge=charge) for now in range(0, 10_000, 7) for charge in {Charge.AGENT}
    )
    assert not any(judge(guard, now, charge=Charge.PERSON) for now in range(10_000, 20_000, 7))


def test_the_agent_has_a_moment_to_close_by_itself() -> None:
    guard = Guard(agent_away_s=AWAY_S)
    assert not judge(guard, 0.0, breaches=RAIN)
    assert not judge(guard, UNSAFE_FOR_S - 0.1, breaches=RAIN)
    assert not judge(guard, UNSAFE_FOR_S + 1, breaches=RAIN, closing=True), "it does"
    assert judge(guard, UNSAFE_FOR_S + 2, breaches=RAIN) == (
        "unsafe, and nobody closes: rain: 2 mm/h (limit: 0 mm/h)"
    )
    assert not judge(guard, UNSAFE_FOR_S + 3, breaches=RAIN), "not at every look"
    assert judge(guard, UNSAFE_FOR_S + 2 + AGAIN_S, breaches=RAIN), "but again while it is open"
    assert not judge(guard, UNSAFE_FOR_S + 40, breaches=RAIN, is_open=False)


def test_conditions_that_were_safe_in_between_are_waited_for_anew() -> None:
    guard = Guard(agent_away_s=AWAY_S)
    judge(guard, 0.0, breaches=RAIN)
    judge(guard, 5.0)
    assert not judge(guard, UNSAFE_FOR_S + 1, breaches=RAIN)


def test_a_lost_agent_may_come_back() -> None:
    guard = Guard(agent_away_s=AWAY_S)
    assert not judge(guard, 0.0, charge=Charge.LOST)
    assert not judge(guard, 30.0, charge=Charge.AGENT)
    assert not judge(guard, 70.0, charge=Charge.LOST)
    assert not judge(guard, 129.0, charge=Charge.LOST)
    assert not judge(guard, 131.0, charge=Charge.LOST, is_open=False)
    assert judge(guard, 131.0, charge=Charge.LOST) == (
        "the agent died or hangs, for 61 s, and the telescope is open"
    )


def test_with_a_lost_agent_all_rules_hold() -> None:
    guard = Guard(agent_away_s=AWAY_S)
    judge(guard, 0.0, breaches=SUN, charge=Charge.LOST)
    assert "Sun" in judge(guard, UNSAFE_FOR_S, breaches=SUN, charge=Charge.LOST)


def test_a_person_is_left_alone_but_for_bad_weather_and_then_once() -> None:
    guard = Guard(agent_away_s=AWAY_S)
    for now in range(0, 1000, 10):
        assert not judge(guard, now, breaches=SUN, charge=Charge.PERSON)
    judge(guard, 1000.0, breaches=RAIN, charge=Charge.PERSON)
    assert "rain" in judge(guard, 1010.0, breaches=RAIN, charge=Charge.PERSON)
    for now in range(1020, 2000, 10):
        assert not judge(guard, now, breaches=RAIN, charge=Charge.PERSON), "they open again: they know why"
    judge(guard, 2000.0, charge=Charge.PERSON)
    judge(guard, 2010.0, breaches=RAIN, charge=Charge.PERSON)
    assert judge(guard, 2020.0, breaches=RAIN, charge=Charge.PERSON), "another shower"
