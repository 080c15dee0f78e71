"""What stands of a campaign when its plan is made anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.campaign import CampaignState, What, outcome_of, summaries
from followup.plan import Plan
from followup.progress import GOOD_FIELD, SoFar, progress, separation_deg, shows
from followup.schedule import Task
from followup.strategy import field_half_width_deg
from tests.followup.builders import MIDNIGHT, instrument, position
from voevent.kinds import Outcome, TaskOutcome
from voevent.packet import SkyPosition

HERE = position()
NEAR = position(dec_deg=20.02)
FAR = position(dec_deg=21.0)
CAMERA = instrument()


def task(number: int, *, epoch: str = "", latest_s: float = 3600.0) -> Task:
    return Task(
        task_id=f"t{number}",
        epoch=epoch or f"epoch-{number}",
        start=MIDNIGHT,
        latest_start=MIDNIGHT + timedelta(seconds=latest_s),
        filters=("r",),
        exposure_s=60.0,
        count=2,
        airmass=1.1,
    )


def exposures(
    number: int, at: SkyPosition, count: int = 2, *, flying: bool = False
) -> list[tuple[What, Any]]:
    """Entries of exposures of a task; of the last one only its beginning when it is in flight."""
    entries: list[tuple[What, Any]] = []
    for index in range(1, count + 1):
        key = f"t{number}-r-{index:03d}"
        aim = {"ra_deg": at.ra_deg, "dec_deg": at.dec_deg}
        entries.append((What.EXPOSING, {"exposure": key, "seconds": 60.0, **aim}))
        if not (flying and index == count):
            entries.append((What.EXPOSED, {"exposure": key, "file": f"raw/{key}"}))
    return entries


def ended(number: int, count: int = 2, outcome: TaskOutcome = TaskOutcome.DONE) -> tuple[What, Any]:
    return What.TASK_ENDED, {"task": f"t{number}", "outcome": outcome, "exposures": count, "reason": ""}


def folded(*entries: tuple[What, Any]) -> CampaignState:
    state = CampaignState()
    for what, data in entries:
        state.apply(what, data)
    return state


def so_far(
    state: CampaignState,
    known: Sequence[Task],
    target: SkyPosition,
    *,
    void: Sequence[str] = (),
    now: datetime = MIDNIGHT,
) -> SoFar:
    return progress(state, known, void, target=target, instrument=CAMERA, now=now)


def test_what_was_not_begun_is_planned_freely() -> None:
    found = so_far(folded(), [task(1), task(2)], FAR)
    assert found == SoFar()
    assert found.first_number == 1


def test_what_shows_the_target_stands() -> None:
    state = folded(*exposures(1, HERE), ended(1), *exposures(2, HERE, 1, flying=True))
    found = so_far(state, [task(1), task(2), task(3)], NEAR)
    assert found.done == (task(1),)
    assert found.current == task(2)
    assert (found.ended, found.void, found.misplaced) == (None, (), ())
    assert found.first_number == 3
    assert found.decisions[0].text == "2 of 2 exposures show the position in force and stand"


def test_what_shows_another_place_is_observed_again() -> None:
    state = folded(*exposures(1, HERE), ended(1), *exposures(2, HERE, 2, flying=True))
    found = so_far(state, [task(1), task(2)], FAR)
    assert (found.done, found.current) == ((), None)
    assert found.void == ("t1", "t2")
    assert found.misplaced == ("t1-r-001", "t1-r-002", "t2-r-001", "t2-r-002")
    assert found.ended is not None
    assert (found.ended.task, found.ended.outcome, found.ended.exposures) == ("t2", TaskOutcome.PARTIAL, 1)


def test_what_did_not_count_counts_again_when_the_position_comes_back() -> None:
    state = folded(*exposures(1, HERE), ended(1), *exposures(2, FAR), ended(2))
    known = [task(1, epoch="a"), task(2, epoch="a")]
    assert so_far(state, known, FAR).void == ("t1",)
    again = so_far(state, known, HERE, void=("t1",))
    assert (again.done, again.void) == ((task(1, epoch="a"),), ("t2",))


def test_an_epoch_given_up_before_its_first_exposure_stays_so() -> None:
    """Its number is not used again, and its epoch is open."""
    state = folded(ended(1, 0, TaskOutcome.SKIPPED))
    found = so_far(state, [task(1)], HERE, void=("t1",))
    assert (found.done, found.void, found.first_number) == ((), ("t1",), 2)


def test_what_was_interrupted_for_too_long_ends() -> None:
    state = folded(*exposures(1, HERE, 2, flying=True))
    late = MIDNIGHT + timedelta(seconds=3700)
    found = so_far(state, [task(1)], HERE, now=late)
    assert found.current is None
    assert found.done == (task(1),)
    assert found.ended is not None
    assert found.ended.outcome is TaskOutcome.PARTIAL
    assert "its time was over at 09:00:00 UTC" in found.ended.reason
    assert so_far(state, [task(1)], HERE, now=late - timedelta(seconds=50)).current == task(1)


def test_an_exposure_that_is_repeated_was_aimed_where_it_is_aimed_now() -> None:
    state = folded(*exposures(1, HERE, 2, flying=True), *exposures(1, FAR, 1))
    assert list(state.aimed) == ["t1-r-002", "t1-r-001"]
    assert so_far(state, [task(1)], FAR).misplaced == ("t1-r-002",)


@given(ra=st.floats(0, 359.9), dec=st.floats(-89, 89), beside=st.floats(-0.3, 0.3))
def test_the_field_is_a_circle_within_the_frame(ra: float, dec: float, beside: float) -> None:
    aimed, target = SkyPosition(ra_deg=ra, dec_deg=dec), SkyPosition(ra_deg=ra, dec_deg=dec + beside)
    away = separation_deg(aimed, target)
    assert away == pytest.approx(abs(beside), abs=1e-6)
    assert shows(aimed, target, CAMERA) == (away <= GOOD_FIELD * field_half_width_deg(CAMERA))


def test_the_closing_counts_what_shows_the_target() -> None:
    plan = Plan(
        campaign="a",
        revision=1,
        strategy="x",
        tasks=(),
        reason="never above 20 deg",
        decisions=(),
        earlier=(task(1),),
        misplaced=("t1-r-001",),
    )
    state = folded(*exposures(1, HERE), ended(1), (What.PLANNED, {"plan": plan.to_data()}))
    [summary] = summaries(state)
    assert (summary.outcome, summary.exposures) == (TaskOutcome.PARTIAL, 1)
    assert summary.reason == "1 of 2 exposures do not show the position in force"
    assert outcome_of(state) == (
        Outcome.COMPLETED,
        "1 of 1 tasks observed, 1 exposures; then: never above 20 deg",
    )
    assert Plan.from_data(plan.to_data()) == plan


def test_a_trigger_that_comes_while_one_plans_makes_the_plan_stale() -> None:
    accepted = {"ivorn": "ivo://a/b#c", "sha256": "0" * 64, "revision": 0, "drill": True}
    plan = {"revision": 0, "tasks": [], "reason": "", "misplaced": []}
    state = folded((What.ACCEPTED, accepted), (What.PLANNED, {"plan": plan}))
    assert not state.stale
    state.apply(What.REVISED, accepted | {"revision": 1})
    assert state.stale
    state.apply(What.PLANNED, {"plan": plan})
    assert state.stale, "it is a plan for the trigger before"
    state.apply(What.PLANNED, {"plan": plan | {"revision": 1}})
    assert not state.stale
