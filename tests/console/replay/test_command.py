"""``followup replay`` as people use it: what it prints, its exit status, speeds and suites."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.replay import playing
from console.replay.telescope.light import PlayedReduction
from console.replay.verdict import Verdict
from tests.console.cli import child, followup
from tests.console.replay.test_suite import verdict
from tests.flows.prefect import until

KEPT = Path(__file__).parent / "bundles"
LIGHT = KEPT / "small-light.tar.zst"


@pytest.fixture
def biased(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program whose magnitudes are 0.2 too faint."""
    true = PlayedReduction.result

    def faint(self: PlayedReduction) -> Any:
        points, source, fit = true(self)
        return [replace(point, mag=point.mag + 0.2) for point in points], source, fit

    monkeypatch.setattr(PlayedReduction, "result", faint)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A folder with a bundle that is cut off, and one that is whole."""
    suite = tmp_path / "nights"
    suite.mkdir()
    (suite / "broken.tar.zst").write_bytes(LIGHT.read_bytes()[:9000])
    shutil.copy(LIGHT, suite / "whole.tar.zst")
    return suite


@pytest.mark.integration
@pytest.mark.usefixtures("biased")
def test_what_differs_is_printed_and_is_the_exit_status() -> None:
    answer = followup("replay", LIGHT, columns=120)
    assert answer.status == 1, answer.err
    first, *lines = answer.out.splitlines()
    assert first.startswith("sb26112201.gft-spm replayed against gft: not as recorded")
    at = lines.index("  ✗ result light-curve t1: all magnitudes")
    then, now = lines[at + 1 : at + 3]
    assert then.split() == ["then", "as", "they", "were"]
    assert now.strip().startswith("now   +0.200 mag, the weighted mean of")
    assert any("result light-curve t1" in line and line.split()[-1] == "differs" for line in lines)
    assert "digest of all that is not time-stamped" in lines[-1]


def test_a_suite_goes_on_after_a_bundle_that_cannot_be_replayed(
    suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = playing.replay_bundle

    def replayed(path: Path, **facts: Any) -> Verdict:
        return verdict(path.name, good=False) if path.name == "whole.tar.zst" else true(path, **facts)

    monkeypatch.setattr(playing, "replay_bundle", replayed)
    answer = followup("replay", "--suite", suite, columns=120)
    assert answer.status == 2
    assert "broken.tar.zst cannot be replayed: broken.tar.zst: it is cut off" in answer.out
    assert "whole.tar.zst replayed against gft: not as recorded (1 of 1 differ)" in answer.out
    assert answer.out.splitlines()[-1] == "2 bundles: 1 not as recorded, 1 cannot be replayed"


@pytest.mark.integration
def test_a_suite_for_scripts(suite: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    answer = followup("replay", "--suite", suite, "--json", "--work", work)
    assert answer.status == 2
    broken, whole = json.loads(answer.out)
    assert (broken["bundle"], broken["good"]) == ("broken.tar.zst", False)
    assert broken["problem"].endswith("it is cut off")
    assert (whole["bundle"], whole["good"]) == ("whole.tar.zst", True)
    assert [path.name for path in work.iterdir()] == ["whole"], "each has a folder of its own"


@pytest.mark.integration
def test_who_is_terminated_leaves_nothing(tmp_path: Path) -> None:
    with child("replay", LIGHT, "--speed", "1", TMPDIR=str(tmp_path)) as process:
        until(lambda: list(tmp_path.glob("followup-replay-*/state/csc/password")))
        process.terminate()
        process.communicate(timeout=120.0)
        assert process.returncode != 0
    assert not list(tmp_path.glob("followup-*"))


@pytest.mark.integration
def test_a_replay_at_a_speed() -> None:
    """The sky's clock runs: what is late on a slow machine may be told, but all is said and done."""
    answer = followup("replay", LIGHT, "--speed", "400", "--json")
    assert answer.status in {0, 1}, answer.err
    verdict = json.loads(answer.out)
    assert verdict["faults"] == []
    assert {line["sameness"] for line in verdict["packets"]} <= {"same", "within", "differs"}
    assert verdict["packets"][-1]["what"] == "closing"
    assert verdict["wall_s"] > verdict["packets"][-1]["now_s"] / 400.0, "the sky went no faster"
