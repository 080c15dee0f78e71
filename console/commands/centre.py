"""``followup trigger``, ``cancel``, ``campaigns``, ``show``: what the science centre does and knows."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from console import settings
from console.alerting import alert_on
from console.commands.options import JsonOption, StateOption, print_json, state_of
from console.commands.reading import opened_archive, read_packet
from console.control import ask
from console.errors import explained
from console.report import report
from console.screen import NARROW, listing, name_column, number_column, say, screen
from console.showing import show_campaign
from console.state import State, agent_lock
from console.tenure import holder
from followup.errors import ConfigurationError

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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be sent to whom; needs no agent.")
    ] = False,
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
        if dry_run and simulated:
            raise ConfigurationError("a burst that goes off in the sky is no dry run", hint=_TRIGGER_ON)
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
            raw = alert_on(
                burst,
                ra_deg=ra,
                dec_deg=dec,
                error_arcmin=error,
                trigger_time=trigger_time,
                now=now,
                by="",
                authority=config.authority,
                drill=drill,
            ).raw
        else:
            raise ConfigurationError("nothing to trigger on", hint=_TRIGGER_ON)
        made = _triggered(where, config, raw, telescopes or None, drill=drill, dry_run=dry_run)
        if as_json:
            print_json(made)
            return
        for one in made:
            sent = f"would be sent: {one['says']}" if dry_run else f"triggered: {one['ivorn']}"
            say(f"{one['campaign']}  {sent if one['ivorn'] else 'nothing sent: ' + one['reason']}")


def _triggered(
    where: State,
    config: settings.CscSettings,
    raw: bytes,
    telescopes: Sequence[str] | None,
    *,
    drill: bool,
    dry_run: bool,
) -> list[dict[str, str]]:
    """Have the agent trigger; a dry run does without one."""
    if dry_run and holder(agent_lock(where.csc)) is None:
        from console.rehearsing import rehearsed  # noqa: PLC0415 - it loads the science centre's agent

        sky = config.clock()
        made = rehearsed(where.csc, raw, telescopes, drill=drill, authority=config.authority, sky=sky)
        return [one.facts for one in made]
    answer: list[dict[str, str]] = asyncio.run(
        ask(
            where.csc,
            "trigger",
            alert=base64.b64encode(raw).decode("ascii"),
            telescopes=telescopes,
            drill=drill,
            dry_run=dry_run,
        )
    )
    return answer


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
    """Show a campaign: its tasks, every packet with its receipts, photometry, decisions, files.

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
        if key in {"campaigns", "packets", "files", "photometry", "decisions"}
    }
    return {"campaign": kept.pop("campaigns")[0], **kept}
