"""``followup up`` and ``down``: the embedded servers."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import psutil
import typer

from console.commands.options import PrefectOption, StateOption, command, state_of
from console.enrolment import make_centre
from console.errors import Complaint, explained
from console.screen import say
from console.servers import EMBEDDED, HOST, embedded, mark_ready, ports_of, running, running_pid
from console.state import State
from followup.errors import ConfigurationError, FollowupError

_UP_S = 120.0
_DOWN_S = 30.0
PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="Its port; 0 keeps that of the last time, or takes a free one.")
]


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the commands."""
    app.command("up", rich_help_panel=panel)(up)
    app.command("down", rich_help_panel=panel)(down)
    app.command("servers", hidden=True)(servers)


def up(
    state: StateOption,
    prefect: PrefectOption = EMBEDDED,
    xmpp_port: PortOption = 0,
    sftp_port: PortOption = 0,
    prefect_port: PortOption = 0,
) -> None:
    """Start the embedded servers (the XMPP server Prosody, and Prefect) in the background.

    The first time it makes the accounts, keys and folders of the science centre and the relay as well.
    The servers listen on this machine only, on the same ports each time. A telescope that was enrolled
    before a port was changed must be told: in its `site.toml`, or by admitting it again.

    Next come `followup relay run`, `followup csc run` and `followup csc admit gft-NAME`.
    """
    with explained():
        where = state_of(state)
        if (pid := running_pid(where)) is not None:
            raise ConfigurationError(
                f"the servers of {where.root} run already (process {pid})",
                hint="followup status tells more; followup down ends them",
            )
        given = {"--xmpp-port": xmpp_port, "--sftp-port": sftp_port, "--prefect-port": prefect_port}
        arguments = ["servers", "--state", str(where.root), "--prefect", prefect]
        arguments += [f"{option}={port}" for option, port in given.items() if port]
        _start(where, arguments)
        ports = ports_of(where)
        say(f"XMPP on port {ports.xmpp}, SFTP (with the relay) on port {ports.sftp}")
        if prefect == EMBEDDED:
            say(f"Prefect: http://{HOST}:{ports.prefect} (ready in some seconds)")
        say(
            "next, each in a terminal of its own:\n"
            f"  {command(where, 'relay run')}\n  {command(where, 'csc run')}\n"
            f"then: {command(where, 'csc admit gft-NAME')}"
        )


def _start(where: State, arguments: list[str]) -> None:
    """Start the process that runs the servers; return when the centre is made.

    Raises
    ------
    ConfigurationError
        When it ends instead, with the reason that it gave. Then nothing of it runs any more.
    """
    child = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "console", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,  # until it is ready; a log could not be written on a full disk
        start_new_session=True,
    )
    try:
        ready = _wait_until_ready(where, child)
    except BaseException:
        # A person has lost patience: half a set of servers helps nobody.
        child.terminate()
        child.wait(_DOWN_S)
        raise
    if not ready:
        _, said = child.communicate()
        complaint = Complaint.found_in(said.decode(errors="replace"))
        raise ConfigurationError(complaint.message, hint=complaint.hint or "try it with another --state")


def _wait_until_ready(where: State, child: subprocess.Popen[bytes]) -> bool:
    """Return whether the servers are ready; False when their process has ended instead."""
    deadline = time.monotonic() + _UP_S
    while child.poll() is None:
        if (running(where) or {}).get("ready"):
            return True
        if time.monotonic() > deadline:
            raise FollowupError(
                f"the servers were not ready within {_UP_S:.0f} s",
                hint=f"is this machine overloaded? The servers' logs are below {where.servers}",
            )
        time.sleep(0.05)
    return False


def servers(
    state: StateOption,
    prefect: PrefectOption = EMBEDDED,
    xmpp_port: PortOption = 0,
    sftp_port: PortOption = 0,
    prefect_port: PortOption = 0,
) -> None:
    """Run the embedded servers until told to end: what `up` starts."""
    given = {"xmpp": xmpp_port, "sftp": sftp_port, "prefect": prefect_port}

    async def stay() -> None:
        where = state_of(state)
        ending = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ending.set)
        wanted = {name: port for name, port in given.items() if port}
        async with embedded(where, prefect=prefect, wanted=wanted) as found:
            await make_centre(where, found)
            _speak_into(where.servers / "servers.log")
            mark_ready(where)
            await ending.wait()

    with explained():
        asyncio.run(stay())


def _speak_into(log: Path) -> None:
    """Have what this process still says go to a file: who started it listens no more."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, sys.stderr.fileno())
    os.close(descriptor)


def down(state: StateOption) -> None:
    """End the embedded servers that `up` started.

    Agents go on with their work, and reconnect when the servers are back.
    """
    with explained():
        where = state_of(state)
        pid = running_pid(where)
        if pid is None:
            say(f"no servers of {where.root} are running")
            return
        os.kill(pid, signal.SIGTERM)
        try:
            psutil.Process(pid).wait(timeout=_DOWN_S)
        except psutil.NoSuchProcess:
            pass
        except psutil.TimeoutExpired as error:
            raise FollowupError(
                f"process {pid} did not end within {_DOWN_S:.0f} s", hint=f"kill {pid} ends it by force"
            ) from error
        say("the servers have ended")
