"""The file of a simulated sky."""

from __future__ import annotations

import dataclasses
import json
import os
from datetime import UTC, datetime

import numpy as np
import pytest

from followup.errors import ConfigurationError
from simulators.population import draw_burst
from simulators.scenario import Scenario, ScenarioFile, read_scenario, write_scenario
from simulators.tabulated import TabulatedAfterglow, TabulatedPoint

T0 = datetime(2026, 11, 22, 3, 0, 0, 123456, tzinfo=UTC)


def _burst(number):
    return draw_burst(np.random.default_rng(number), name=f"sb2611220{number}", trigger_time=T0)


def test_what_is_written_is_read_back(tmp_path):
    scenario = Scenario(seed=7, bursts=(_burst(1), _burst(2), _burst(3)))
    write_scenario(scenario, tmp_path / "sky.json")
    assert read_scenario(tmp_path / "sky.json") == scenario
    assert [path.name for path in tmp_path.iterdir()] == ["sky.json"]


def test_no_other_light_than_power_laws_is_written(tmp_path):
    point = TabulatedPoint(t_s=1.5, filter="r", wavelength_nm=617.0, mag=17.0, mag_err=0.1)
    burst = dataclasses.replace(_burst(1), afterglow=TabulatedAfterglow(points=(point,)))
    with pytest.raises(TypeError, match="no scenario can hold a TabulatedAfterglow"):
        write_scenario(Scenario(seed=7, bursts=(burst,)), tmp_path / "sky.json")


def test_a_burst_is_added_or_takes_the_place_of_its_namesake():
    scenario = Scenario(seed=7).with_burst(_burst(1)).with_burst(_burst(2)).with_burst(_burst(1))
    assert [burst.name for burst in scenario.bursts] == ["sb26112202", "sb26112201"]


def _one_burst(ra_deg, indices):
    light = {"r_mag": 17, "indices": indices, "breaks_s": [], "spectral_index": 1}
    burst = {"name": "b", "trigger_time": T0.isoformat(), "ra_deg": ra_deg, "dec_deg": 0, "afterglow": light}
    return json.dumps({"seed": 1, "bursts": [burst]})


def test_a_burst_can_be_written_by_hand(tmp_path):
    (tmp_path / "sky.json").write_text(_one_burst(ra_deg=40, indices=[1]))
    (burst,) = read_scenario(tmp_path / "sky.json").bursts
    assert burst.trigger_time == T0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"seed": 1}',
        '{"seed": "x", "bursts": []}',
        '{"seed": 1, "bursts": [{}]}',
        _one_burst(ra_deg=400, indices=[1]),
        _one_burst(ra_deg=40, indices=[1, 2]),
    ],
)
def test_what_is_no_scenario_is_refused_with_its_name(tmp_path, text):
    path = tmp_path / "sky.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"sky\.json is not a simulated sky") as caught:
        read_scenario(path)
    assert caught.value.hint


def test_a_changed_file_is_read_again(tmp_path):
    path = tmp_path / "sky.json"
    write_scenario(Scenario(seed=7), path)
    file = ScenarioFile(path)
    assert file.bursts() == ()
    write_scenario(Scenario(seed=7).with_burst(_burst(1)), path)
    later = path.stat().st_mtime_ns + 1_000_000
    os.utime(path, ns=(later, later))
    assert [burst.name for burst in file.bursts()] == ["sb26112201"]
