"""The embedded servers of one machine: Prosody and Prefect, with their ports, certificates and accounts."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from console.state import State, replace_file
from console.tenure import HeldError, held, holder
from deploy.ca import open_authority, server_certificate
from deploy.prefect import PrefectServer
from deploy.prosody import Prosody
from followup.clock import WallClock
from followup.errors import ConfigurationError

DOMAIN = "followup.localhost"
HOST = "127.0.0.1"

_PORTS = "ports.json"
_LOCK = "lock"
_MARK = "running.json"
EMBEDDED = "embedded"
NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Ports of the embedded servers, the same from one start to the next."""

    xmpp: int
    sftp: int
    prefect: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Servers:
    """The embedded servers, running.

    Attributes
    ----------
    prefect
        The embedded Prefect server; None when there is none, or a site's own is used.
    prefect_url
        Where the Prefect server is that shows the work; empty for none.
    """

    prosody: Prosody
    prefect: PrefectServer | None
    prefect_url: str
    ports: Ports
    ca_file: Path


def ports_of(state: State, *, wanted: Mapping[str, int] | None = None) -> Ports:
    """Return the ports of the embedded servers: those wanted, else those of the last time, else free ones.

    Raises
    ------
    ConfigurationError
        When the file that has them cannot be read.
    """
    path = state.servers / _PORTS
    kept: dict[str, int] = {}
    try:
        if path.is_file():
            kept = json.loads(path.read_text(encoding="utf-8"))
        return Ports(**{**_free_ports(), **kept, **(wanted or {})})
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{path}: {error}", hint="delete it: ports are chosen anew") from error


@contextlib.asynccontextmanager
async def embedded(
    state: State, *, prefect: str = EMBEDDED, wanted: dict[str, int] | None = None
) -> AsyncIterator[Servers]:
    """Run the embedded servers as children of this process, for as long as the context lasts.

    Prefect may still be starting when this returns: nothing waits for it.

    Parameters
    ----------
    prefect
        ``embedded``, ``none``, or the URL of a Prefect server that runs already.

    Raises
    ------
    ConfigurationError
        When other servers run on this state, or it cannot be written.
    DeployError
        When a server cannot be started. The ports of the last time stay in force then.
    """
    try:
        with held(state.servers / _LOCK):
            async with _running(state, prefect, ports_of(state, wanted=wanted)) as servers:
                yield servers
    except HeldError as error:
        raise ConfigurationError(
            f"the embedded servers of {state.root} run already (process {error.pid})",
            hint="followup down ends them; --state gives other ones a folder of their own",
        ) from error


@contextlib.asynccontextmanager
async def _running(state: State, prefect: str, ports: Ports) -> AsyncIterator[Servers]:
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
    server = PrefectServer(state.servers / "prefect", port=ports.prefect) if prefect == EMBEDDED else None
    url = server.ui_url if server else checked_url(prefect)
    mark = state.servers / _MARK
    try:
        if server is not None:
            await server.start()
        await prosody.start()
        # Not before the servers have their ports: a port in use must not be in the way of the next try.
        replace_file(state.servers / _PORTS, json.dumps(asdict(ports)) + "\n")
        pids = {"pid": os.getpid(), "prosody": prosody.pid, "prefect": server.pid if server else None}
        replace_file(mark, json.dumps(pids) + "\n")
        yield Servers(
            prosody=prosody,
            prefect=server,
            prefect_url=url,
            ports=ports,
            ca_file=authority.certificate,
        )
    finally:
        mark.unlink(missing_ok=True)
        await prosody.stop()
        if server is not None:
            await server.stop()


def mark_ready(state: State) -> None:
    """Write down that the servers of this process have what the sites need."""
    mark = state.servers / _MARK
    pids = json.loads(mark.read_text(encoding="utf-8"))
    replace_file(mark, json.dumps({**pids, "ready": True}) + "\n")


def running(state: State) -> dict[str, Any] | None:
    """Tell which processes run the embedded servers of this state; None when there are none."""
    pid = holder(state.servers / _LOCK)
    if pid is None:
        return None
    try:
        others: dict[str, Any] = json.loads((state.servers / _MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # still starting
        others = {}
    # One that was killed leaves its mark: it says nothing of who starts now.
    return others if others.get("pid") == pid else {"pid": pid}


def running_pid(state: State) -> int | None:
    """Process id of what runs the embedded servers of this state; None when nothing does."""
    return holder(state.servers / _LOCK)


def checked_url(prefect: str) -> str:
    """Return the URL of a Prefect server's UI, without a slash at the end; empty for none."""
    if prefect == NONE:
        return ""
    url = prefect.rstrip("/").removesuffix("/api")
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"{prefect!r} is no Prefect server", hint=f"say {EMBEDDED}, {NONE}, or a URL: http://HOST:4200"
        )
    return url


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _free_ports() -> dict[str, int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for each in sockets:
            each.bind((HOST, 0))
        return dict(
            zip(("xmpp", "sftp", "prefect"), (each.getsockname()[1] for each in sockets), strict=True)
        )
