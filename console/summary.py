"""The summary at the end of a demonstration."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from console.tables import listing, name_column, number_column


def print_summary(document: Mapping[str, Any], console: Console) -> None:
    """Print what a report says, for people."""
    console.print()
    console.print(_campaigns(document))
    if document["photometry"]:
        console.print(_photometry(document))
    console.print(_figures(document))
    for fault in document["faults"]:
        console.print(f"✗ {fault}", style="red", markup=False)
    if not document["faults"]:
        console.print(
            "✓ every packet has its final receipt, every file is archived with the right checksum, "
            "every flow run ended as it should",
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


def _figures(document: Mapping[str, Any]) -> Table:
    table = Table(Column(no_wrap=True), Column(overflow="fold"), show_header=False, box=None, pad_edge=False)
    delays = [p["delay_s"] for p in document["packets"] if p["delay_s"] is not None]
    received = sum(bool(p["receipt"]) for p in document["packets"])
    spread = f", delay median {statistics.median(delays):.2f} s, worst {max(delays):.2f} s" if delays else ""
    table.add_row("packets", f"{len(document['packets'])}, {received} with their receipt{spread}")
    size = sum(f["bytes"] for f in document["files"])
    good = sum(f["verified"] for f in document["files"])
    table.add_row("files", f"{good} of {len(document['files'])} verified, {size / 1e6:.1f} MB")
    found = pulls(document)
    if found:
        within = sum(abs(pull) <= 3 for pull in found)
        table.add_row(
            "photometry", f"{within} of {len(found)} detections within 3 of their errors of the truth"
        )
    for name, value in document["latency_s"].items():
        if value is not None:
            table.add_row(name.replace("_", " "), f"{value * 1000:.0f} ms")
    table.add_row("wall time", f"{document['wall_s']:.0f} s")
    table.add_row("memory", f"{document['peak_memory_bytes'] / 2**30:.2f} GiB, all processes together")
    runs = document["flow_runs"]
    if runs:
        table.add_row("flow runs", ", ".join(sorted(f"{r['flow']} {r['name']}: {r['state']}" for r in runs)))
    table.add_row("FITS files, plots", document["archive"])
    state = document["state"]
    table.add_row("look again", f"followup campaigns --state {state}")
    if document["prefect_ui"]:
        table.add_row("Prefect UI", f"{document['prefect_ui']} (followup up --state {state} brings it back)")
    chart = _newest(Path(document["archive"]), "finding-chart-*.png")
    if chart:
        table.add_row("a finding chart", chart)
    curve = _newest(Path(document["archive"]), "light-curve-*.png")
    if curve:
        table.add_row("a light curve", curve)
    return table


def _newest(folder: Path, pattern: str) -> str:
    found = sorted(folder.rglob(pattern))
    return str(found[-1]) if found else ""
