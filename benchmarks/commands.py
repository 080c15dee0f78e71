"""How soon a telescope over INDI does what people order: the whole agent, and INDI's own simulators."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.latency import Stage, running, trigger, until
from benchmarks.table import row
from console.control import ask
from console.state import State

ROUNDS = 5
STOP_GOAL_MS = 1000.0

_TELESCOPE = "gft-spm"
_MOVING_S = 1.0
"""So long the mount has been slewing when it is stopped."""
_MS = 1000.0
_BY: dict[str, Any] = {"name": "bench", "login": "bench", "host": "", "reason": "measured"}


def run() -> list[dict[str, Any]]:
    """Measure; returns rows with name, value, p99, unit, ratio, against and runs.

    Raises
    ------
    TimeoutError
        When nothing comes of a burst.
    """
    return asyncio.run(_run())


async def _run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="followup-bench-") as name:
        async with running(State(Path(name)), over_indi=True) as stage:
            aborted = [await _aborted(stage, number) for number in range(ROUNDS)]
            held = [await _held(stage, ROUNDS + number) for number in range(ROUNDS)]
    return [
        row("order to abort → the mount stands still, and the journal says so", aborted,
            scale=_MS, unit="ms", goal=STOP_GOAL_MS),
        row("order to hold at once → the mount stands still", held,
            scale=_MS, unit="ms", goal=STOP_GOAL_MS),
    ]  # fmt: skip


async def _aborted(stage: Stage, number: int) -> float:
    """Abort a campaign while the mount slews to its target."""
    folder = stage.state.telescope(_TELESCOPE)
    campaign = await trigger(stage, number)
    await asyncio.sleep(_MOVING_S)
    began = time.perf_counter()
    answer = await ask(folder, "abort", campaign=campaign, **_BY)
    taken = time.perf_counter() - began
    if answer["stopped_after_s"] is None:
        raise TimeoutError(f"{_TELESCOPE} is not known to be at rest")
    await _idle(folder)
    return taken


async def _held(stage: Stage, number: int) -> float:
    """Hold the telescope at once while the mount slews; then let it go, and end the campaign."""
    folder = stage.state.telescope(_TELESCOPE)
    campaign = await trigger(stage, number)
    await asyncio.sleep(_MOVING_S)
    began = time.perf_counter()
    await ask(folder, "hold", at_once=True, **_BY)
    taken = time.perf_counter() - began
    await ask(folder, "abort", campaign=campaign, **_BY)
    await _idle(folder)
    await ask(folder, "resume", **_BY)
    return taken


async def _idle(folder: Path) -> None:
    async def idle() -> bool:
        return not (await ask(folder, "telescope"))["campaigns"]

    await until(idle)
