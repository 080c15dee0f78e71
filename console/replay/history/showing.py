"""A burst of history for people: on the terminal, and as the table of a Prefect artifact."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from rich.console import Console
from rich.table import Column

from console.replay.history.comparison import Comparison, FilterSummary, Nearest, Recovered
from console.replay.shift import spelt
from console.screen import listing, number_column


def headline(found: Comparison) -> str:
    """Say in one sentence what came of it."""
    who = f"{found.burst} with {found.telescope}"
    if not found.accepted:
        last = found.answers[-1] if found.answers else "no trigger was answered"
        return f"{who}: not observed ({last})"
    measured = sum(point.residual is not None for point in found.points)
    limits = sum(point.limit for point in found.points)
    first = "nothing measured" if found.first_s is None else f"the first at T0 {found.first_s:+.0f} s"
    return f"{who}: {measured} magnitudes and {limits} limits, {first}"


def show_history(found: Comparison, console: Console) -> None:
    """Print what was recovered, point by point and filter by filter."""
    console.print(headline(found), style="bold", markup=False, highlight=False)
    later = f", {spelt(timedelta(seconds=found.shift_s))} from history" if found.shift_s else ""
    console.print(f"T0 {found.trigger_time:%Y-%m-%d %H:%M:%S} UTC{later}", markup=False, highlight=False)
    for answer in found.answers:
        console.print(f"  {answer}", markup=False, highlight=False, soft_wrap=True)
    for text in found.unheeded:
        console.print(f"  no trigger: {text}", markup=False, highlight=False, soft_wrap=True)
    if found.points:
        console.print(_points(found))
        console.print(_filters(found))
    if found.unmeasured:
        console.print(
            f"neither magnitude nor limit: {', '.join(found.unmeasured)}", markup=False, highlight=False
        )
    if found.counterpart_off_arcsec is not None:
        console.print(
            f"counterpart found {found.counterpart_off_arcsec:.2f} arcsec from its true place",
            highlight=False,
        )
    if found.outcome:
        console.print(found.outcome, markup=False, highlight=False, soft_wrap=True)
    left = ", ".join(f"{count} {reason}" for reason, count in found.left_out.items())
    console.print(
        f"{found.published} published points used" + (f"; left out: {left}" if left else ""),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for fault in found.faults:
        console.print(f"  ✗ {fault}", style="red", markup=False, soft_wrap=True)


def rows(found: Comparison) -> tuple[Mapping[str, str], ...]:
    """Give the points as the rows of a table."""
    return tuple(
        {
            "T0 +": f"{point.t_s:.0f} s",
            "filter": point.filter,
            "recovered": _measured(point),
            "sky": _sky(point),
            "residual": _signed(point.residual),
            "pull": _signed(point.pull, 1),
            "published": _published(point.nearest),
            "difference": _signed(point.nearest.residual if point.nearest else None),
        }
        for point in found.points
    )


def _points(found: Comparison) -> object:
    table = listing(
        number_column("T0 +"),
        "filter",
        number_column("recovered"),
        number_column("sky"),
        number_column("residual"),
        number_column("pull"),
        Column("published", overflow="fold"),
        number_column("difference"),
    )
    for row in rows(found):
        table.add_row(*row.values())
    return table


def _filters(found: Comparison) -> object:
    table = listing(
        "filter",
        number_column("measured"),
        number_column("limits"),
        number_column("mean residual"),
        number_column("scatter"),
        number_column("chi²"),
        number_column("mean difference"),
    )
    for each in found.filters:
        table.add_row(*_summary(each))
    return table


def _summary(each: FilterSummary) -> tuple[str, ...]:
    return (
        each.filter,
        str(each.measured),
        str(each.limits),
        _signed(each.mean_residual),
        "" if each.scatter is None else f"{each.scatter:.3f}",
        f"{each.chi2:.1f}" if each.measured else "",
        _signed(each.mean_published),
    )


def _measured(point: Recovered) -> str:
    if point.limit:
        return f"> {point.mag:.2f}{' (missed)' if point.missed else ''}"
    return f"{point.mag:.3f} ± {point.mag_err or 0.0:.3f}"


def _sky(point: Recovered) -> str:
    if point.sky_mag is None:
        return ""
    return f"{'~' if point.extrapolated else ''}{point.sky_mag:.3f}"


def _published(near: Nearest | None) -> str:
    if near is None:
        return ""
    return f"{near.band} {near.mag:.2f} ± {max(0.01, near.mag_err):.2f} at {near.t_s:.0f} s"


def _signed(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:+.{digits}f}"
