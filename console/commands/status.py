"""``followup status``: what runs, and what waits for what."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from console.commands.options import JsonOption, StateOption, command, print_json, state_of
from console.control import ask
from console.enrolment import enrolled
from console.errors import explained
from console.screen import listing, name_column, number_column, say, screen
from console.servers import running
from console.state import State, agent_lock
from console.tenure import holder
from followup.errors import ConfigurationError
from followup.names import CSC, RELAY

_ANSWER_S = 10.0
_OWN = {CSC: "telescopes", RELAY: "custody"}
"""What a site's agent is asked beside how its messaging stands; a telescope: ``telescope``."""


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command("status", rich_help_panel=panel)(status)


def status(state: StateOption, as_json: JsonOption = False) -> None:
    """Tell what runs, what waits for a receipt, what has expired, what the relay holds.

    - **waiting**: packets of the site that have no final receipt yet; they are sent again by themselves
    - **expired**: packets whose deadline passed first
    - **quarantined**: what came and could not be believed, kept for inspection
    """
    with explained():
        where = state_of(state)
        if not where.root.is_dir():
            raise ConfigurationError(f"{where.root} does not exist", hint="followup up makes it")
        document = asyncio.run(_document(where))
        if as_json:
            print_json(document)
            return
        servers = document["servers"]
        if servers is None:
            say(f"the embedded servers of {where.root} do not run: {command(where, 'up')}")
        else:
            say("servers: " + ", ".join(f"{server} {pid}" for server, pid in servers.items() if pid))
        if document["sites"]:
            screen().print(_sites(document["sites"]))


def _sites(sites: dict[str, dict[str, Any]]) -> Table:
    counted = map(number_column, ("process", "waiting", "expired", "quarantined"))
    table = listing(name_column("site"), *counted, "more")
    for user, site in sites.items():
        if "waiting_for_receipt" not in site:
            table.add_row(user, str(site["pid"] or "–"), "", "", "", site["more"])
            continue
        counts = (site["waiting_for_receipt"], len(site["expired"]), site["quarantined"])
        table.add_row(user, str(site["pid"]), *map(str, counts), _more(user, site["more"]))
    return table


def _more(user: str, more: dict[str, Any]) -> str:
    """Put in words what else a site's agent says."""
    if user == CSC:
        absent = [telescope for telescope, there in more.items() if not there]
        present = [telescope for telescope, there in more.items() if there]
        said = [f"hears of {', '.join(present)}"] if present else []
        return "; ".join([*said, *([f"not of {', '.join(absent)}"] if absent else [])])
    if user == RELAY:
        held = [f"{campaign} {count}" for campaign, count in more["in_custody"].items()]
        return "in custody: " + (", ".join(held) or "nothing")
    doing = f"observes {more['observing']}" if more["observing"] else "idle"
    still_open = ", ".join(more["campaigns"])
    return f"{doing}, weather {more['weather']}" + (f"; open: {still_open}" if still_open else "")


async def _document(where: State) -> dict[str, Any]:
    found = running(where)
    servers = None
    if found is not None:
        servers = {"servers": found["pid"], "prosody": found.get("prosody"), "prefect": found.get("prefect")}
    folders = [where.root / user for user in (CSC, RELAY, *enrolled(where.csc))]
    here = [folder for folder in folders if folder.is_dir()]
    answers = await asyncio.gather(*map(_ask, here))
    sites = {folder.name: answer for folder, answer in zip(here, answers, strict=True)}
    return {"state": str(where.root), "servers": servers, "sites": sites}


async def _ask(folder: Path) -> dict[str, Any]:
    try:
        site: dict[str, Any] = await ask(folder, "status", timeout_s=_ANSWER_S)
        site["more"] = await ask(folder, _OWN.get(folder.name, "telescope"), timeout_s=_ANSWER_S)
    except ConfigurationError:
        pid = holder(agent_lock(folder))
        return {
            "site": folder.name,
            "pid": pid,
            "more": "its agent is starting" if pid else "its agent is not running",
        }
    return site
