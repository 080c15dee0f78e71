"""How everything looks on a terminal of 80 columns or more, and in a pipe."""

from __future__ import annotations

import os

from rich import box
from rich.console import Console
from rich.table import Column, Table

_WIDE = 160
NARROW = 100
"""On a terminal narrower than this, listings leave out what can be asked for."""


def screen() -> Console:
    """Return the console for people; it drops colours by itself where there are none."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        # A file or a pipe has no edge: nothing need be cut.
        console.width = _WIDE
    return console


def say(text: str, *, style: str = "") -> None:
    """Print a sentence for people. Long lines are not broken: commands and paths in them can be copied."""
    screen().print(text, style=style, markup=False, soft_wrap=True)


def listing(*columns: Column | str, title: str = "") -> Table:
    """Make a table with these columns."""
    return Table(
        *columns,
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )


def name_column(header: str) -> Column:
    """Make a column of names, which are never broken: they can be copied."""
    return Column(header, no_wrap=True, overflow="fold")


def number_column(header: str) -> Column:
    """Make a column of numbers."""
    return Column(header, no_wrap=True, justify="right")
