"""Agents as child processes of a demonstration, and what they say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from console.errors import Complaint
from followup.errors import ConfigurationError

Listener = Callable[[str, dict[str, Any]], None]
"""Takes the name of a site and a line of its log."""

_LINE_LIMIT = 4_000_000
_KEEP_LINES = 20


class AgentProcess:
    """One agent: started like a person starts it, listened to through its log on standard output.

    Parameters
    ----------
    module
        What Python runs with those arguments; by default this program.
    """

    def __init__(
        self,
        site: str,
        arguments: Sequence[str],
        *,
        state: Path,
        listen: Listener,
        module: Sequence[str] = ("console",),
    ) -> None:
        self.site = site
        self._module = module
        self._arguments = (*arguments, "--state", str(state), "--log", "json")
        self._listen = listen
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._online = asyncio.Event()
        self._said: deque[str] = deque(maxlen=_KEEP_LINES)

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        if self._process is None or self._process.returncode is not None:
            return None
        return self._process.pid

    async def start(self) -> None:
        """Start it; its own session keeps a Ctrl-C on our terminal from reaching it before we say so."""
        setpriv = shutil.which("setpriv")
        prefix = [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
        self._process = await asyncio.create_subprocess_exec(
            *prefix, sys.executable, "-m", *self._module, *self._arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=_LINE_LIMIT,
            start_new_session=True,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read(self._process))

    async def online(self) -> None:
        """Return when it is ready for its work.

        Raises
        ------
        ConfigurationError
            When it ended instead.
        """
        waiting = asyncio.create_task(self._online.wait())
        if self._reading is None:
            raise ConfigurationError(f"{self.site} was not started")
        await asyncio.wait({waiting, self._reading}, return_when=asyncio.FIRST_COMPLETED)
        if not self._online.is_set():
            waiting.cancel()
            complaint = Complaint.found_in("\n".join(self._said))
            raise ConfigurationError(
                f"the agent of {self.site} ended: {complaint.message}",
                hint=complaint.hint or "its log has the details",
            )

    async def ended(self) -> int:
        """Return when it has ended and all that it said was heard; give its exit status (`subprocess`)."""
        if self._process is None or self._reading is None:
            raise ConfigurationError(f"{self.site} was not started")
        await asyncio.shield(self._reading)
        return await self._process.wait()

    async def stop(self, patience_s: float) -> None:
        """Ask it to end, and wait; end it by force when it takes too long."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(patience_s):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._reading is not None:
            await self._reading

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        async for raw in process.stdout:
            text = raw.decode(errors="replace").rstrip()
            try:
                line = json.loads(text)
            except ValueError:
                line = {"level": "INFO", "message": text, "logger": "stdout"}
                self._said.append(text)
            if not isinstance(line, dict):
                continue
            if line.get("event") == "agent.online":
                self._online.set()
            self._listen(self.site, line)
        await process.wait()
