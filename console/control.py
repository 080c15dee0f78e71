"""How a command speaks to a running agent of the same site: JSON lines over a Unix socket in its folder.

Only the user who runs the agent can open the socket (its folder has mode 0700).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from followup.errors import ConfigurationError, FollowupError

log = logging.getLogger(__name__)

Command = Callable[[dict[str, Any]], Awaitable[Any]]
_LIMIT_BYTES = 4_000_000
_NAME = "control.sock"


@contextlib.contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """Give a path of the socket that fits into the 108 bytes of its address, however deep it lies."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{_NAME}"
    finally:
        os.close(descriptor)


class Control:
    """Answers commands given to an agent.

    Parameters
    ----------
    folder
        The site's folder; the socket lies in ``run/`` below it.
    commands
        What can be asked: coroutine functions from a dictionary of arguments to something JSON can hold.
    """

    def __init__(self, folder: Path, commands: Mapping[str, Command]) -> None:
        self._folder = folder / "run"
        self._commands = commands
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the socket."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        (self._folder / _NAME).unlink(missing_ok=True)
        with _short_path(self._folder) as path:
            self._server = await asyncio.start_unix_server(self._accept, path, limit=_LIMIT_BYTES)

    async def stop(self) -> None:
        """Close the socket, and hang up on who still waits for an answer."""
        if self._server is None:
            return
        self._server.close()
        (self._folder / _NAME).unlink(missing_ok=True)
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                await self._converse(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await asyncio.wait_for(reader.readline(), timeout=10.0))
            answer = await self._answer(request["command"], request.get("arguments", {}))
        except (ValueError, KeyError, TypeError, TimeoutError) as error:
            answer = {"error": f"not a command: {error}", "hint": ""}
        writer.write(json.dumps(answer, default=str).encode() + b"\n")
        await writer.drain()

    async def _answer(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        command = self._commands.get(name)
        if command is None:
            return {"error": f"this agent knows no command {name!r}", "hint": "is it of the same version?"}
        try:
            return {"answer": await command(arguments)}
        except FollowupError as error:
            return {"error": str(error), "hint": error.hint}
        except Exception as error:
            log.exception("command %s failed", name)
            return {"error": f"{name} failed: {error}", "hint": "the agent's log has the details"}


async def ask(folder: Path, command: str, *, timeout_s: float = 30.0, **arguments: Any) -> Any:
    """Give a command to the agent whose site folder is `folder`.

    Raises
    ------
    ConfigurationError
        When no agent answers there.
    FollowupError
        What the agent has against the command.
    """
    run = folder / "run"
    try:
        with _short_path(run) as path:
            reader, writer = await asyncio.open_unix_connection(path, limit=_LIMIT_BYTES)
    except OSError as error:
        raise ConfigurationError(
            f"no agent of {folder.name} is running (nothing answers in {run})",
            hint=f"start it: followup {_run_command(folder.name)}",
        ) from error
    try:
        request = json.dumps({"command": command, "arguments": arguments}, default=str)
        writer.write(request.encode() + b"\n")
        await writer.drain()
        line = await asyncio.wait_for(reader.readline(), timeout=timeout_s)
    except TimeoutError as error:
        raise FollowupError(
            f"the agent of {folder.name} did not answer {command!r} within {timeout_s:g} s",
            hint="look at its log",
        ) from error
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    if not line:
        raise FollowupError(f"the agent of {folder.name} hung up on {command!r}", hint="look at its log")
    answer = json.loads(line)
    if "error" in answer:
        raise FollowupError(answer["error"], hint=answer["hint"])
    return answer["answer"]


def _run_command(site: str) -> str:
    if site == "csc":
        return "csc run"
    return "relay run" if site == "csc-ftp" else f"gft run {site}"
