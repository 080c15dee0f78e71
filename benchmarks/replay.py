"""How long replays of the bundles kept for tests take at full speed, and the reduction's part of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.table import row
from console.replay.playing import replay_bundle

ROUNDS = 3
LIGHT_GOAL_S = 3.0

_KEPT = Path(__file__).parents[1] / "tests" / "console" / "replay" / "bundles"
_FRAMES = 4


def run() -> list[dict[str, Any]]:
    """Measure; returns rows with name, value, p99, unit, ratio, against and runs."""
    light = [_seconds("small-light")[0] for _ in range(ROUNDS + 1)][1:]  # what is loaded first is not counted
    whole, reduction = zip(*[_seconds("small") for _ in range(ROUNDS)], strict=True)
    return [
        row("replay of a light bundle", light, unit="s", goal=LIGHT_GOAL_S),
        row("replay of a campaign of 4 frames of 320 × 320", whole, unit="s", peer=light, against="light"),
        row("its reduction and drawing, processor time a frame", [s / _FRAMES for s in reduction], unit="s"),
    ]


def _seconds(name: str) -> tuple[float, float]:
    """Replay a kept bundle: all of it, and the processor time of the reduction's thread."""
    began = time.perf_counter()
    verdict = replay_bundle(_KEPT / f"{name}.tar.zst")
    if not verdict.good:
        raise RuntimeError(f"{name} is not replayed as recorded: a figure of it says nothing")
    return time.perf_counter() - began, verdict.reduction_s
