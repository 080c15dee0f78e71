"""The embedded servers of one machine: Prosody and Prefect, with their ports, certificates and accounts."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from console.state import State
from deploy.ca import open_authority, server_certificate
from deploy.prefect import PrefectServer
from deploy.prosody import Prosody
from followup.clock import WallClock
from followup.errors import ConfigurationError

DOMAIN = "followup.localhost"
HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Ports of the embedded servers, the same from one start to the next."""

    xmpp: int
    sftp: int
    prefect: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Servers:
    """The embedded servers, running."""

    prosody: Prosody
    prefect: PrefectServer | None
    ports: Ports
    ca_file: Path


def ports_of(state: State, *, wanted: dict[str, int] | None = None) -> Ports:
    """Return the ports written down for this state; free ones are chosen and written down the first time.

    Raises
    ------
    ConfigurationError
        When the file cannot be read or written.
    """
    path = state.servers / "ports.json"
    kept: dict[str, int] = {}
    try:
        if path.is_file():
            kept = json.loads(path.read_text(encoding="utf-8"))
        chosen = {**_free_ports(), **kept, **(wanted or {})}
        ports = Ports(**chosen)
        if chosen != kept:
            state.servers.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(json.dumps(asdict(ports)) + "\n", encoding="utf-8")
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{path}: {error}", hint="delete it: ports are chosen anew") from error
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename or state.servers}: {error.strerror}",
            hint="choose a folder that can be written with --state, and look at the free space",
        ) from error
    return ports


@contextlib.asynccontextmanager
async def embedded(
    state: State, *, with_prefect: bool = True, wanted: dict[str, int] | None = None
) -> AsyncIterator[Servers]:
    """Run the embedded servers as children of this process, for as long as the context lasts.

    Prefect may still be starting when this returns: nothing waits for it.

    Raises
    ------
    ConfigurationError
        When other servers run on this state, or it cannot be written.
    DeployError
        When a server cannot be started.
    """
    ports = ports_of(state, wanted=wanted)
    running = running_pid(state)
    if running is not None:
        raise ConfigurationError(
            f"the embedded servers of {state.root} run already (process {running})",
            hint="followup down ends them; --state gives this one a folder of its own",
        )
    authority = open_authority(state.servers / "ca", now=WallClock().now())
    names = (DOMAIN, f"pubsub.{DOMAIN}")
    certificate = server_certificate(authority, state.servers / "tls", names, now=WallClock().now())
    prosody = Prosody.embedded(
        state.servers / "prosody",
        domain=DOMAIN,
        port=ports.xmpp,
        certificate=certificate.certificate,
        key=certificate.key,
    )
    prefect = PrefectServer(state.servers / "prefect", port=ports.prefect) if with_prefect else None
    mark = state.servers / "running.json"
    try:
        if prefect is not None:
            await prefect.start()
        await prosody.start()
        pids = {"pid": os.getpid(), "prosody": prosody.pid, "prefect": prefect.pid if prefect else None}
        mark.write_text(json.dumps(pids) + "\n", encoding="utf-8")
        yield Servers(prosody=prosody, prefect=prefect, ports=ports, ca_file=authority.certificate)
    finally:
        mark.unlink(missing_ok=True)
        await prosody.stop()
        if prefect is not None:
            await prefect.stop()


def running(state: State) -> dict[str, Any] | None:
    """Tell which processes run the embedded servers of this state; None when there are none."""
    mark = state.servers / "running.json"
    try:
        pids: dict[str, Any] = json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return pids if psutil.pid_exists(int(pids["pid"])) else None


def running_pid(state: State) -> int | None:
    """Process id of what runs the embedded servers of this state; None when nothing does."""
    pids = running(state)
    return None if pids is None else int(pids["pid"])


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read, all of it or nothing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def _free_ports() -> dict[str, int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for each in sockets:
            each.bind((HOST, 0))
        return dict(
            zip(("xmpp", "sftp", "prefect"), (each.getsockname()[1] for each in sockets), strict=True)
        )
