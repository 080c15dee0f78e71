"""`followup gft focus` and `followup gft drill`: what they show, and their exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from console.app import app
from console.commands import drill, focus

FOCUSED = {
    "position": 25040,
    "diameter_px": 2.9,
    "problem": "",
    "samples": [[24400, 3.6, 21], [25000, 2.95, 24], [25600, None, 0]],
}
DRILL = {
    "campaign": "drill20261122230000.gft-spm",
    "passed": True,
    "found": True,
    "ended": "",
    "frames": 8,
    "missed": [],
    "off_arcsec": 0.11,
    "measured": [{"filter": "r", "t_s": 72.9, "mag": 16.68, "mag_err": 0.02, "truth": 16.67, "agrees": True}],
    "stages": [
        {"stage": "receipt", "after_s": 0.05, "budget_s": 1.0, "in_time": True},
        {"stage": "slew", "after_s": 0.1, "budget_s": 2.0, "in_time": True},
    ],
}


def run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, answer: dict[str, Any], *options: str
) -> tuple[int, str]:
    asked: list[tuple[str, str]] = []

    async def ask(folder: Path, what: str, **arguments: Any) -> dict[str, Any]:
        asked.append((folder.name, what))
        assert arguments["who"]
        return answer

    for module in (drill, focus):
        monkeypatch.setattr(module, "ask", ask)
    result = CliRunner().invoke(app, ["gft", command, "gft-spm", "--state", str(tmp_path), *options])
    assert asked == [("gft-spm", command)]
    return result.exit_code, result.output


def test_a_focus_run_is_shown_with_its_sizes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status, said = run(monkeypatch, tmp_path, "focus", FOCUSED)
    assert status == 0
    assert "In focus at 25040: 2.90 px" in said
    assert "24400       3.60     21" in said
    assert "25600          -      0" in said


def test_no_focus_is_an_exit_status_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failed = FOCUSED | {"problem": "too few stars", "diameter_px": None}
    status, said = run(monkeypatch, tmp_path, "focus", failed)
    assert status == 1
    assert "No focus: too few stars" in said


def test_a_drill_is_shown_against_truth_and_budget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status, said = run(monkeypatch, tmp_path, "drill", DRILL)
    assert status == 0
    assert "passed: the source was found, 0.11 arcsec off" in said
    assert "receipt                 0.05         1.0\n" in said
    assert "16.68 +- 0.02    16.67\n" in said


def test_what_is_not_as_it_should_be_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    late = DRILL | {
        "passed": False,
        "found": False,
        "ended": "a burst needs the telescope",
        "missed": ["clouds"],
        "measured": [],
        "stages": [
            {"stage": "receipt", "after_s": 3.0, "budget_s": 1.0, "in_time": False},
            {"stage": "slew", "after_s": None, "budget_s": 2.0, "in_time": False},
        ],
    }
    status, said = run(monkeypatch, tmp_path, "drill", late)
    assert status == 1
    assert "receipt                 3.00         1.0  late" in said
    assert "slew                   never         2.0  late" in said
    assert "without the source: clouds" in said
    assert "not passed: the source was not found; a burst needs the telescope" in said


def test_for_scripts_it_is_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status, said = run(monkeypatch, tmp_path, "drill", DRILL, "--json")
    assert status == 0
    assert json.loads(said) == DRILL
