"""``followup trigger``, ``cancel``, ``campaigns``, ``show``: what the science centre does and knows."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from console import settings
from console.commands.options import JsonOption, StateOption, print_json, state_of
from console.commands.reading import opened_archive, read_packet
from console.control import ask
from console.errors import explained
from console.report import report
from console.screen import NARROW, listing, name_column, number_column, say, screen
from console.showing import show_campaign
from followup.errors import ConfigurationError, FollowupError
from followup.names import CSC, check_burst
from voevent.alert import Alert, build_alert
from voevent.packet import SkyPosition

_TRIGGER_ON = "give a FILE, or --burst with --ra and --dec, or --simulated"


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the commands."""
    for made in (trigger, cancel, campaigns, show):
        app.command(rich_help_panel=panel)(made)


def trigger(
    *,
    state: StateOption,
    file: Annotated[Path | None, typer.Argument(help="A file with an alert (VOEvent: SVOM, GCN, …).")] = None,
    ra: Annotated[float | None, typer.Option(help="Right ascension (ICRS, 0 to 360 degrees).")] = None,
    dec: Annotated[float | None, typer.Option(help="Declination (ICRS, -90 to 90 degrees).")] = None,
    error: Annotated[float, typer.Option(help="Error radius (arcmin).")] = 3.0,
    burst: Annotated[str, typer.Option(help="Name of the burst, with --ra and --dec.")] = "",
    trigger_time: Annotated[
        str, typer.Option("--t0", help="Trigger time, ISO 8601 UTC; now by default.")
    ] = "",
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Draw a burst; simulated telescopes in this state see it.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of the simulated burst.")] = None,
    telescopes: Annotated[
        list[str] | None, typer.Option("--telescope", help="Trigger only this one (may be repeated).")
    ] = None,
    drill: Annotated[bool, typer.Option(help="Make it a drill, even if the alert does not say so.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Trigger telescopes: on an alert from a file, on coordinates, or on a simulated burst.

    The science centre's agent must be running (`followup csc run`). Each telescope gets a trigger of its
    own and has a campaign of its own, named BURST.gft-NAME. An alert that was heard before changes nothing;
    a later one of the same burst refines or retracts it.

    - `followup trigger alert.xml`
    - `followup trigger --burst sb26112201 --ra 102.86 --dec 1.78 --error 3 --telescope gft-spm`
    - `followup trigger --simulated`: a burst goes off in the sky of the simulated telescopes
    """
    with explained():
        where = state_of(state)
        config = settings.read(settings.CscSettings, where.csc)
        now = config.clock().now()
        if len([given for given in (file, ra, simulated) if given not in (None, False)]) > 1:
            raise ConfigurationError("more than one thing to trigger on", hint=_TRIGGER_ON)
        if simulated:
            # Before anything is drawn: is there anybody to trigger?
            asyncio.run(ask(where.csc, "status"))
            from console.simulation import draw_into  # noqa: PLC0415 - only simulations load the simulators

            raw = draw_into(where, now=now, seed=seed)
            drill = True
        elif file is not None:
            raw = read_packet(file).raw
        elif ra is not None and dec is not None and burst:
            alert = Alert(
                burst=_burst(burst),
                trigger_time=_time(trigger_time) if trigger_time else now,
                date=now,
                position=_position(ra, dec, error),
                instrument="coordinates",
                description=f"{burst}: position given by a person",
            )
            raw = build_alert(alert, authority=config.authority, author=CSC, drill=drill).raw
        else:
            raise ConfigurationError("nothing to trigger on", hint=_TRIGGER_ON)
        made = asyncio.run(
            ask(
                where.csc,
                "trigger",
                alert=base64.b64encode(raw).decode("ascii"),
                telescopes=telescopes or None,
                drill=drill,
            )
        )
        if as_json:
            print_json(made)
            return
        for one in made:
            said = f"triggered: {one['ivorn']}" if one["ivorn"] else f"nothing sent: {one['reason']}"
            say(f"{one['campaign']}  {said}")


def cancel(
    campaign: Annotated[str, typer.Argument(help="The campaign, BURST.gft-NAME.")],
    state: StateOption,
    reason: Annotated[str, typer.Option(help="Why; the telescope and the archive are told.")] = "called off",
) -> None:
    """Call a campaign off: its telescope stops, sends what it has, and closes it as aborted.

    Cancelling the campaign's flow run in the Prefect UI does the same. The answer comes later:
    `followup show CAMPAIGN` tells when.
    """
    with explained():
        made = asyncio.run(ask(state_of(state).csc, "call-off", campaign=campaign, reason=reason))
        said = f"called off: {made['ivorn']}" if made["ivorn"] else f"nothing sent: {made['reason']}"
        say(f"{made['campaign']}  {said}")


def campaigns(state: StateOption, as_json: JsonOption = False) -> None:
    """List all campaigns in the science centre's archive.

    `followup archive query` finds some of them; `followup show CAMPAIGN` tells everything about one.
    """
    with explained(), opened_archive(state_of(state)) as archive:
        document = report(archive, verify=False)["campaigns"]
        if as_json:
            print_json(document)
            return
        if not document:
            say("no campaign yet: followup trigger --help tells how they begin")
            return
        console = screen()
        console.print(_campaigns(document, narrow=console.width < NARROW))


def _campaigns(document: Sequence[dict[str, Any]], *, narrow: bool) -> Table:
    where = () if narrow else (name_column("position (deg)"),)
    table = listing(
        name_column("campaign"),
        name_column("T0 (UTC)"),
        *where,
        name_column("outcome"),
        number_column("tasks"),
        Column("why", ratio=1),
    )
    for one in document:
        place = "" if one["ra_deg"] is None else f"{one['ra_deg']:.4f} {one['dec_deg']:+.4f}"
        done = sum(task["outcome"] == "done" for task in one["tasks"])
        table.add_row(
            one["name"],
            (one["trigger_time"] or "")[: 16 if narrow else 19].replace("T", " "),
            *(() if narrow else (place,)),
            one["outcome"] or "open",
            f"{done}/{len(one['tasks'])}",
            one["reason"],
        )
    return table


def show(
    campaign: Annotated[str, typer.Argument(help="The campaign, BURST.gft-NAME.")],
    state: StateOption,
    as_json: JsonOption = False,
) -> None:
    """Show a campaign: its tasks, every packet with its receipts, photometry, files.

    Everything comes from the science centre's archive, so it also works while no agent runs. A packet that
    waits for its receipt says for whose. Copies of the files: `followup archive get CAMPAIGN`.
    """
    with explained(), opened_archive(state_of(state)) as archive:
        record = archive.campaign(campaign)
        if as_json:
            document = report(archive, bursts=[record.burst])
            print_json(_only(document, campaign))
            return
        show_campaign(archive, record, screen())


def _only(document: dict[str, Any], campaign: str) -> dict[str, Any]:
    kept = {
        key: [row for row in rows if row.get("campaign", row.get("name")) == campaign]
        for key, rows in document.items()
        if key in {"campaigns", "packets", "files", "photometry"}
    }
    return {"campaign": kept.pop("campaigns")[0], **kept}


def _burst(name: str) -> str:
    try:
        return check_burst(name)
    except ValueError as error:
        raise FollowupError(str(error), hint="give another --burst") from error


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise FollowupError(f"{text!r} is not a time", hint="write it like 2026-11-22T03:04:05") from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _position(ra: float, dec: float, error_arcmin: float) -> SkyPosition:
    try:
        return SkyPosition(ra_deg=ra, dec_deg=dec, error_radius_deg=error_arcmin / 60)
    except ValueError as error:
        raise FollowupError(str(error), hint="degrees, ICRS; the error radius in arcmin") from error
