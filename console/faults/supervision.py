"""Agents under supervision: whatever ends one, it is started again, as systemd does on a real site."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from console.children import AgentProcess, Listener
from console.faults.mine import Mine
from followup.clock import Clock


@dataclass(kw_only=True)
class Supervised:
    """One agent that is kept running.

    Attributes
    ----------
    deaths
        Wall times of its ends.
    lives
        How often it was started.
    unasked
        Ends that nobody caused: exit status and last complaint.
    """

    site: str
    arguments: Sequence[str]
    state: Path
    listen: Listener
    wall: Clock
    deaths: list[datetime] = field(default_factory=list)
    lives: int = 0
    unasked: list[str] = field(default_factory=list)
    _process: AgentProcess | None = None
    _armed: Mine | None = None
    _keeping: asyncio.Task[None] | None = None
    _killed: bool = False
    _pause_s: float = 0.0
    _complaint: str = ""
    _online: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def online(self) -> bool:
        """Whether it has said so in this life."""
        return self._online.is_set() and self.pid is not None

    def start(self) -> None:
        """Start it and keep it running."""
        self._keeping = asyncio.create_task(self._keep(), name=f"supervision of {self.site}")

    def arm(self, mine: Mine) -> None:
        """Have its next life begin with a mine."""
        self._armed = mine

    def kill(self, *, pause_s: float = 0.0) -> bool:
        """Kill -9, and start it again after a while; False when it is dead already."""
        pid = self.pid
        if pid is None:
            return False
        self._killed, self._pause_s = True, pause_s
        self._online.clear()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return True

    def signal(self, number: int) -> None:
        """Send it another signal."""
        if (pid := self.pid) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def stop(self, patience_s: float) -> None:
        """Let it end in peace, and stay so."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._process is not None:
            await self._process.stop(patience_s)

    async def _keep(self) -> None:
        while True:
            mine, self._armed = self._armed, None
            self._online.clear()
            self._killed, self._pause_s = False, 0.0
            self._process = AgentProcess(
                self.site,
                self.arguments,
                state=self.state,
                listen=self._hear,
                module=("console",) if mine is None else ("console.faults.mine", mine.text()),
            )
            self.lives += 1
            await self._process.start()
            status = await self._process.ended()
            self._online.clear()
            self.deaths.append(self.wall.now())
            if not (self._killed or (mine is not None and status == -signal.SIGKILL)):
                self.unasked.append(f"{self.site} ended with status {status}: {self._complaint}")
            await asyncio.sleep(self._pause_s)

    def _hear(self, site: str, line: dict[str, Any]) -> None:
        if line.get("event") == "agent.online":
            self._online.set()
        if line.get("level") not in {"DEBUG", "INFO"} or line.get("logger") == "stdout":
            self._complaint = str(line.get("message", ""))
        self.listen(site, line)
