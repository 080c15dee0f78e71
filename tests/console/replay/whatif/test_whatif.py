"""What-ifs of a recorded campaign, with the real agent over real servers."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from console.replay.errors import ReplayRefusedError
from console.replay.record import Recording
from console.replay.whatif.playing import what_if
from console.replay.whatif.supposition import Supposition
from followup.story import Ended, Shown, Story
from tests.console.cli import followup

KEPT = Path(__file__).parents[1] / "bundles"
FULL, LIGHT = KEPT / "small.tar.zst", KEPT / "small-light.tar.zst"

DEEPER = """
default = "deeper"
[[strategies]]
name = "deeper"
description = "one visit, other filters, longer"
max_age_s = 86400
max_error_radius_fields = 1.2
[[strategies.epochs]]
name = "first-look"
start_s = 0
latest_s = 86400
filters = ["r", "i"]
exposure_s = 60
count = 1
"""
SHOWER = "time,safe,reason\n+0,yes,\n+100,no,clouds\n+200,yes,\n"


class Told:
    """A runner that keeps the stories it is given."""

    def __init__(self) -> None:
        self.stories: list[Story] = []

    def follow(self, story: Story) -> None:
        self.stories.append(story)

    async def settle(self, timeout_s: float) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.integration
def test_other_strategies_and_another_time(tmp_path: Path) -> None:
    strategies = tmp_path / "deeper.toml"
    strategies.write_text(DEEPER)
    answer = followup("replay", FULL, "--strategy", strategies, "--shift", "6h", "--json")
    assert answer.status == 0, answer.err
    found = json.loads(answer.out)
    assert found["supposed"] == "strategy deeper.toml, shift +6h"
    assert not found["faults"]
    then, now = found["then"], found["now"]
    assert then["frames"] == 4
    assert (now["frames"], now["outcome"]) == (2, "completed")
    red, infrared = now["filters"]
    assert [each["filter"] for each in (red, infrared)] == ["r", "i"]
    # Three times the exposure, in much the same air: deeper than each frame then, and no miracle.
    assert 20.06 < red["limit_mag"] < 21.5
    # The counterpart fades as it did, and the pipeline finds it before it was measured then.
    [point] = red["measured"]
    assert point["t_s"] == pytest.approx(127.0, abs=15.0), "since the burst, which is later, too"
    assert point["mag"] == pytest.approx(14.45, abs=0.15)
    assert len(infrared["measured"]) == 1, "in a filter in which nothing was taken then"
    assert {each["what"] for each in found["decisions"]} == {"default", "visibility"}


@pytest.mark.integration
def test_other_weather_is_shown_and_a_light_bundle_will_do(tmp_path: Path) -> None:
    weather = tmp_path / "shower.csv"
    weather.write_text(SHOWER)
    runner = Told()
    found = what_if(LIGHT, Supposition(weather=weather), runner=runner)
    assert next((each.t_s, each.state) for each in found.now.interruptions) == (100.0, "unsafe")
    assert not found.then.interruptions
    assert found.now.first_s is not None
    assert found.now.first_s > 200.0 + 300.0, "it must have been safe for some time"
    assert found.now.outcome == "completed"
    assert found.now.measured
    [story] = runner.stories
    [shown] = [event for event in story._events if isinstance(event, Shown)]
    assert any(row["what"] == "interruptions" for row in shown.table)
    [ended] = [event for event in story._events if isinstance(event, Ended)]
    assert (ended.name, str(ended.state)) == ("Compared", "completed")


@pytest.mark.integration
def test_where_it_has_yet_to_rise_it_is_observed_as_soon_as_it_does(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    said = json.loads(Recording.read(LIGHT, tmp_path / "bundle").enclosed("logs/site.json").read_bytes())
    said["site"]["longitude_deg"] = -161.3
    site = tmp_path / "site.json"
    site.write_text(json.dumps(said))
    found = what_if(LIGHT, Supposition(site=site))
    assert [(task.outcome, task.exposures) for task in found.now.tasks] == [("done", 2), ("done", 2)]
    planned_s, first_s = found.now.tasks[0].planned_s, found.now.first_s
    assert planned_s is not None
    assert first_s is not None
    assert planned_s > 300.0, "it was below the horizon"
    assert 0.0 <= first_s - planned_s < 120.0


@pytest.mark.integration
def test_where_it_never_rises_nothing_would_have_been_observed(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('name = "gft-south"\nmodel = "gft-lasilla"\n[safety]\nmax_airmass = 1.5\n')
    answer = followup("replay", LIGHT, "--site", site)
    assert answer.status == 0, answer.err
    assert "nothing would have been observed (4 frames were)" in " ".join(answer.out.split())
    assert "refused" in answer.out


def test_it_works_in_a_folder_of_its_own_only(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("of a real site")
    with pytest.raises(ReplayRefusedError, match="is not empty"):
        what_if(LIGHT, Supposition(shift=timedelta()), work=tmp_path)


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    answer = followup("replay", LIGHT, "--shift", "tomorrow")
    assert answer.status == 2
    assert "'tomorrow' is no shift in time" in answer.complaint
    answer = followup("replay", LIGHT, "--shift", "1h", "--against", "csc")
    assert answer.status == 2
    assert "about a telescope, not about csc" in answer.complaint
    weather = tmp_path / "w.csv"
    weather.write_text("time,safe\n+0,maybe\n")
    answer = followup("replay", LIGHT, "--weather", weather)
    assert answer.status == 2
    assert "line 2: safe" in answer.complaint
