"""The default demonstration: how long, how much memory, and how honest its photometry is."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.table import percentile, row
from console.summary import pulls

SEEDS = (1, 2, 3)
WALL_GOAL_S = 90.0
MEMORY_GOAL_GIB = 2.0
WITHIN_GOAL_PERCENT = 95.0

_LOOK_S = 0.25
_LONGEST_S = 900.0
_ENDING_S = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """What one demonstration came to."""

    wall_s: float
    peak_bytes: int
    document: dict[str, Any]


def run() -> list[dict[str, Any]]:
    """Measure; returns rows with name, value, p99, unit, ratio, against and runs.

    Raises
    ------
    RuntimeError
        When a demonstration fails.
    """
    return rows([_play(seed) for seed in SEEDS])


def rows(played: Sequence[Played]) -> list[dict[str, Any]]:
    """Sum up demonstrations."""
    all_pulls = [pull for one in played for pull in pulls(one.document)]
    made = [
        row("default demonstration", [p.wall_s for p in played], unit="s", goal=WALL_GOAL_S),
        row("its peak resident memory, all processes", [p.peak_bytes / 2**30 for p in played],
            unit="GiB", goal=MEMORY_GOAL_GIB),
    ]  # fmt: skip
    for name, what in (("trigger_to_receipt", "its receipt"), ("trigger_to_slew", "first command")):
        delays = [p.document["latency_s"][name] for p in played]
        if known := [delay for delay in delays if delay is not None]:
            made.append(row(f"its trigger's commit → {what}, as journalled", known, scale=1000.0, unit="ms"))
    return made + (_honesty(all_pulls) if all_pulls else [])


def _honesty(found: Sequence[float]) -> list[dict[str, Any]]:
    """Distribution of (measured - true) / error of all detections; limits have none."""
    sizes = sorted(abs(pull) for pull in found)
    within = 100.0 * sum(size <= 3.0 for size in sizes) / len(sizes)
    share = {
        "name": "detections within three of their own errors of the truth",
        "value": round(within, 1),
        "p99": None,
        "unit": "%",
        "ratio": round(within / WITHIN_GOAL_PERCENT, 2),
        "against": f"the goal of {WITHIN_GOAL_PERCENT:g} %",
        "runs": len(sizes),
    }
    figures = {
        "pulls of detections: median": statistics.median(found),
        "pulls of detections: half the width of the middle 68 %": (
            (percentile(found, 84.0) - percentile(found, 16.0)) / 2.0
        ),
        "pulls of detections: largest": sizes[-1],
    }
    return [
        share,
        *(
            {
                "name": name,
                "value": round(value, 2),
                "p99": None,
                "unit": "σ",
                "ratio": None,
                "against": "",
                "runs": len(sizes),
            }
            for name, value in figures.items()
        ),
    ]


def _play(seed: int) -> Played:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = folder / "report.json"
        began = time.monotonic()
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - this interpreter
                [
                    sys.executable, "-m", "console", "demo",
                    "--seed", str(seed), "--state", str(folder / "state"), "--json", str(report),
                ],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        try:
            peak = _peak(psutil.Process(process.pid), began + _LONGEST_S)
        finally:
            # Only if we give up on it: it ends its own children then.
            if process.poll() is None:
                process.terminate()
                process.wait(_ENDING_S)
        wall_s = time.monotonic() - began
        if process.returncode != 0:
            said = (folder / "output").read_text(errors="replace").strip().splitlines()[-5:]
            raise RuntimeError(
                f"the demonstration with seed {seed} ended with {process.returncode}: " + " / ".join(said)
            )
        return Played(wall_s=wall_s, peak_bytes=peak, document=json.loads(report.read_text()))


def _peak(process: psutil.Process, deadline: float) -> int:
    """Watch a process with all its descendants until it ends; return their highest memory together.

    Raises
    ------
    RuntimeError
        When it takes too long.
    """
    peak = 0
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(_LOOK_S)
            return peak
        total = 0
        with contextlib.suppress(psutil.NoSuchProcess):
            for each in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += each.memory_info().rss
        peak = max(peak, total)
    raise RuntimeError(f"a demonstration took more than {_LONGEST_S:.0f} s")
