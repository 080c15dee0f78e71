import json
import re
import time
from datetime import timedelta

import pytest

from followup.almanac import Almanac
from followup.limits import Limits
from followup.plan import ALMANAC_AHEAD, Acceptance, Plan, first_answer, make_plan
from followup.strategy import default_strategies
from tests.followup.builders import MIDNIGHT, instrument, position, site, trigger
from voevent.kinds import Trigger

NOW = MIDNIGHT + timedelta(seconds=100)


@pytest.fixture(scope="module")
def almanac() -> Almanac:
    return Almanac.tabulate(site(), MIDNIGHT, hours=ALMANAC_AHEAD / timedelta(hours=1) + 1)


def answer(given: Trigger, almanac: Almanac, *, after_s: float = 100.0) -> Acceptance:
    return first_answer(
        given,
        strategies=default_strategies(),
        instrument=instrument(),
        almanac=almanac,
        limits=Limits(),
        now=MIDNIGHT + timedelta(seconds=after_s),
    )


def plan(given: Trigger) -> Plan:
    return make_plan(
        given,
        campaign="sb26112201.gft-spm",
        strategies=default_strategies(),
        site=site(),
        limits=Limits(),
        instrument=instrument(),
        now=NOW,
    )


def test_a_burst_high_at_midnight_is_accepted_at_once(almanac: Almanac) -> None:
    said = answer(trigger(), almanac)
    assert said.accepted
    assert said.first_epoch == NOW
    assert said.first_task is not None
    assert said.first_task.filters[0] == "r"
    assert said.reason.startswith("first epoch 2026-11-22 08:01:40 UTC at altitude ")
    assert said.details["first_epoch"] == "2026-11-22T08:01:40Z"
    assert said.details["strategy"] == "prompt"


@pytest.mark.parametrize(
    "given",
    [
        trigger(),
        trigger(position=position(200.0, 70.0, 0.02)),
        trigger(position=position(150.0, -10.0, 0.3)),
        trigger(position=position(300.0, -5.0)),
        trigger(position=position(240.0, -20.0)),
        trigger(position=position(80.0, -80.0)),
        trigger(position=position(80.0, 20.0, 5.0)),
    ],
)
def test_the_plan_agrees_with_the_first_answer(given: Trigger, almanac: Almanac) -> None:
    said, made = answer(given, almanac), plan(given)
    assert bool(made.tasks) == said.accepted
    assert [d.rule for d in made.decisions] == [d.rule for d in said.decisions]
    if said.first_task is not None:
        first = made.tasks[0]
        assert abs(first.start - said.first_task.start) < timedelta(seconds=20)
        assert (first.filters, first.count) == (said.first_task.filters, said.first_task.count)
        assert first.airmass == pytest.approx(said.first_task.airmass, rel=0.01)
    else:
        assert re.sub(r"\d\d:\d\d", "", made.reason) == re.sub(r"\d\d:\d\d", "", said.reason)


def test_a_southern_burst_is_refused_with_its_highest_altitude(almanac: Almanac) -> None:
    said = answer(trigger(position=position(80.0, -80.0)), almanac)
    assert not said.accepted
    assert said.first_epoch is None
    assert said.details == {}
    assert said.reason.startswith("never above 20 deg in the next 24 h (highest -21.")
    assert said.decisions[-1].rule == "visibility"
    assert said.decisions[-1].values["min_altitude_deg"] == "20"


def test_a_trigger_without_position_is_refused(almanac: Almanac) -> None:
    said = answer(trigger(position=None), almanac)
    assert not said.accepted
    assert said.reason == "the trigger gives no position"


def test_a_trigger_from_the_future_is_refused(almanac: Almanac) -> None:
    early = trigger(trigger_time=MIDNIGHT + timedelta(hours=2))
    said = answer(early, almanac, after_s=0)
    assert not said.accepted
    assert said.reason == "the trigger time is 120 min in the future of this telescope's clock"


def test_clocks_a_little_apart_do_no_harm(almanac: Almanac) -> None:
    ahead = trigger(trigger_time=MIDNIGHT + timedelta(seconds=30))
    said = answer(ahead, almanac, after_s=0)
    assert said.first_epoch == MIDNIGHT + timedelta(seconds=30)


def test_the_oldest_burst_taken_needs_no_more_almanac_than_promised(almanac: Almanac) -> None:
    for given in (trigger(), trigger(position=position(80.0, 20.0, 0.02)), trigger(position=None)):
        for after_s in (0.0, 7200.0, 36 * 3600.0, 36 * 3600.0 + 1):
            assert answer(given, almanac, after_s=after_s).reason


def test_a_plan_survives_its_journal() -> None:
    made = plan(trigger())
    assert len(made.tasks) >= 4
    again = Plan.from_data(json.loads(json.dumps(made.to_data())))
    assert again == made
    assert again.planned == made.planned
    with pytest.raises(ValueError, match="without 'tasks'"):
        Plan.from_data({"campaign": "x", "revision": 0, "strategy": ""})


def test_figures_of_merit(almanac: Almanac) -> None:
    answer(trigger(), almanac)
    plan(trigger())
    costs = []
    for work in (lambda: answer(trigger(), almanac), lambda: plan(trigger())):
        spent = []
        for _ in range(5):
            began = time.process_time()
            work()
            spent.append(time.process_time() - began)
        costs.append(min(spent))
    assert costs[0] < 0.010, "the first answer is instant"
    assert costs[1] < 0.5, "the plan takes about 0.1 s on an idle machine"
