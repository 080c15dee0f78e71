"""``followup packet``: looking at packets."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from console.alerting import alert_on, read_time
from console.commands.options import JsonOption, print_json
from console.commands.reading import read_packet
from console.errors import FAILED, explained
from console.screen import listing, say, screen
from followup.errors import ConfigurationError
from voevent.errors import InvalidError
from voevent.notice import read_notice
from voevent.packet import Packet
from voevent.read import kind_of, read
from voevent.validate import violations

packet = typer.Typer(
    no_args_is_help=True,
    help="Look at VOEvent packets: in files, in quarantine, expired ones; send those again. Write an alert.",
)


_AUTHORITY = "followup"

FileArgument = Annotated[Path, typer.Argument(help="A file with one packet.")]


@packet.command("show")
def packet_show(file: FileArgument, as_json: JsonOption = False) -> None:
    """Show what a packet says, and what had to be tolerated to read it.

    VOEvent 1.1, 2.0 and 2.1 are read, of any author; `--json` has the packet's exact text too.
    """
    with explained():
        parsed = read_packet(file)
        if as_json:
            document = dataclasses.asdict(parsed)
            document["raw"] = parsed.raw.decode("utf-8", "replace")
            print_json(document)
            return
        _show(parsed)


@packet.command("validate")
def packet_validate(file: FileArgument, as_json: JsonOption = False) -> None:
    """Hold a packet against the grammar of VOEvent 2.0. Exit status 1 when it breaks it.

    A packet need not be valid to be read: `followup packet show` tells what is tolerated.
    """
    with explained():
        parsed = read_packet(file)
        found = violations(parsed.raw)
        if as_json:
            print_json({"ivorn": parsed.ivorn, "valid": not found, "violations": list(found)})
        elif found:
            screen().print(f"{parsed.ivorn} is not valid VOEvent 2.0:", style="red")
            for violation in found:
                screen().print(f"  {violation}", markup=False)
        else:
            screen().print(f"{parsed.ivorn} is valid VOEvent 2.0", style="green")
        if found:
            raise typer.Exit(FAILED)


@packet.command("alert")
def packet_alert(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    *,
    burst: Annotated[str, typer.Option(help="Name of the burst.")],
    ra: Annotated[float, typer.Option(help="Right ascension (ICRS, 0 to 360 degrees).")],
    dec: Annotated[float, typer.Option(help="Declination (ICRS, -90 to 90 degrees).")],
    trigger_time: Annotated[str, typer.Option("--t0", help="Trigger time, ISO 8601 UTC.")],
    error: Annotated[float, typer.Option(help="Error radius (arcmin).")] = 3.0,
    after: Annotated[float, typer.Option(help="So long after it the alert was given (s).", min=0.0)] = 60.0,
) -> None:
    """Write an alert of which only the coordinates are known, e.g. of a burst of history from its circulars.

    - `followup packet alert alert.xml --burst grb080319b --ra 217.92 --dec 36.30 --t0 2008-03-19T06:12:49`
    """
    with explained():
        time = read_time(trigger_time)
        alert = alert_on(
            burst,
            ra_deg=ra,
            dec_deg=dec,
            error_arcmin=error,
            trigger_time=time.isoformat(),
            now=time + timedelta(seconds=after),
            by="",
            authority=_AUTHORITY,
            drill=False,
        )
        try:
            file.write_bytes(alert.raw)
        except OSError as problem:
            raise ConfigurationError(f"{file} cannot be written: {problem.strerror}") from problem
        say(alert.ivorn)


def _show(parsed: Packet) -> None:
    console = screen()
    table = Table(Column(no_wrap=True), Column(overflow="fold"), show_header=False, box=None, pad_edge=False)
    for name, value in _head(parsed).items():
        table.add_row(name, value)
    console.print(table)
    values = listing("group", "name", Column("value", overflow="fold"), "unit")
    for param in parsed.params:
        values.add_row("", param.name, param.value, param.unit)
    for group in parsed.groups:
        for param in group.params:
            values.add_row(group.name, param.name, param.value, param.unit)
    if values.row_count:
        console.print(values)
    for content in parsed.tables:
        shown = listing(
            *(f"{f.name} ({f.unit})" if f.unit else f.name for f in content.fields), title=content.name
        )
        for row in content.rows:
            shown.add_row(*row)
        console.print(shown)
    for note in parsed.tolerated:
        console.print(f"tolerated: {note}", style="yellow", markup=False)


def _head(parsed: Packet) -> dict[str, Any]:
    head = {
        "IVORN": parsed.ivorn,
        "SHA-256": parsed.sha256,
        "role": str(parsed.role),
        "version": parsed.version,
        "author": parsed.author_ivorn,
        "date": str(parsed.date or "none"),
    }
    if parsed.event_time:
        head["event time"] = parsed.event_time.isoformat()
    if parsed.position:
        p = parsed.position
        radius = "" if p.error_radius_deg is None else f", error radius {p.error_radius_deg * 60:.2f}′"
        head["position"] = f"RA {p.ra_deg:.5f} Dec {p.dec_deg:+.5f} (ICRS, deg){radius}"
    for citation in parsed.citations:
        head[f"cites ({citation.cite})"] = citation.ivorn
    kind = kind_of(parsed)
    if kind is not None:
        header, _ = read(parsed)
        head["kind"] = f"{kind} {header.sequence} of campaign {header.campaign}"
    else:
        try:
            notice = read_notice(parsed)
            head["alert"] = f"burst {notice.burst}, seen by {notice.instrument}"
        except InvalidError as error:
            head["alert"] = f"leads to no trigger: {error}"
    if parsed.description:
        head["description"] = parsed.description
    return head
