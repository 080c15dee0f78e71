"""``followup gft plan``: a dry run at the telescope."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column

from console import settings
from console.alerting import alert_on, read_time
from console.commands.options import JsonOption, StateOption, print_json, state_of
from console.commands.people import check
from console.commands.reading import read_packet
from console.errors import explained
from console.screen import listing, name_column, number_column, say, screen
from followup.errors import ConfigurationError
from voevent.packet import Packet

if TYPE_CHECKING:
    from console.dry_planning import DryPlan

_PLAN_ON = "give a FILE, or --ra and --dec"


def plan(
    *,
    name: Annotated[str, typer.Argument(help="The telescope, gft-NAME.")],
    file: Annotated[Path | None, typer.Argument(help="A file with an alert (VOEvent: SVOM, GCN, …).")] = None,
    state: StateOption,
    ra: Annotated[float | None, typer.Option(help="Right ascension (ICRS, 0 to 360 degrees).")] = None,
    dec: Annotated[float | None, typer.Option(help="Declination (ICRS, -90 to 90 degrees).")] = None,
    error: Annotated[float, typer.Option(help="Error radius (arcmin).")] = 3.0,
    trigger_time: Annotated[
        str, typer.Option("--t0", help="Trigger time, ISO 8601 UTC; the time of the plan by default.")
    ] = "",
    at: Annotated[str, typer.Option(help="Plan as if it were then (ISO 8601 UTC); now by default.")] = "",
    picture: Annotated[
        Path | None, typer.Option(help="File for the visibility plot (PNG).", show_default="none is drawn")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what a telescope would do on an alert: its answer, its plan, and why. Nothing is sent or moved.

    It is planned from the settings in the telescope's folder; no agent need run. Exit status 1: it would
    refuse.

    - `followup gft plan gft-spm alert.xml --picture tonight.png`
    - `followup gft plan gft-spm --ra 102.86 --dec 1.78 --at 2026-12-24T03:00:00`
    """
    with explained():
        from console.dry_planning import dry_plan  # noqa: PLC0415 - planning loads astropy

        folder = state_of(state).telescope(check(name))
        config = settings.read(settings.TelescopeSettings, folder)
        time = read_time(at) if at else config.clock().now()
        if (file is None) == (ra is None or dec is None):
            raise ConfigurationError("one thing to plan for is needed", hint=_PLAN_ON)
        alert: Packet
        if file is not None:
            alert = read_packet(file)
        else:
            alert = alert_on(
                "dry-run",
                ra_deg=ra or 0.0,
                dec_deg=dec or 0.0,
                error_arcmin=error,
                trigger_time=trigger_time,
                now=time,
                by="",
                authority=config.authority,
                drill=True,
            )
        made = asyncio.run(dry_plan(folder, alert, time))
        if picture is not None and made.picture:
            picture.write_bytes(made.picture)
        if as_json:
            print_json(made.to_data())
        else:
            _show(made, picture)
        if not made.answer.accepted:
            raise typer.Exit(1)


def _show(made: DryPlan, picture: Path | None) -> None:
    console = screen()
    word = "would accept" if made.answer.accepted else "would refuse"
    name, burst = made.trigger.telescope, made.trigger.burst
    say(f"{name} {word} {burst} at {made.now:%Y-%m-%d %H:%M:%S} UTC: {made.answer.reason}", style="bold")
    if made.plan is not None and made.plan.tasks:
        table = listing(
            name_column("task"), name_column("start (UTC)"), "filters", name_column("exposures"),
            number_column("airmass"),
        )  # fmt: skip
        for task in made.plan.tasks:
            table.add_row(
                f"{task.task_id} {task.epoch}", f"{task.start:%Y-%m-%d %H:%M:%S}", " ".join(task.filters),
                f"{task.count} × {task.exposure_s:g} s", f"{task.airmass:.2f}",
            )  # fmt: skip
        console.print(table)
    elif made.plan is not None:
        say(f"but nothing could be observed: {made.plan.reason}")
    why = listing(name_column("rule"), Column("decision", ratio=2), Column("values", ratio=1), title="why")
    for each in made.decisions:
        why.add_row(each.rule, each.text, ", ".join(f"{k} {v}" for k, v in sorted(each.values.items())))
    console.print(why)
    if picture is not None:
        say(f"visibility: {picture}" if made.picture else "there is no night to draw")
