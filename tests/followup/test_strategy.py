from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.conditions import Condition
from followup.errors import FollowupError
from followup.strategy import (
    LONGEST_AGE_S,
    Chosen,
    StrategyError,
    default_strategies,
    facts_of,
    load_strategies,
)
from tests.conftest import shared
from tests.followup.builders import MIDNIGHT, instrument, position, trigger
from voevent.kinds import Trigger
from voevent.notice import read_notice
from voevent.parse import parse

SMALL = """\
default = "plain"

[[rules]]
name = "faint"
when = { SNR = { max = 7 }, Packet_Type = [202, 203] }
refuse = "too faint"

[[rules]]
name = "x-rays"
when = { instrument = "mxt" }
use = "other"

[[strategies]]
name = "plain"
description = "one look"
max_age_s = 3600
max_error_radius_fields = 2

[[strategies.epochs]]
name = "look"
start_s = 0
latest_s = 3600
filters = ["r"]
exposure_s = 10
count = 1

[[strategies]]
name = "other"
description = "two looks"
max_age_s = 7200
max_error_radius_fields = 2

[[strategies.epochs]]
name = "look"
start_s = 0
latest_s = 3600
filters = ["r"]
exposure_s = 10
count = 1
"""


def choose(given: Trigger, *, after_s: float = 60.0, text: str = SMALL) -> Chosen:
    strategies = load_strategies(text, source="small.toml")
    return strategies.choose(given, instrument=instrument(), now=MIDNIGHT + timedelta(seconds=after_s))


def test_default_when_no_rule_applies() -> None:
    chosen = choose(trigger())
    assert chosen.strategy is not None
    assert chosen.strategy.name == "plain"
    assert chosen.refusal == ""
    assert [decision.rule for decision in chosen.decisions] == ["default"]


def test_rule_matches_whatever_the_case_and_tells_the_values() -> None:
    chosen = choose(trigger(instrument="MXT"))
    assert chosen.strategy is not None
    assert chosen.strategy.name == "other"
    assert chosen.decisions[0].rule == "x-rays"
    assert chosen.decisions[0].values == {"instrument": "MXT"}


def test_rule_refuses_with_its_reason_only_when_all_conditions_hold() -> None:
    refused = choose(trigger(features={"SNR": "6.5", "packet_type": "202"}))
    assert refused.strategy is None
    assert refused.refusal == "too faint (SNR = 6.5, Packet_Type = 202)"
    assert choose(trigger(features={"SNR": "6.5", "Packet_Type": "209"})).strategy is not None
    assert choose(trigger(features={"SNR": "bright", "Packet_Type": "202"})).strategy is not None
    assert choose(trigger(features={"SNR": "6.5"})).strategy is not None, "an unknown fact satisfies nothing"


def test_old_burst_is_refused() -> None:
    assert choose(trigger(), after_s=3600).strategy is not None
    refused = choose(trigger(), after_s=3 * 3600)
    assert refused.strategy is None
    assert refused.refusal == "the burst is 3.0 h old, strategy plain takes bursts up to 1 h"
    assert refused.decisions[-1].rule == "max-age"


def test_error_circle_much_larger_than_the_field_is_refused() -> None:
    assert choose(trigger(position=position(radius_deg=0.29))).strategy is not None
    refused = choose(trigger(position=position(radius_deg=3.0)))
    assert refused.strategy is None
    assert "radius 3 deg) is 20.0 times the half-width" in refused.refusal


def test_facts_of_a_position_without_error_radius() -> None:
    facts = facts_of(trigger(position=position(radius_deg=None)), instrument=instrument(), now=MIDNIGHT)
    assert "error_radius_deg" not in facts
    assert facts["age_s"] == "0.0"


@pytest.mark.parametrize(
    ("given", "after_s", "expected"),
    [
        (trigger(), 100, "prompt"),
        (trigger(instrument="MXT", position=position(radius_deg=0.03)), 600, "localised"),
        (trigger(instrument="BAT", position=position(radius_deg=0.01)), 60, "localised"),
        (trigger(), 3 * 3600, "late"),
        (trigger(position=position(radius_deg=0.3)), 100, "wide"),
    ],
)
def test_default_strategies_choose(given: Trigger, after_s: float, expected: str) -> None:
    chosen = default_strategies().choose(
        given, instrument=instrument(), now=MIDNIGHT + timedelta(seconds=after_s)
    )
    assert chosen.strategy is not None
    assert chosen.strategy.name == expected


def test_default_strategies_refuse_a_circle_of_degrees() -> None:
    chosen = default_strategies().choose(
        trigger(position=position(radius_deg=4.0)), instrument=instrument(), now=MIDNIGHT
    )
    assert chosen.strategy is None
    assert "error circle" in chosen.refusal


@pytest.mark.parametrize(
    ("old", "new", "line_with", "says"),
    [
        ("count = 1", "count = 0", "count = 0", "greater than or equal to 1"),
        ("exposure_s = 10", "exposure_s = -1", "exposure_s = -1", "greater than 0"),
        ("latest_s = 3600", "latest_s = 360000", "latest_s = 360000", "less than or equal to 129600"),
        ("start_s = 0", "start_s = 7200", "[[strategies.epochs]]", "is before start_s"),
        ('filters = ["r"]', 'filters = ["r", "r"]', "[[strategies.epochs]]", "names a filter twice"),
        ('filters = ["r"]\n', "", "[[strategies.epochs]]", "Field required"),
        ("max_age_s", "maxage_s", "[[strategies]]", "Field required"),
        ('use = "other"', 'use = "otter"', 'use = "otter"', "there is no strategy 'otter'"),
        ('default = "plain"', 'default = "x"', 'default = "x"', "there are plain, other"),
        ('name = "other"', 'name = "plain"', 'name = "plain"', "a second strategy plain"),
        ("{ max = 7 }", "{ most = 7 }", "when = { SNR = { most", "a condition is"),
        ('refuse = "too faint"', "", "[[rules]]", "either use"),
    ],
)
def test_errors_name_file_line_and_key(old: str, new: str, line_with: str, says: str) -> None:
    text = SMALL.replace(old, new, 1) if old != 'name = "other"' else SMALL.replace(old, new)
    with pytest.raises(StrategyError) as caught:
        load_strategies(text, source="mine.toml")
    message = str(caught.value)
    assert isinstance(caught.value, FollowupError)
    assert "\n" not in message
    assert says in message
    assert message.startswith("mine.toml, line ")
    number = int(message.removeprefix("mine.toml, line ").partition(",")[0])
    assert text.splitlines()[number - 1].startswith(line_with)
    assert "default.toml" in caught.value.hint


def test_text_that_is_not_toml() -> None:
    with pytest.raises(StrategyError, match=r"mine\.toml is not TOML: .*line 2"):
        load_strategies('default = "a"\n= 3', source="mine.toml")


def test_unknown_key_is_named() -> None:
    with pytest.raises(StrategyError, match=r"line 17, .*colour"):
        load_strategies(
            SMALL.replace("max_age_s = 3600\n", 'max_age_s = 3600\ncolour = "red"\n', 1), source="mine.toml"
        )


def test_no_epoch_of_the_default_strategies_reaches_beyond_the_almanac() -> None:
    for strategy in default_strategies().strategies:
        assert strategy.max_age_s <= LONGEST_AGE_S
        assert strategy.epochs[0].start_s == 0, "something is done at once"
        assert strategy.epochs[0].latest_s == strategy.max_age_s, "however late the target is first seen"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("svom/sb26022501_eclairs-wakeup.xml", "prompt"),
        ("svom/sb26022501_mxt-initial_qf1.xml", "localised"),
        ("swift-bat-grb-pos.xml", "prompt"),
        ("swift-xrt-pos.xml", "localised"),
        ("fermi-gbm-fin-pos.xml", ""),
    ],
)
def test_default_strategies_on_real_notices(name: str, expected: str) -> None:
    notice = read_notice(parse(shared("packets", name).read_bytes()))
    asked = trigger(
        trigger_time=notice.trigger_time,
        position=notice.position,
        instrument=notice.instrument,
        features=notice.features,
    )
    chosen = default_strategies().choose(asked, instrument=instrument(), now=notice.trigger_time)
    assert (chosen.strategy.name if chosen.strategy else "") == expected


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_range_condition_is_the_closed_interval(value: float, low: float, high: float) -> None:
    assert Condition(min=low, max=high).holds(repr(value)) == (low <= value <= high)


@given(st.text())
def test_condition_never_raises_on_what_an_alert_says(value: str) -> None:
    Condition(min=0.0).holds(value)
    assert Condition(one_of=(value,)).holds(value)
