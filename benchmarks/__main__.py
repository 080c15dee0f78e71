"""Runs the benchmarks and prints their figures: ``python -m benchmarks [--only NAME] [--json FILE]``."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.table import machine, machine_lines, table_lines

NAMES = (
    "roundtrip",
    "throughput",
    "latency",
    "restart",
    "planning",
    "reduction",
    "devices",
    "observing",
    "safety",
    "commands",
    "sftp",
    "replay",
    "demo",
)
"""The modules, in the order in which they run; each offers `run`, which returns rows."""

Run = Callable[[], list[dict[str, Any]]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; return the exit status: 1 when a benchmark failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=NAMES, metavar="NAME",
        help=f"run this one only (may be repeated): {', '.join(NAMES)}",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file, too")
    options = parser.parse_args(arguments)
    facts = machine()
    _print(*machine_lines(facts), "")
    rows, failures = measured({name: _runner(name) for name in options.only or NAMES})
    _print("", *table_lines(rows), *(f"FAILED {name}: {why}" for name, why in failures.items()))
    if options.json is not None:
        document = {"machine": facts, "rows": rows, "failures": failures}
        options.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if failures else 0


def measured(runs: dict[str, Run]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Run benchmarks one after another; give their rows, and of those that failed, why.

    A benchmark that fails says so, and does not keep the others from being run.
    """
    rows: list[dict[str, Any]] = []
    failures: dict[str, str] = {}
    for name, run in runs.items():
        begun = time.monotonic()
        try:
            found = run()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the others are run
            traceback.print_exc()
            failures[name] = f"{type(error).__name__}: {error}"
        else:
            rows += [{"benchmark": name, **row} for row in found]
        _print(f"{name}: {'FAILED' if name in failures else 'done'} after {time.monotonic() - begun:.0f} s")
    return rows, failures


def _runner(name: str) -> Run:
    def run() -> list[dict[str, Any]]:
        # Each loads what it needs only when it is its turn; one that cannot be loaded has failed.
        module = importlib.import_module(f"benchmarks.{name}")
        found: list[dict[str, Any]] = module.run()
        return found

    return run


def _print(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
