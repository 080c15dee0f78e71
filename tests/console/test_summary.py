"""The summary at the end of a demonstration."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from archive import Archive
from console.report import report
from console.state import State, archive_files, archive_url
from console.summary import print_summary, pulls
from tests.archive.conversation import JILIN, SPM


class Truth:
    def magnitude(self, burst: str, t_s: float, filter_name: str, exposure_s: float) -> float | None:
        return 18.0


@pytest.fixture
def document(centre: State, tmp_path: Path) -> dict[str, Any]:
    files = tmp_path / ("a-long-name" * 12)
    (files / "t1").mkdir(parents=True)
    (files / "t1" / "finding-chart-t1.png").touch()
    with Archive.open(archive_url(centre.csc, ""), archive_files(centre.csc), migrate=False) as archive:
        made = report(archive, truth=Truth(), archive_location=str(files), prefect_ui="http://127.0.0.1:4200")
    runs = [{"flow": flow, "name": "x", "state": "Closed"} for flow in ("observe", "observe", "relay")]
    more = {"faults": [], "wall_s": 88.2, "peak_memory_bytes": 3 << 29, "state": "/s"}
    return {**made, "flow_runs": runs, **more}


def printed(document: dict[str, Any], columns: int) -> str:
    console = Console(file=io.StringIO(), width=columns, highlight=False)
    print_summary(document, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("columns", [80, 160])
def test_it_tells_what_came_of_it(document: dict[str, Any], columns: int) -> None:
    text = printed(document, columns)
    words = " ".join(text.split())
    assert f"{JILIN} completed 1/2 2 tasks, afterglow found" in words
    assert f"{SPM} declined 0/0 never above 20 deg" in words
    assert "18.10 ± 0.05 18.00 +2.0" in words
    assert "> 19.50 18.00" in words
    assert "files 2 of 2 verified, 0.0 MB" in words
    assert "1 of 1 detections within 3 of their errors" in words
    assert "trigger to receipt 2000 ms" in words
    assert "flow runs 2 observe Closed, 1 relay Closed" in words
    assert "memory 1.50 GiB" in words
    assert "✓ every packet has its final receipt" in words


def test_paths_and_commands_are_not_broken(document: dict[str, Any]) -> None:
    lines = printed(document, 80).splitlines()
    chart = f"{document['archive']}/t1/finding-chart-t1.png"
    assert any(line.endswith(chart) for line in lines)
    assert any(line.endswith("followup campaigns --state /s") for line in lines)
    assert any("http://127.0.0.1:4200" in line for line in lines)


def test_faults_are_named(document: dict[str, Any]) -> None:
    text = printed({**document, "faults": ["file [x] is gone"]}, 80)
    assert "✗ file [x] is gone" in text
    assert "✓" not in text


def test_a_demonstration_that_led_to_nothing(document: dict[str, Any]) -> None:
    nothing = {"campaigns": [], "packets": [], "files": [], "photometry": [], "flow_runs": []}
    latency = {"trigger_to_receipt": None, "trigger_to_slew": None}
    text = printed({**document, **nothing, "latency_s": latency}, 80)
    assert "0 of 0 verified" in text
    assert "trigger to" not in text


def test_pulls_are_of_detections_with_a_truth() -> None:
    points = [
        {"mag": 18.1, "mag_err": 0.05, "true_mag": 18.0, "limit": False},
        {"mag": 19.5, "mag_err": None, "true_mag": 18.0, "limit": True},
        {"mag": 18.1, "mag_err": 0.05, "true_mag": None, "limit": False},
    ]
    assert pulls({"photometry": points}) == [pytest.approx(2.0)]
