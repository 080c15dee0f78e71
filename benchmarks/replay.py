"""How long replays take at full speed, and the reduction's part of it.

The long campaign is recorded first, by real agents under a simulated sky: four hours, a hundred frames of
1024 × 1024 pixels. The light bundle is one of those kept for tests, and replayed as a person does it: the
command, from its start to its end.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from archive.archive import Archive
from archive.bundle.export import export_campaign
from benchmarks.latency import running, trigger
from benchmarks.table import row
from console.control import ask
from console.replay.playing import replay_bundle
from console.state import State, archive_files, archive_url

ROUNDS = 3
LIGHT_GOAL_S = 3.0
LONG_GOAL_S = 60.0
VISITS, FRAMES = 5, 10
"""Visits, and frames of each through each of two filters."""

_KEPT = Path(__file__).parents[1] / "tests" / "console" / "replay" / "bundles"
_TELESCOPE = "gft-spm"
_RATE = 120.0
_RECORDED_S = 1200.0
_LOOK_S = 1.0
_STRATEGIES = """\
default = "long"
[[strategies]]
name = "long"
description = "a hundred frames in four hours"
max_age_s = 86400
max_error_radius_fields = 1.2
""" + "".join(
    f"""\
[[strategies.epochs]]
name = "visit-{number}"
start_s = {number * 2700}
latest_s = 86400
filters = ["r", "i"]
exposure_s = 60
count = {FRAMES}
"""
    for number in range(VISITS)
)


def run() -> list[dict[str, Any]]:
    """Measure; returns rows with name, value, p99, unit, ratio, against and runs.

    Raises
    ------
    RuntimeError
        When a replay is not as recorded: a figure of it would say nothing.
    TimeoutError
        When the campaign to be replayed does not come to its end.
    """
    light = [_command(_KEPT / "small-light.tar.zst") for _ in range(ROUNDS)]
    with tempfile.TemporaryDirectory(prefix="followup-bench-") as folder:
        bundle = Path(folder) / "long.tar.zst"
        frames = asyncio.run(_record(Path(folder) / "state", bundle))
        long_s, processor_s, reduction_s = _seconds(bundle)
    return [
        row("followup replay of a light bundle", light, unit="s", goal=LIGHT_GOAL_S),
        row(f"replay of four hours and {frames} frames of 1024 × 1024", [long_s], unit="s", goal=LONG_GOAL_S),
        row("its processor time", [processor_s], unit="s", peer=[long_s], against="all of it"),
        row("of that, reduction and drawing", [reduction_s], unit="s", peer=[processor_s],
            against="processor time"),
        row("the same, a frame", [reduction_s / frames], unit="s"),
    ]  # fmt: skip


def _command(bundle: Path) -> float:
    """Give the command as a person does."""
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "console", "replay", str(bundle)], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - began


def _seconds(bundle: Path) -> tuple[float, float, float]:
    """Replay a bundle: all of it, its processor time, and that of the reduction's thread."""
    began, worked = time.perf_counter(), time.process_time()
    verdict = replay_bundle(bundle)
    if not verdict.good:
        raise RuntimeError(f"{bundle} is not replayed as recorded: a figure of it says nothing")
    return time.perf_counter() - began, time.process_time() - worked, verdict.reduction_s


async def _record(root: Path, bundle: Path) -> int:
    """Have a campaign go on, and write its bundle; give the number of its frames."""
    state = State(root)
    async with running(state, rate=_RATE, strategies=_STRATEGIES) as stage:
        campaign = await trigger(stage, 0)
        async with asyncio.timeout(_RECORDED_S):
            while await _open(state):  # noqa: ASYNC110 - the campaign is in another process; bounded
                await asyncio.sleep(_LOOK_S)
        return await asyncio.to_thread(_export, state, campaign, bundle)


async def _open(state: State) -> bool:
    """Whether the campaign still goes on: it ends at the telescope when its closing is accepted."""
    return bool((await ask(state.telescope(_TELESCOPE), "telescope"))["campaigns"])


def _export(state: State, campaign: str, bundle: Path) -> int:
    url = archive_url(state.csc, "")
    with Archive.open(url, archive_files(state.csc), migrate=False) as archive:
        export_campaign(archive, campaign, bundle)
        return sum(file.name.startswith("raw/") for file in archive.files(campaign))
