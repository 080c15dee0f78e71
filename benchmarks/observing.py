"""A telescope over INDI, as a whole: trigger to receipt and to the first command, and a series of exposures.

Real processes and INDI's simulators, in real time. What lies between the exposures of a series is taken from
the telescope's observing log: the camera's own part is from the end of an exposure to its frame's being here,
the rest, writing the frame down and beginning the next one, is the agent's.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.latency import RECEIPT_GOAL_MS, Stage, burst, rows, running, trigger
from benchmarks.table import row
from console.set_aside import JOURNAL
from console.state import State
from followup.campaign import What
from followup.clock import WallClock
from messaging.reader import Reader
from messaging.store import Store
from voevent.kinds import Kind
from voevent.packet import MAX_PACKET_BYTES

BURSTS = 5
COMMAND_GOAL_MS = 500.0
OVERHEAD_GOAL_MS = 500.0

_TELESCOPE = "gft-spm"
_SERIES_S = 600.0
_MS = 1000.0


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
            played = [await burst(stage, number) for number in range(1 + BURSTS)]
            await _series(stage)
            answered = await asyncio.to_thread(
                rows, stage, {"over INDI": played[1:]}, command_goal_ms=COMMAND_GOAL_MS
            )
            telescope = stage.state.telescope(_TELESCOPE)
            return [
                *answered,
                *await asyncio.to_thread(_at_the_telescope, telescope / JOURNAL, played[1:]),
                *_between(telescope / "devices"),
            ]


async def _series(stage: Stage) -> None:
    """Have one burst's first visit carried out."""
    ended = asyncio.Event()

    def listen(line: dict[str, Any]) -> None:
        if line.get("event") == "campaign.task-ended":
            ended.set()

    stage.listeners.append(listen)
    await trigger(stage, 1 + BURSTS)
    async with asyncio.timeout(_SERIES_S):
        await ended.wait()


def _at_the_telescope(path: Path, campaigns: Sequence[str]) -> list[dict[str, Any]]:
    """Tell how soon the telescope itself was, from the commit of what arrived on, by its journal."""
    store = Store(path, wall=WallClock(), max_packet_bytes=MAX_PACKET_BYTES)
    try:
        receipts, commands = zip(
            *(store.query(partial(_answered, campaign=name)) for name in campaigns), strict=True
        )
    finally:
        store.close()
    return [
        row("trigger committed at the telescope → its receipt committed there", list(receipts),
            scale=_MS, unit="ms", goal=RECEIPT_GOAL_MS),
        row("trigger committed at the telescope → intention to slew committed", list(commands),
            scale=_MS, unit="ms", goal=COMMAND_GOAL_MS),
    ]  # fmt: skip


def _answered(reader: Reader, *, campaign: str) -> tuple[float, float]:
    trigger = next(packet for packet in reader.packets(campaign) if packet.kind == Kind.TRIGGER)
    receipt = next(each for each in reader.receipts(trigger.id) if each.author == _TELESCOPE)
    slewing = next(entry for entry in reader.entries(campaign) if entry.what == What.SLEWING)
    return (
        (receipt.committed - trigger.committed).total_seconds(),
        (slewing.committed - trigger.committed).total_seconds(),
    )


def _between(logbook: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for path in sorted(logbook.glob("*.jsonl")) for line in path.open()]
    frames = [
        line
        for line in lines
        if (line["device"], line["did"]) == ("camera", "expose")
        and line["told"]["frame_type"] == "light"
        and "found" in line
    ]
    camera = [
        (_time(each["ended"]) - _time(each["time"])).total_seconds() - float(each["told"]["exposure_s"])
        for each in frames
    ]
    longest = float(max(each["told"]["exposure_s"] for each in frames))
    ours = [
        (_time(after["time"]) - _time(before["ended"])).total_seconds()
        for before, after in itertools.pairwise(frames)
        if _same_series(before, after) and float(after["told"]["exposure_s"]) == longest
    ]
    return [
        row("end of an exposure → its frame is here (the camera's own)", camera, scale=_MS, unit="ms"),
        row("between exposures of a series, above the camera's own", ours,
            scale=_MS, unit="ms", goal=OVERHEAD_GOAL_MS),
    ]  # fmt: skip


def _same_series(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether nothing but the two exposures was wanted: same filter, same length, nothing moved."""
    soon = _time(after["time"]) - _time(before["ended"]) < timedelta(seconds=10)
    return soon and all(before["told"][what] == after["told"][what] for what in ("filter_name", "exposure_s"))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
