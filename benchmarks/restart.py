"""How soon a telescope goes on after its agent was killed: from the start of the process to its first step.

The same stage as that of `benchmarks.latency`. The telescope's agent is killed (SIGKILL) while it exposes,
and started again as its supervisor does; its first resumed step is the first entry that it commits to the
campaign's journal. The processor's time until then says what an idle machine would need.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.latency import Stage, running, trigger
from benchmarks.table import row
from console.state import State

KILLS = 3
GOAL_S = 5.0

_PATIENCE_S = 120.0


def run() -> list[dict[str, Any]]:
    """Measure; returns rows with name, value, p99, unit, ratio, against and runs.

    Raises
    ------
    FollowupError
        When an agent ends, or a burst does not lead to a campaign.
    TimeoutError
        When nothing comes of a burst.
    """
    return asyncio.run(_run())


async def _run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        async with running(State(Path(name))) as stage:
            campaign = await trigger(stage, 0)
            measured = [await _killed(stage, campaign) for _ in range(KILLS)]
    name = "start of a killed telescope's agent → its first resumed step"
    return [
        row(f"{name}, wall clock", [wall_s for wall_s, _ in measured], scale=1.0, unit="s", goal=GOAL_S),
        row(f"{name}, processor time", [busy_s for _, busy_s in measured], scale=1.0, unit="s"),
    ]


async def _killed(stage: Stage, campaign: str) -> tuple[float, float]:
    """Kill the telescope's agent at its next exposure, start it again; give wall and processor time, in s."""
    await _next(stage, campaign, "campaign.exposing")
    pid = stage.telescope.pid
    if pid is None:
        raise RuntimeError("the telescope's agent has ended")
    os.kill(pid, signal.SIGKILL)
    await stage.telescope.stop(_PATIENCE_S)
    began = time.monotonic()
    stepping = asyncio.ensure_future(_next(stage, campaign, "campaign."))
    await asyncio.sleep(0)  # it listens before there is anything to hear
    await stage.telescope.start()
    await stepping
    wall_s = time.monotonic() - began
    times = psutil.Process(stage.telescope.pid).cpu_times()
    return wall_s, times.user + times.system


async def _next(stage: Stage, campaign: str, event: str) -> None:
    """Wait for the telescope to log something of a campaign."""
    heard = asyncio.Event()

    def listen(line: dict[str, Any]) -> None:
        if line.get("campaign") == campaign and str(line.get("event")).startswith(event):
            heard.set()

    stage.listeners.append(listen)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await heard.wait()
    finally:
        stage.listeners.remove(listen)
