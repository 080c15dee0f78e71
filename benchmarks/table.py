"""Rows of figures, the machine they were measured on, and how both are printed."""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

_FIGURES = frozenset({1, 2, 4, 6})
"""Columns of numbers."""


def row(
    name: str,
    measured: Sequence[float],
    *,
    unit: str,
    scale: float = 1.0,
    peer: Sequence[float] = (),
    against: str = "",
    goal: float | None = None,
) -> dict[str, Any]:
    """Make a row of repeated measurements.

    Parameters
    ----------
    measured
        One value a run.
    scale
        What values are multiplied with to be in `unit`.
    peer
        What the median is set in relation to: the peer's values, measured in the same run.
    against
        Name of the peer.
    goal
        Without a peer: what the median should not exceed, in `unit`.
    """
    value = statistics.median(measured) * scale
    ratio = None
    if peer:
        ratio = value / (statistics.median(peer) * scale)
    elif goal is not None:
        ratio, against = value / goal, f"the goal of {goal:g} {unit}"
    return {
        "name": name,
        "value": round(value, 3),
        "p99": round(percentile(measured, 99.0) * scale, 3),
        "unit": unit,
        "ratio": None if ratio is None else round(ratio, 4),
        "against": against,
        "runs": len(measured),
    }


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of the values that so many percent of them do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100.0) - 1)]


def machine() -> dict[str, Any]:
    """Describe what the figures are measured on, and how busy it is now."""
    kernel = platform.uname()
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": f"{kernel.system} {kernel.release}",
        "python": platform.python_version(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def machine_lines(facts: Mapping[str, Any]) -> list[str]:
    """Write the machine down for people."""
    loads = " ".join(f"{load:.2f}" for load in facts["load_average"])
    return [
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB",
        f"{facts['kernel']}, Python {facts['python']}",
        f"load average at the start {loads}",
    ]


def table_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write rows down as a table for people."""
    head = ("name", "median", "p99", "unit", "ratio", "against", "runs")
    cells = [
        (
            str(r["name"]),
            f"{r['value']:.6g}",
            f"{r['p99']:.6g}" if r.get("p99") is not None else "",
            str(r["unit"]),
            f"×{r['ratio']:.3g}" if r["ratio"] is not None else "",
            str(r["against"]),
            str(r["runs"]),
        )
        for r in rows
    ]
    widths = [max(len(line[column]) for line in (head, *cells)) for column in range(len(head))]
    return [
        "  ".join(
            cell.rjust(width) if number in _FIGURES else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (head, *cells)
    ]


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(found, "") or platform.processor() or platform.machine()
