"""A comparison for people: on the terminal, and as the table of a Prefect artifact."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Column
from rich.text import Text

from console.replay.whatif.comparison import Comparison, since
from console.screen import listing


def headline(found: Comparison) -> str:
    """Say in one sentence what would have been."""
    then, now = found.then, found.now
    told = f"{found.campaign}, what if {found.supposed}: "
    if not now.frames:
        return f"{told}nothing would have been observed ({then.frames} frames were)"
    was = f"{then.frames} from {since(then.first_s)} on then" if then.frames else "none then"
    return (
        f"{told}{now.frames} frames from {since(now.first_s)} on ({was}), the counterpart measured"
        f" {len(now.measured)} times ({len(then.measured)} then)"
    )


def show_comparison(found: Comparison, console: Console) -> None:
    """Print a comparison; what differs stands out."""
    console.print(headline(found), style="bold", markup=False, soft_wrap=True)
    for remark in found.remarks:
        console.print(f"  {remark}", style="dim", markup=False, soft_wrap=True)
    for fault in found.faults:
        console.print(f"  rule broken: {fault}", style="red", markup=False, soft_wrap=True)
    table = listing("", Column("then", overflow="fold"), Column("what if", overflow="fold"))
    for row in found.rows():
        table.add_row(row.what, Text(row.then), Text(row.now, "" if row.then == row.now else "bold"))
    console.print(table)
    for each in found.decisions:
        told = (f"  decision {each.what}", f"then  {each.recorded}", f"now   {each.replayed}")
        console.print("\n      ".join(told), markup=False, soft_wrap=True)
    console.print(
        f"{found.wall_s:.1f} s, of which {found.reduction_s:.1f} s processor time of the reduction; simulated"
        " frames under a sky made of the record",
        markup=False,
        soft_wrap=True,
    )


def rows(found: Comparison) -> tuple[Mapping[str, str], ...]:
    """Give a comparison as the rows of a table."""
    told = [{"what": row.what, "then": row.then, "what if": row.now} for row in found.rows()]
    told += [
        {"what": f"decision {each.what}", "then": each.recorded, "what if": each.replayed}
        for each in found.decisions
    ]
    told += [{"what": "rule broken", "then": "", "what if": fault} for fault in found.faults]
    return tuple(told)
