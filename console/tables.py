"""How every listing looks: no frame, so that 80 columns go far."""

from __future__ import annotations

from rich import box
from rich.table import Column, Table

NARROW = 100
"""On a terminal narrower than this, listings leave out what can be asked for."""


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
