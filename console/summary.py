"""The summary at the end of a demonstration."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from console.screen import listing, name_column, number_column


def print_summary(document: Mapping[str, Any], console: Console) -> None:
    """Print what a report says, for people."""
    console.print()
    console.print(_campaigns(document))
    if document["photometry"]:
        console.print(_photometry(document))
    for what, said in _figures(document):
        # One line each, however long: paths and commands can be copied.
        console.print(f"{what:<20}{said}", markup=False, soft_wrap=True)
    console.print()
    for fault in document["faults"]:
        console.print(f"✗ {fault}", style="red", markup=False)
    if not document["faults"]:
        console.print(
            "✓ every packet has its final receipt, every file is archived with the right checksum"
            + (", every flow run ended as it should" if document["flow_runs"] else ""),
            style="green",
        )


def pulls(document: Mapping[str, Any]) -> list[float]:
    """Give (measured - true) / error of every detection."""
    return [
        (p["mag"] - p["true_mag"]) / p["mag_err"]
        for p in document["photometry"]
        if not p["limit"] and p["true_mag"] is not None and p["mag_err"]
    ]


def _campaigns(document: Mapping[str, Any]) -> Table:
    table = listing(
        name_column("campaign"),
        name_column("outcome"),
        number_column("tasks"),
        Column("why", ratio=1),
        title="campaigns",
    )
    for campaign in document["campaigns"]:
        done = sum(task["outcome"] == "done" for task in campaign["tasks"])
        table.add_row(
            campaign["name"],
            campaign["outcome"] or "open",
            f"{done}/{len(campaign['tasks'])}",
            campaign["reason"],
        )
    return table


def _photometry(document: Mapping[str, Any]) -> Table:
    table = listing(
        name_column("campaign"),
        number_column("T − T0 (s)"),
        "filter",
        number_column("AB mag"),
        number_column("true"),
        number_column("pull"),
        title="photometry against the truth",
    )
    for p in document["photometry"]:
        mag = f"> {p['mag']:.2f}" if p["limit"] else f"{p['mag']:.2f} ± {p['mag_err']:.2f}"
        true = "" if p["true_mag"] is None else f"{p['true_mag']:.2f}"
        pull = ""
        if p["true_mag"] is not None and p["mag_err"] and not p["limit"]:
            pull = f"{(p['mag'] - p['true_mag']) / p['mag_err']:+.1f}"
        table.add_row(p["campaign"], f"{p['t_s']:.0f}", p["filter"], mag, true, pull)
    return table


def _figures(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give what a line each says: its name, and the rest."""
    delays = [p["delay_s"] for p in document["packets"] if p["delay_s"] is not None]
    received = sum(bool(p["receipt"]) for p in document["packets"])
    spread = f", delay median {statistics.median(delays):.2f} s, worst {max(delays):.2f} s" if delays else ""
    yield "packets", f"{len(document['packets'])}, {received} with their receipt{spread}"
    size = sum(f["bytes"] for f in document["files"])
    good = sum(f["verified"] for f in document["files"])
    yield "files", f"{good} of {len(document['files'])} verified, {size / 1e6:.1f} MB"
    found = pulls(document)
    if found:
        within = sum(abs(pull) <= 3 for pull in found)
        yield "photometry", f"{within} of {len(found)} detections within 3 of their errors of the truth"
    for latency, value in document["latency_s"].items():
        if value is not None:
            yield latency.replace("_", " "), f"{value * 1000:.0f} ms"
    yield "wall time", f"{document['wall_s']:.0f} s"
    yield "memory", f"{document['peak_memory_bytes'] / 2**30:.2f} GiB, all processes together"
    runs = Counter(f"{run['flow']} {run['state']}" for run in document["flow_runs"])
    if runs:
        yield "flow runs", ", ".join(f"{count} {run}" for run, count in sorted(runs.items()))
    yield "FITS files, plots", document["archive"]
    for what, pattern in (("a finding chart", "finding-chart-*.png"), ("a light curve", "light-curve-*.png")):
        newest = _newest(Path(document["archive"]), pattern)
        if newest:
            yield what, newest
    state = document["state"]
    yield "look again", f"followup campaigns --state {state}"
    if document["prefect_ui"]:
        yield "Prefect UI", f"{document['prefect_ui']} (followup up --state {state} brings it back)"


def _newest(folder: Path, pattern: str) -> str:
    found = sorted(folder.rglob(pattern))
    return str(found[-1]) if found else ""
