"""Recorded campaigns played again to the real agent, over real servers; and agents that were changed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.gft.reduction.field import FieldReduction
from console.replay.playing import replay_bundle
from console.replay.record import Recording
from console.replay.telescope import stage
from console.replay.telescope.devices import PlayedMount
from console.replay.verdict import Sameness, Verdict
from followup.limits import Limits
from followup.story import Ended, Shown, Story
from tests.console.cli import followup
from tests.console.replay.hasty import make_hasty

pytestmark = pytest.mark.integration

KEPT = Path(__file__).parent / "bundles"
FULL, LIGHT = KEPT / "small.tar.zst", KEPT / "small-light.tar.zst"


class Told:
    """A runner that keeps the stories it is given."""

    def __init__(self) -> None:
        self.stories: list[Story] = []

    def follow(self, story: Story) -> None:
        self.stories.append(story)

    async def settle(self, timeout_s: float) -> None:
        pass


def told(verdict: Verdict) -> str:
    return json.dumps(verdict.to_data(), indent=1, default=str)


def differing(verdict: Verdict) -> dict[str, list[str]]:
    """What each line that will not do complains of."""
    return {
        line.what: [each.what for each in line.differences if not each.allowed]
        for line in verdict.lines
        if not line.sameness.good
    }


@pytest.mark.parametrize("bundle", sorted(KEPT.glob("*-light.tar.zst")), ids=lambda path: path.name)
def test_a_light_bundle_is_replayed_as_recorded_and_twice_alike(tmp_path: Path, bundle: Path) -> None:
    runner = Told()
    first = replay_bundle(bundle, runner=runner, work=tmp_path / "work")
    assert first.good, told(first)
    assert {line.sameness for line in first.packets} <= {Sameness.SAME, Sameness.WITHIN}
    assert {line.what for line in first.datasets} == {"dataset logs", "dataset t1", "dataset t2"}
    assert [line.what for line in first.decisions]
    [story] = runner.stories
    shown = [event for event in story._events if isinstance(event, Shown)]
    assert len(shown[0].table) == len(first.lines)
    assert [event.name for event in story._events if isinstance(event, Ended)] == ["As recorded"]

    suite = tmp_path / "suite"
    suite.mkdir()
    shutil.copy(bundle, suite)
    answer = followup("replay", "--suite", suite, "--json")
    assert answer.status == 0, answer.out
    [second] = json.loads(answer.out)
    assert second["good"]
    assert second["digest"] == first.digest
    assert [line["what"] for line in second["packets"]] == [line.what for line in first.packets]


def test_the_reduction_is_exercised_on_the_very_pixels() -> None:
    verdict = replay_bundle(FULL)
    assert verdict.good, told(verdict)
    frames = {line.what: line for line in verdict.datasets}
    assert not [each for each in frames["dataset t1"].differences if each.what.startswith("raw/")]
    assert verdict.reduction_s > 0.0


def test_a_strategy_that_skips_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Recording.read(LIGHT, tmp_path).strategies
    first, _, _ = text.rpartition("[[strategies.epochs]]")
    monkeypatch.setattr(Recording, "strategies", first)
    verdict = replay_bundle(LIGHT)
    assert not verdict.good
    found = differing(verdict)
    assert "tasks" in found["status plan"]
    assert "tasks" in found["closing"]
    missing = {line.what for line in verdict.lines if line.sameness is Sameness.MISSING}
    assert {"dataset t2", "upload t2 completed attempt 1", "result light-curve t2"} <= missing


def test_a_telescope_that_parks_at_the_end_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its mount takes its time by the sky's clock, for which nobody else waits any more."""
    parked = []

    async def slowly(self: PlayedMount) -> None:
        await self._clock.sleep(600.0)
        parked.append(self._clock.now())

    monkeypatch.setattr(PlayedMount, "park", slowly)
    replay_bundle(LIGHT)
    assert parked


def test_weather_that_turned_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    true = Recording.devices

    def rained(self: Recording) -> list[Any]:
        found = {"safe": False, "reason": "rain", "values": {}}
        began, ended = ((self.start + timedelta(seconds=s)).isoformat() for s in (20.0, 60.0))
        said = {"device": "weather", "did": "reading", "age_s": 0.0}
        rain = {**said, "time": began, "ended": began, "found": found}
        over = {**said, "time": ended, "ended": ended, "found": {**found, "safe": True, "reason": ""}}
        return [*true(self), rain, over]

    monkeypatch.setattr(Recording, "devices", rained)
    verdict = replay_bundle(LIGHT)
    said = {line.what: line.now_s for line in verdict.packets if line.sameness is Sameness.EXTRA}
    assert said["status unsafe"] == 20.0
    assert said["status clear"] == pytest.approx(60.0 + Limits().safe_for_s, abs=30.0)


def test_a_bias_of_the_photometry(monkeypatch: pytest.MonkeyPatch) -> None:
    true = FieldReduction.result

    def biased(self: FieldReduction) -> Any:
        points, source, fit = true(self)
        return [replace(point, mag=point.mag + 0.2) for point in points], source, fit

    monkeypatch.setattr(FieldReduction, "result", biased)
    verdict = replay_bundle(FULL)
    assert not verdict.good
    [*_, line] = [line for line in verdict.packets if line.what.startswith("result light-curve")]
    named = {each.what: each.replayed for each in line.differences if not each.allowed}
    assert named["all magnitudes"].startswith("+0.200 mag"), named


def test_a_receipt_that_comes_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    make_hasty(monkeypatch, stage, "gft-spm", "uncommitted")
    verdict = replay_bundle(LIGHT)
    assert not verdict.good
    assert verdict.faults == (
        "receipt accepted of trigger observe revision 0 was said before it was committed",
    )
