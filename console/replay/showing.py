"""A verdict for people: on the terminal, and as the table of a Prefect artifact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Column
from rich.text import Text

from console.replay.parties import Party
from console.replay.verdict import Line, Sameness, Verdict
from console.screen import listing, number_column

_STYLES = {
    Sameness.SAME: "green",
    Sameness.WITHIN: "green",
    Sameness.DIFFERS: "red",
    Sameness.MISSING: "red",
    Sameness.EXTRA: "red",
}
_WORDS = {
    Sameness.SAME: "as then",
    Sameness.WITHIN: "within bounds",
    Sameness.DIFFERS: "differs",
    Sameness.MISSING: "missing",
    Sameness.EXTRA: "new",
}


def headline(verdict: Verdict) -> str:
    """Say in one sentence how it came out."""
    good = sum(line.sameness.good for line in verdict.lines)
    what = f"{verdict.campaign} replayed against {verdict.against}"
    if verdict.good:
        within = sum(line.sameness is Sameness.WITHIN for line in verdict.lines)
        return f"{what}: as recorded ({good} of {len(verdict.lines)} compared, {within} within bounds)"
    faults = f", {len(verdict.faults)} rules broken" if verdict.faults else ""
    return f"{what}: not as recorded ({len(verdict.lines) - good} of {len(verdict.lines)} differ{faults})"


def show_verdict(
    verdict: Verdict, console: Console, *, everything: bool = False, brief: bool = False
) -> None:
    """Print a verdict: every packet, and of each that differs what differs.

    Parameters
    ----------
    everything
        Whether allowed differences are told, too.
    brief
        Whether one that will do is told in one line.
    """
    console.print(headline(verdict), style="green" if verdict.good else "bold red", markup=False)
    if brief and verdict.good:
        return
    for fault in verdict.faults:
        console.print(f"  rule broken: {fault}", style="red", markup=False, soft_wrap=True)
    _section(console, "packets", verdict.packets, everything=everything)
    _section(console, "decisions", verdict.decisions, everything=everything)
    _section(console, "datasets", verdict.datasets, everything=everything)
    reduced = ""
    if verdict.against is Party.GFT:
        share = 100.0 * verdict.reduction_s / verdict.wall_s if verdict.wall_s else 0.0
        reduced = f", of which {verdict.reduction_s:.1f} s ({share:.0f} %) processor time of the reduction"
    console.print(
        f"{verdict.wall_s:.1f} s{reduced}; digest of all that is not time-stamped: {verdict.digest[:16]}",
        markup=False,
    )


def _section(console: Console, title: str, lines: Sequence[Line], *, everything: bool) -> None:
    if not lines:
        return
    timed = any(line.then_s is not None or line.now_s is not None for line in lines)
    times = [number_column("then"), number_column("now")] if timed else []
    table = listing(Column(title, overflow="fold"), *times, "verdict")
    for line in lines:
        said = (_seconds(line.then_s), _seconds(line.now_s)) if timed else ()
        table.add_row(line.what, *said, Text(_WORDS[line.sameness], _STYLES[line.sameness]))
    console.print(table)
    for line in lines:
        for each in line.differences:
            if each.allowed and not everything:
                continue
            mark, style = ("~", "") if each.allowed else ("✗", "red")
            told = (f"  {mark} {line.what}: {each.what}", f"then  {each.recorded}", f"now   {each.replayed}")
            console.print("\n      ".join(told), style=style, markup=False, soft_wrap=True)


def rows(verdict: Verdict) -> tuple[Mapping[str, str], ...]:
    """Give a verdict as the rows of a table."""
    found = [{"what": "rule broken", "verdict": fault, "differences": ""} for fault in verdict.faults]
    found += [
        {
            "what": line.what,
            "verdict": _WORDS[line.sameness],
            "differences": "; ".join(
                f"{each.what}: {each.recorded} → {each.replayed}"
                for each in line.differences
                if not each.allowed
            ),
        }
        for line in verdict.lines
    ]
    return tuple(found)


def _seconds(since: float | None) -> str:
    return "" if since is None else f"{since:+.0f} s"
