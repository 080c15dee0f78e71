from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from followup.decision import Decision
from followup.schedule import Task, duration_s, schedule
from followup.strategy import Epoch, Strategy, default_strategies
from followup.visibility import Visibility
from tests.followup.builders import MIDNIGHT, hourly, instrument

INSTRUMENT = instrument()


def epoch(name: str, start_s: float, latest_s: float, **changes: object) -> Epoch:
    facts = {"filters": ("r",), "exposure_s": 60.0, "count": 2} | changes
    return Epoch(name=name, start_s=start_s, latest_s=latest_s, **facts)  # type: ignore[arg-type]  # test data


def strategy(*epochs: Epoch, max_age_s: float = 86400.0) -> Strategy:
    return Strategy(
        name="test", description="", max_age_s=max_age_s, max_error_radius_fields=1.0, epochs=epochs
    )


def place(
    wanted: Strategy, seen: Visibility, *, now_s: float = 0.0, done: tuple[Task, ...] = ()
) -> tuple[tuple[Task, ...], tuple[Decision, ...]]:
    return schedule(
        wanted,
        seen,
        trigger_time=MIDNIGHT,
        instrument=INSTRUMENT,
        now=MIDNIGHT + timedelta(seconds=now_s),
        done=done,
    )


def after_s(task: Task) -> float:
    return (task.start - MIDNIGHT).total_seconds()


CLEAR = hourly(altitude=[60.0] * 13, sun=[-40.0] * 13)
LATER = hourly(altitude=[0.0] * 5 + [60.0] * 8, sun=[-40.0] * 13)
"""The target rises above 20 deg 4 h 20 min after midnight."""


def test_each_epoch_begins_when_it_may() -> None:
    tasks, decisions = place(strategy(epoch("a", 0, 600), epoch("b", 3600, 7200)), CLEAR, now_s=90)
    assert [(task.task_id, task.epoch, after_s(task)) for task in tasks] == [
        ("t1", "a", 90),
        ("t2", "b", 3600),
    ]
    assert decisions == ()
    assert tasks[0].latest_start == MIDNIGHT + timedelta(seconds=600)
    assert tasks[0].frames == 2
    assert tasks[0].planned.task == "t1"


def test_epochs_do_not_overlap() -> None:
    long = epoch("a", 0, 600, count=30)
    tasks, _ = place(strategy(long, epoch("b", 60, 7200)), CLEAR)
    assert after_s(tasks[1]) == duration_s(1, 60.0, 30, INSTRUMENT)


def test_an_epoch_whose_time_is_taken_is_left_out_with_the_reason() -> None:
    tasks, decisions = place(strategy(epoch("a", 0, 600, count=30), epoch("b", 60, 300)), CLEAR)
    assert [task.epoch for task in tasks] == ["a"]
    assert decisions[0].rule == "epoch-left-out"
    assert "it had to begin by 2026-11-22 08:05 UTC, the telescope is free from" in decisions[0].text


def test_the_first_epoch_waits_for_the_target_and_the_narrow_one_is_left_out() -> None:
    tasks, decisions = place(strategy(epoch("a", 0, 43200), epoch("b", 600, 1200)), LATER)
    assert [(task.epoch, after_s(task)) for task in tasks] == [("a", 15600)]
    assert len(decisions) == 1


def test_an_epoch_before_the_target_rises_says_when_it_does() -> None:
    _, decisions = place(strategy(epoch("a", 600, 1200)), LATER)
    assert decisions[0].text.endswith("; it can again from 2026-11-22 12:20 UTC")


def test_gap_holds_however_late_the_first_was() -> None:
    wanted = strategy(epoch("a", 0, 43200), epoch("b", 3600, 43200, gap_s=7200))
    tasks, _ = place(wanted, LATER)
    assert after_s(tasks[1]) - after_s(tasks[0]) == 7200


def test_an_epoch_is_shortened_to_what_fits() -> None:
    ends = hourly(altitude=[60, 60, 60, 60], sun=[-40, -40, -13, -11])  # dark for 2.5 h
    tasks, decisions = place(strategy(epoch("a", 8000, 9000, count=20)), ends)
    assert 1 <= tasks[0].count < 20
    assert decisions[0].rule == "epoch-shortened"
    needed_s = duration_s(1, 60.0, tasks[0].count, INSTRUMENT)
    assert after_s(tasks[0]) + needed_s <= 9000 < after_s(tasks[0]) + needed_s + 63


def test_no_epoch_begins_after_the_strategy_ends() -> None:
    tasks, _ = place(strategy(epoch("a", 0, 43200), max_age_s=3600), LATER)
    assert tasks == ()


def test_filters_that_the_wheel_lacks() -> None:
    wanted = strategy(epoch("a", 0, 600, filters=("J", "r")), epoch("b", 700, 900, filters=("J", "H")))
    tasks, decisions = place(wanted, CLEAR)
    assert [task.filters for task in tasks] == [("r",)]
    assert "none of its filters J H is in the wheel (g r i z)" in decisions[0].text


def test_planning_anew_does_not_repeat_what_was_begun() -> None:
    wanted = strategy(epoch("a", 0, 43200), epoch("b", 3600, 43200))
    first, _ = place(wanted, CLEAR)
    tasks, decisions = place(wanted, CLEAR, now_s=300, done=first[:1])
    assert [(task.task_id, task.epoch) for task in tasks] == [("t2", "b")]
    assert decisions[0].text == "a is not repeated: already begun"


def test_a_short_window_is_used_now_but_not_waited_for() -> None:
    wanted = strategy(epoch("a", 0, 43200, exposure_s=10.0, count=1))
    closing = hourly(altitude=[22.0, 2.0, 2.0], sun=[-40.0] * 3)  # six minutes are left
    assert len(place(wanted, closing)[0]) == 1
    glimpse = hourly(altitude=[2.0, 20.9, 2.0], sun=[-40.0] * 3)
    assert place(wanted, glimpse)[0] == ()


altitudes = st.lists(st.floats(-30, 89), min_size=3, max_size=30)


@given(
    altitudes,
    st.floats(0, 80000),
    st.sampled_from(default_strategies().strategies),
    st.sampled_from([("r",), ("g", "r", "i"), ("g", "r", "i", "z"), ("J",)]),
)
def test_tasks_are_always_in_order_apart_and_in_windows(
    altitude: list[float], now_s: float, wanted: Strategy, filters: tuple[str, ...]
) -> None:
    seen = hourly(altitude=altitude, sun=[-40.0] * len(altitude))
    camera = instrument(filters=filters)
    now = MIDNIGHT + timedelta(seconds=now_s)
    tasks, decisions = schedule(wanted, seen, trigger_time=MIDNIGHT, instrument=camera, now=now)
    left_out = [decision for decision in decisions if decision.rule == "epoch-left-out"]
    assert len(tasks) + len(left_out) == len(wanted.epochs), "every epoch is planned or accounted for"
    free_from = now
    for task in tasks:
        needed = timedelta(seconds=duration_s(len(task.filters), task.exposure_s, task.count, camera))
        assert free_from <= task.start <= task.latest_start
        assert any(w.start <= task.start and task.latest_start + needed <= w.end for w in seen.windows)
        assert set(task.filters) <= set(filters)
        free_from = task.start + needed
