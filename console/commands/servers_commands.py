"""``followup up``, ``down``, ``status``: the embedded servers, and how everything stands."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import Annotated, Any

import psutil
import typer
from rich.table import Table

from console.commands.options import JsonOption, PrefectOption, StateOption, print_json, screen, state_of
from console.control import ask
from console.enrolment import enrolled, make_centre
from console.errors import explained
from console.servers import EMBEDDED, embedded, ports_of, running, running_pid
from console.state import State
from followup.errors import ConfigurationError, FollowupError
from followup.names import CSC, RELAY

_UP_S = 120.0
_DOWN_S = 30.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("up")(up)
    app.command("down")(down)
    app.command("status")(status)
    app.command("servers", hidden=True)(servers)


def up(
    state: StateOption,
    prefect: PrefectOption = EMBEDDED,
    xmpp_port: Annotated[int, typer.Option(help="Port of the XMPP server; 0 keeps or chooses one.")] = 0,
    sftp_port: Annotated[int, typer.Option(help="Port of the relay's SFTP store.")] = 0,
    prefect_port: Annotated[int, typer.Option(help="Port of the Prefect server.")] = 0,
) -> None:
    """Start the embedded servers (Prosody, Prefect) in the background.

    The first time it makes the accounts, keys and folders of the science centre and the relay as well.
    """
    with explained():
        where = state_of(state)
        if (pid := running_pid(where)) is not None:
            raise ConfigurationError(f"the servers of {where.root} run already (process {pid})")
        given = {"xmpp": xmpp_port, "sftp": sftp_port, "prefect": prefect_port}
        ports_of(where, wanted={name: port for name, port in given.items() if port})
        arguments = ["servers", "--state", str(where.root), "--prefect", prefect]
        log = where.servers / "servers.log"
        with log.open("ab") as output:
            child = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-m", "console", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + _UP_S
        while running_pid(where) is None:
            if child.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
                child.kill()
                raise ConfigurationError(
                    "the servers did not start: " + " ".join(line.strip() for line in tail),
                    hint=f"read {log}",
                )
            time.sleep(0.1)
        ports = ports_of(where)
        screen().print(f"XMPP on port {ports.xmpp}, SFTP (with the relay) on port {ports.sftp}")
        if prefect == EMBEDDED:
            screen().print(f"Prefect: http://127.0.0.1:{ports.prefect} (ready in some seconds)")
        screen().print("next: followup relay run, followup csc run, followup csc admit gft-NAME")


def servers(state: StateOption, prefect: PrefectOption = EMBEDDED) -> None:
    """Run the embedded servers until told to end: what ``up`` starts."""

    async def stay() -> None:
        where = state_of(state)
        ending = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ending.set)
        async with embedded(where, prefect=prefect) as found:
            await make_centre(where, found)
            await ending.wait()

    with explained():
        asyncio.run(stay())


def down(state: StateOption) -> None:
    """End the embedded servers that ``up`` started. Agents go on, and reconnect when they are back."""
    with explained():
        where = state_of(state)
        pid = running_pid(where)
        if pid is None:
            screen().print(f"no servers of {where.root} are running")
            return
        os.kill(pid, signal.SIGTERM)
        try:
            psutil.Process(pid).wait(timeout=_DOWN_S)
        except psutil.NoSuchProcess:
            pass
        except psutil.TimeoutExpired as error:
            raise FollowupError(f"process {pid} did not end within {_DOWN_S:.0f} s") from error
        screen().print("the servers have ended")


def status(state: StateOption, as_json: JsonOption = False) -> None:
    """Tell what runs, what waits for a receipt, what has expired, what is in the relay's custody."""
    with explained():
        where = state_of(state)
        document = asyncio.run(_status(where))
        if as_json:
            print_json(document)
            return
        table = Table("what", "process", "waiting", "expired", "quarantined", "more")
        for name, pid in (document["servers"] or {}).items():
            table.add_row(f"server {name}", str(pid or "–"), "", "", "", "")
        if not document["servers"]:
            table.add_row("embedded servers", "–", "", "", "", "not running: followup up")
        for name, site in document["sites"].items():
            if site is None:
                table.add_row(name, "–", "", "", "", "its agent is not running")
                continue
            more = ", ".join(f"{key} {value}" for key, value in site.get("more", {}).items() if value)
            table.add_row(
                name,
                str(site["pid"]),
                str(site["waiting_for_receipt"]),
                str(len(site["expired"])),
                str(site["quarantined"]),
                more,
            )
        screen().print(table)


async def _status(where: State) -> dict[str, Any]:
    pids = running(where)
    names = [CSC, RELAY, *enrolled(where.csc)]
    sites: dict[str, Any] = {}
    for name in names:
        folder = where.root / name
        if not folder.is_dir():
            continue
        extra = {CSC: "telescopes", RELAY: "custody"}.get(name, "telescope")
        try:
            sites[name] = await ask(folder, "status", timeout_s=10.0)
            sites[name]["more"] = await ask(folder, extra, timeout_s=10.0)
        except ConfigurationError:
            sites[name] = None
    named = {"servers": pids["pid"], "prosody": pids["prosody"], "prefect": pids["prefect"]} if pids else None
    return {"state": str(where.root), "servers": named, "sites": sites}
