"""The connection to one `indiserver`, and what its devices have said."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter, deque
from typing import Any

from agents.bell import Bell
from agents.gft.indi.client import IndiClient
from followup.errors import DeviceError

log = logging.getLogger(__name__)

_OPEN_S = 5.0
_CLOSE_S = 5.0
_SEND_S = 10.0
RECONNECT_S = 20.0
"""How long a command waits for a lost connection to come back."""
_KEEP_MESSAGES = 50
_GLANCE_S = 0.5


class Connection:
    """The devices of one server. It is lost and comes back by itself; commands under way then fail.

    Parameters
    ----------
    frames
        Whether the cameras' frames are wanted.

    Attributes
    ----------
    losses
        How often it was lost.
    heard
        How often a device has set a property, by (device, property) and by (device, property, state).
    heard_at
        When a device last said something about a property, by (device, property); monotonic seconds.
    sessions
        How often a device has been lost so far.
    """

    def __init__(self, host: str, port: int, *, frames: bool = True) -> None:
        self.where = f"{host}:{port}"
        self.losses = 0
        self.heard: Counter[tuple[str, ...]] = Counter()
        self.heard_at: dict[tuple[str, str], float] = {}
        self.sessions: Counter[str] = Counter()
        self._bell = Bell()
        self._messages: deque[tuple[int, str, str]] = deque(maxlen=_KEEP_MESSAGES)
        self._serial = 0
        self._closing = False
        self._client = IndiClient(host, port, self._hear, frames=frames)
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect.

        Raises
        ------
        DeviceError
            When no server answers.
        """
        self.start()
        try:
            await self.up(_OPEN_S)
        except DeviceError:
            await self.close()
            raise

    def start(self) -> None:
        """Begin to connect, and try for as long as it takes."""
        self._running = asyncio.create_task(self._client.asyncrun())

    async def close(self) -> None:
        """Disconnect; the devices stay as they are."""
        if self._running is None:
            return
        self._closing = True
        self._client.shutdown()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await asyncio.shield(self._running)
        except TimeoutError:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        self._running = None

    async def up(self, within_s: float | None = None) -> None:
        """Wait for the connection, when it is lost.

        Raises
        ------
        DeviceError
            When it does not come (back) in time.
        """
        try:
            async with asyncio.timeout(RECONNECT_S if within_s is None else within_s):
                while not self._client.connected:
                    await self.news()
        except TimeoutError:
            raise DeviceError(
                "INDI server",
                f"nothing answers at {self.where}",
                hint="start indiserver with the telescope's drivers, or mend host and port in [indi]",
                retriable=True,
            ) from None

    async def news(self) -> None:
        """Wait until any device says anything, but not for long: some conditions come with time alone."""
        await asyncio.wait({self._bell.listen()}, timeout=_GLANCE_S)

    @property
    def serial(self) -> int:
        """Number of the last message."""
        return self._serial

    @property
    def devices(self) -> list[str]:
        """Names of the devices that the server has now."""
        return sorted(name for name, device in self._client.items() if device.enable)

    def property(self, device: str, name: str) -> Any | None:
        """Give a property of a device, as the library keeps it; None while the device does not have it."""
        vector = self._client[device].get(name) if device in self._client else None
        return vector if vector is not None and vector.enable else None

    def said(self, device: str, since: int) -> str:
        """Give the last sentence that a device has said after that message; empty for none."""
        said = [text for serial, name, text in self._messages if name == device and serial > since]
        return said[-1] if said else ""

    async def send(self, device: str, name: str, values: dict[str, str | float]) -> None:
        """Ask for new values of a property.

        Raises
        ------
        DeviceError
            When the server does not take what it is sent.
        """
        try:
            async with asyncio.timeout(_SEND_S):
                await self._client.send_newVector(device, name, members=values)
        except TimeoutError:
            raise DeviceError(
                "INDI server",
                f"{self.where} takes no command within {_SEND_S:.0f} s",
                hint="it hangs: start indiserver again",
                retriable=True,
            ) from None

    def _hear(self, event: Any) -> None:
        device, name, kind = event.devicename or "", event.vectorname or "", event.eventtype
        if kind == "ConnectionLost":
            self.losses += 1
            self.sessions.update(list(self._client))
            if not self._closing:
                log.warning("the connection to the INDI server at %s is lost", self.where)
        elif _is_end(event):
            self.sessions[device] += 1
        text = getattr(event, "message", "")
        if text and device:
            self._serial += 1
            self._messages.append((self._serial, device, _plain(text)))
        if kind in {"Set", "SetBLOB"}:
            self.heard[device, name] += 1
            if event.state:
                self.heard[device, name, event.state] += 1
        if kind in {"Set", "SetBLOB", "Define", "DefineBLOB"}:
            self.heard_at[device, name] = time.monotonic()
        self._bell.ring()


def _is_end(event: Any) -> bool:
    """Whether a device or its driver has gone, with all that it was told."""
    if event.eventtype == "Delete":
        return event.vectorname in {None, "CONNECTION"}
    return bool(
        event.eventtype == "Set" and event.vectorname == "CONNECTION" and event.get("CONNECT") == "Off"
    )


def _plain(text: str) -> str:
    """Take the severity, ``[ERROR] ``, off a driver's message."""
    severity, bracket, sentence = text.partition("] ")
    return sentence if bracket and severity.startswith("[") else text
