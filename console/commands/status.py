"""``followup status``: what runs, and what waits for what."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from console import set_aside
from console.commands.options import JsonOption, StateOption, command, print_json, state_of
from console.control import ask
from console.enrolment import enrolled
from console.errors import explained
from console.screen import listing, name_column, number_column, say, screen
from console.servers import running
from console.settings import SETTINGS
from console.state import State, agent_lock
from console.tenure import holder
from followup.errors import ConfigurationError
from followup.names import CSC, RELAY, TELESCOPE_PREFIX
from messaging.errors import JournalError

_ANSWER_S = 10.0
_OWN = {CSC: "centre", RELAY: "custody"}
"""What a site's agent is asked beside how its messaging stands; a telescope: ``telescope``."""


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command("status", rich_help_panel=panel)(status)


def status(state: StateOption, as_json: JsonOption = False) -> None:
    """Tell what runs, what waits for a receipt, what has expired, what the relay holds.

    - **waiting**: packets of the site that have no final receipt yet; they are sent again by themselves
    - **expired**: packets whose deadline passed first, or whose telescope was revoked
    - **quarantined**: what came and could not be believed, kept for inspection
    - **more**: who is away, what a telescope does, what uploads and downloads wait for, which datasets were
      given up
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
        if servers is None and where.servers.is_dir():
            say(f"the embedded servers of {where.root} do not run: {command(where, 'up')}")
        elif servers is not None:
            say("servers: " + ", ".join(f"{server} {pid}" for server, pid in servers.items() if pid))
        if document["sites"]:
            screen().print(_sites(document["sites"]))
            _advise(where, document["sites"])


def _sites(sites: dict[str, dict[str, Any]]) -> Table:
    counted = map(number_column, ("process", "waiting", "expired", "quarantined"))
    table = listing(name_column("site"), *counted, "more")
    for user, site in sites.items():
        counts = ("", "", "")
        if "waiting_for_receipt" in site:
            counts = (
                str(site["waiting_for_receipt"]), str(len(site["expired"])), str(site["quarantined"])
            )  # fmt: skip
        more = site["more"] if isinstance(site["more"], str) else _more(user, site)
        table.add_row(user, str(site["pid"] or "–"), *counts, more)
    return table


def _advise(where: State, sites: dict[str, dict[str, Any]]) -> None:
    """Say what to do about what the counts tell."""
    if any(site.get("expired") for site in sites.values()):
        say(f"{command(where, 'packet expired')} lists what has expired; it can be sent again")
    if any(site.get("quarantined") for site in sites.values()):
        say(f"{command(where, 'packet quarantine')} tells what was not believed, and why; it did no harm")


def _more(user: str, site: dict[str, Any]) -> str:
    """Put in words what else a site's agent says."""
    own = {CSC: _centre, RELAY: _relay}.get(user, _telescope)
    return "; ".join(part for part in (_away(user, site), *own(site["more"])) if part)


def _away(user: str, site: dict[str, Any]) -> str:
    """Tell whom a site cannot reach now; nobody is said to be away whom it only has not heard of yet."""
    if not site["connected"]:
        return "not connected to the XMPP server"
    if site["hears"].get(RELAY) is False:
        return "relay away"
    if site["hears"].get(CSC) is False:
        return "CSC away" if user == RELAY else f"CSC away, relay holds {site['relayed']}"
    return ""


def _centre(more: dict[str, Any]) -> list[str]:
    said = [
        f"{words} {', '.join(names)}"
        for words, there in (("hears of", True), ("not of", False))
        if (names := [telescope for telescope, heard in more["hears"].items() if heard is there])
    ]
    undelivered = ", ".join(more["undelivered"])
    return [*said, *_waits(more), f"not delivered: {undelivered}" if undelivered else ""]


def _relay(more: dict[str, Any]) -> list[str]:
    held = [f"{campaign} {count}" for campaign, count in more["in_custody"].items()]
    return ["in custody: " + (", ".join(held) or "nothing")]


def _telescope(more: dict[str, Any]) -> list[str]:
    doing = f"observes {more['observing']}" if more["observing"] else "idle"
    still_open = ", ".join(more["campaigns"])
    given_up = ", ".join(more["given_up"])
    return [
        more["people"],
        f"{doing}, weather {more['weather']}",
        f"open: {still_open}" if still_open else "",
        *_waits(more),
        f"given up: {given_up}" if given_up else "",
    ]


def _waits(more: dict[str, Any]) -> list[str]:
    return [f"{dataset}: {why}" for dataset, why in more["waits"].items()]


async def _document(where: State) -> dict[str, Any]:
    found = running(where)
    servers = None
    if found is not None:
        servers = {"servers": found["pid"], "prosody": found.get("prosody"), "prefect": found.get("prefect")}
    # A telescope's own machine knows of no enrolment, but has the telescope's folder.
    telescopes = {path.parent.name for path in where.root.glob(f"{TELESCOPE_PREFIX}*/{SETTINGS}")}
    users = (CSC, RELAY, *sorted(telescopes.union(enrolled(where.csc))))
    here = [where.root / user for user in users if (where.root / user).is_dir()]
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
            **_written(folder),
        }
    return site


def _written(folder: Path) -> dict[str, Any]:
    """Tell what the journal of a site says whose agent does not answer; nothing without one."""
    if not (folder / set_aside.JOURNAL).is_file():
        return {}
    try:
        return set_aside.look(folder, set_aside.waiting)
    except JournalError:
        # Another version's; its agent says so when it is started.
        return {}
