"""What people see of a run: its progress, and the table in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from console.faults.campaigns import UNDISTURBED
from console.faults.run import NOT_REACHED, Report
from console.faults.strikes import Fault
from console.faults.verdict import Wrong
from console.screen import listing, number_column

_SHOWN = 20


def progress(console: Console) -> Progress:
    """Make the progress bar."""
    return Progress(
        TextColumn("[bold]followup faults"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=console,
        disable=not console.is_terminal,
    )


def catalogue_table(faults: Sequence[Fault]) -> Table:
    """List what can be struck."""
    table = listing("fault", "where", "shows that")
    for fault in faults:
        table.add_row(fault.name, fault.where, fault.shows)
    return table


def rows(report: Report) -> list[tuple[str, str, int, str]]:
    """Give the table: fault, where, how often, and what came of it."""
    kinds: dict[tuple[str, str], Counter[str]] = {}
    for one in report.rounds:
        kinds.setdefault((one.fault, one.where), Counter())[one.outcome] += 1
    found = []
    for (fault, where), outcomes in sorted(kinds.items()):
        reached = {outcome: count for outcome, count in outcomes.items() if outcome != NOT_REACHED}
        said = "; ".join(
            outcome if len(reached) == 1 else f"{count} {outcome}" for outcome, count in reached.items()
        )
        found.append((fault, where, sum(reached.values()), said or NOT_REACHED))
    return found


def report_table(report: Report) -> Table:
    """Draw the table."""
    table = listing("fault", "where", number_column("times"), "the campaigns ended")
    for fault, where, times, outcome in rows(report):
        style = "" if outcome in {UNDISTURBED, NOT_REACHED} else "red"
        table.add_row(fault, where, str(times), outcome, style=style)
    return table


def markdown(report: Report, *, seed: int) -> str:
    """Write the table as Markdown."""
    kills = sum(one.kill for one in report.rounds)
    head = (
        f"# A run of `followup faults`, seed {seed}\n\n"
        f"{len(report.rounds)} faults, {kills} of them kills at random moments, over {report.campaigns} "
        f"campaigns in {report.wall_s / 60:.0f} minutes: {_sums(report)}. [faults.md](faults.md) tells what "
        "each fault shows.\n\n"
    )
    columns = "| fault | where | times | the campaigns ended |\n|---|---|---:|---|\n"
    return head + columns + "".join(f"| {' | '.join(map(str, row))} |\n" for row in rows(report))


def catalogue_markdown(faults: Sequence[Fault]) -> str:
    """List what can be struck, as Markdown."""
    lines = [f"| {fault.name} | {fault.where} | {fault.shows} |\n" for fault in faults]
    return "| fault | where | shows that |\n|---|---|---|\n" + "".join(lines)


def say(report: Report, console: Console) -> None:
    """Print the table and the sums."""
    console.print(report_table(report))
    for finding in report.findings[:_SHOWN]:
        console.print(f"✗ {finding.wrong}: {finding.campaign}: {finding.text}", style="red", markup=False)
    for note in report.notes[:_SHOWN]:
        console.print(f"✗ {note}", style="red", markup=False)
    kills = sum(one.kill for one in report.rounds)
    console.print(
        f"{'✓' if report.good else '✗'} {len(report.rounds)} faults, {kills} of them random kills, "
        f"{report.campaigns} campaigns in {report.wall_s:.0f} s: {_sums(report)}"
    )


def _sums(report: Report) -> str:
    return ", ".join(f"{report.count(wrong)} {wrong}" for wrong in Wrong)
