"""The same what-if for each bundle of a suite; one that cannot be played keeps no other from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from console.errors import FAILED, REFUSED
from console.replay.showing_suite import show_problem
from console.replay.suite import Problem, tried
from console.replay.whatif.comparison import Comparison
from console.replay.whatif.showing import show_comparison


@dataclass(frozen=True, kw_only=True, slots=True)
class Supposed:
    """What would have become of one bundle: `name` is that of its file."""

    name: str
    found: Comparison | Problem


def suppose_each(bundles: Iterable[Path], play: Callable[[Path], Comparison]) -> Iterator[Supposed]:
    """Play bundles in another world, one after the other (blocking); tell of each as soon as it is done."""
    for bundle in bundles:
        yield Supposed(name=bundle.name, found=tried(bundle, play))


def show_suite(outcomes: Iterable[Supposed], console: Console) -> list[Supposed]:
    """Print comparisons as they come."""
    told = []
    for outcome in outcomes:
        told.append(outcome)
        if isinstance(outcome.found, Problem):
            show_problem(outcome.name, outcome.found.text, outcome.found.hint, console)
        else:
            show_comparison(outcome.found, console)
    unplayed = sum(isinstance(one.found, Problem) for one in told)
    counts = {"compared": len(told) - unplayed, "cannot be replayed": unplayed}
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    console.print(f"{len(told)} bundles: {said}", markup=False)
    return told


def status_of(outcomes: Iterable[Supposed]) -> int:
    """Give the worst exit status of all: one could not be played, or the agent broke a rule."""
    each = [_status(one.found) for one in outcomes]
    return max(each, default=0)


def _status(found: Comparison | Problem) -> int:
    if isinstance(found, Problem):
        return REFUSED
    return FAILED if found.faults else 0


def suite_data(outcomes: Iterable[Supposed]) -> list[dict[str, Any]]:
    """Give a suite for scripts: every comparison, and what could not be played."""
    return [
        {"bundle": one.name, "problem": one.found.text, "hint": one.found.hint}
        if isinstance(one.found, Problem)
        else {"bundle": one.name, **one.found.to_data()}
        for one in outcomes
    ]
