"""A suite on the terminal: each bundle as soon as it is done, and what all came to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console

from console.errors import FAILED, REFUSED
from console.replay.showing import show_verdict
from console.replay.suite import Outcome


def show_suite(outcomes: Iterable[Outcome], console: Console, *, everything: bool = False) -> list[Outcome]:
    """Print outcomes as they come; one that is as recorded takes one line."""
    told = []
    for outcome in outcomes:
        told.append(outcome)
        for verdict in outcome.verdicts:
            show_verdict(verdict, console, everything=everything, brief=True)
        if outcome.problem:
            show_problem(outcome.name, outcome.problem, outcome.hint, console)
    good, unplayed = sum(one.good for one in told), sum(bool(one.problem) for one in told)
    counts = {
        "as recorded": good,
        "not as recorded": len(told) - good - unplayed,
        "cannot be replayed": unplayed,
    }
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    console.print(f"{len(told)} bundles: {said}", markup=False)
    return told


def show_problem(name: str, problem: str, hint: str, console: Console) -> None:
    """Print why a bundle cannot be replayed."""
    told = f" ({hint})" if hint else ""
    console.print(
        f"{name} cannot be replayed: {problem}{told}", style="bold red", markup=False, soft_wrap=True
    )


def status_of(outcomes: Iterable[Outcome]) -> int:
    """Give the exit status that says how a suite came out: the worst of its bundles'."""
    told = list(outcomes)
    if any(outcome.problem for outcome in told):
        return REFUSED
    return 0 if all(outcome.good for outcome in told) else FAILED


def suite_data(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Give a suite for scripts: every verdict, and what could not be replayed."""
    found: list[dict[str, Any]] = []
    for outcome in outcomes:
        found += [{"bundle": outcome.name, **verdict.to_data()} for verdict in outcome.verdicts]
        if outcome.problem:
            said = {"good": False, "problem": outcome.problem, "hint": outcome.hint}
            found.append({"bundle": outcome.name, **said})
    return found
