"""One INDI device: connected when it is needed, told what to do, watched until it has done it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

from agents.gft.indi.connection import Connection
from followup.errors import DeviceError

log = logging.getLogger(__name__)

ANSWER_S = 10.0
"""A driver answers within this time, if only to say that it is busy."""
_DEVICE_S = 15.0
"""How long a device may take to connect to its hardware."""
BUSY, ALERT = "Busy", "Alert"


async def _nothing() -> None:
    """Need no setting up."""


class Device:
    """A device of the server.

    Parameters
    ----------
    name
        As the server has it.
    kind
        What operators call it: "mount", "camera", …
    set_up
        What it must be told each time it has been connected.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        kind: str,
        set_up: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        self.connection = connection
        self.name = name
        self.kind = kind
        self._set_up = set_up
        self._connecting = asyncio.Lock()
        self._session = -1

    # --- what it says ---------------------------------------------------------------------------------

    def has(self, prop: str) -> bool:
        """Whether it has a property now."""
        return self.connection.property(self.name, prop) is not None

    def number(self, prop: str, member: str) -> float:
        """Give the value of a number.

        Raises
        ------
        DeviceError
            When the device does not have it now.
        """
        return float(self._member(prop, member).getfloatvalue())

    def lowest(self, prop: str, member: str) -> float:
        """Give the lowest value that a number may have."""
        number = self._member(prop, member)
        return float(number.getfloat(number.min))

    def highest(self, prop: str, member: str) -> float:
        """Give the highest value that a number may have."""
        number = self._member(prop, member)
        return float(number.getfloat(number.max))

    def on(self, prop: str, member: str) -> bool:
        """Whether a switch is on."""
        return bool(self._member(prop, member).membervalue == "On")

    def values(self, prop: str) -> dict[str, Any]:
        """Give all members of a property."""
        return dict(self._property(prop).items())

    def label(self, prop: str, member: str) -> str:
        """Give what a member is called for people."""
        return str(self._member(prop, member).label or "")

    def state(self, prop: str) -> str:
        """Give the state of a property: Idle, Ok, Busy or Alert."""
        return str(self._property(prop).state)

    def age_s(self, *props: str) -> float:
        """How long ago it last said anything about these properties; infinite for never."""
        heard = [self.connection.heard_at.get((self.name, prop)) for prop in props]
        times = [at for at in heard if at is not None]
        return time.monotonic() - max(times) if times else math.inf

    def connected(self) -> bool:
        """Whether the driver has its hardware."""
        vector = self.connection.property(self.name, "CONNECTION")
        return vector is not None and vector["CONNECT"] == "On"

    # --- what it is told ------------------------------------------------------------------------------

    async def ready(self) -> None:
        """Connect and set it up, unless that has been done.

        Raises
        ------
        DeviceError
            When the server is away, has no such device, or the device does not connect.
        """
        async with self._connecting:
            await self.connection.up()
            if not self.connected():
                await self._connect()
            session = self.connection.sessions[self.name]
            if session != self._session:
                await self._set_up()
                self._session = session

    async def tell(self, prop: str, values: dict[str, str | float], *, within_s: float = ANSWER_S) -> None:
        """Ask for new values, and wait until the device has them.

        Raises
        ------
        DeviceError
            When it does not answer, answers Alert, is busy for too long, or goes away.
        """
        await self.ready()
        await self.command(prop, values, within_s=within_s)

    async def command(self, prop: str, values: dict[str, str | float], *, within_s: float = ANSWER_S) -> None:
        """Do what `tell` does for a device that is being set up."""
        since = self.connection.serial
        answered = await self.ask(prop, values)
        what = f"{prop} {', '.join(f'{key} {value}' for key, value in values.items())}"
        await self.wait(answered, min(ANSWER_S, within_s), f"it did not answer to {what}")
        await self.wait(lambda: self.state(prop) != BUSY, within_s, f"it is still busy with {what}")
        if self.state(prop) == ALERT:
            raise self.refusal(prop, since)

    async def ask(self, prop: str, values: dict[str, str | float]) -> Callable[[], bool]:
        """Send new values without waiting; return what tells whether the device has answered since."""
        await self.wait(lambda: self.has(prop), ANSWER_S, f"it has no property {prop}")
        key, heard = (self.name, prop), self.connection.heard
        before = heard[key]
        await self.connection.send(self.name, prop, values)
        return lambda: heard[key] > before

    def switch_to(self, prop: str, member: str) -> dict[str, str | float]:
        """Give the values that turn one switch on and the others of the property off."""
        self._member(prop, member)
        return {name: "On" if name == member else "Off" for name in self._property(prop)}

    def refusal(self, prop: str, since: int) -> DeviceError:
        """Make the error of a property in alert, with what the device has said after a message."""
        return DeviceError(self.kind, self.connection.said(self.name, since) or f"{prop} is in alert")

    async def wait(
        self, done: Callable[[], bool], within_s: float, otherwise: str, *, steady: bool = True
    ) -> None:
        """Wait for something that the device will say.

        Parameters
        ----------
        steady
            Whether it must stay connected meanwhile.

        Raises
        ------
        DeviceError
            When it does not come in time, or the device goes away meanwhile.
        """
        losses, sessions = self.connection.losses, self.connection.sessions[self.name]
        try:
            async with asyncio.timeout(within_s):
                while True:
                    self._check(losses, sessions if steady else None)
                    if done():
                        return
                    await self.connection.news()
        except TimeoutError:
            raise DeviceError(
                self.kind,
                f"{otherwise} within {within_s:.0f} s",
                hint=f"look at {self.name!r} with another INDI client; its driver may have to be restarted",
                retriable=True,
            ) from None

    def _check(self, losses: int, sessions: int | None) -> None:
        if self.connection.losses != losses:
            raise DeviceError(
                self.kind,
                f"the connection to the INDI server at {self.connection.where} was lost",
                hint="is indiserver running?",
                retriable=True,
            )
        if sessions is not None and self.connection.sessions[self.name] != sessions:
            raise DeviceError(
                self.kind,
                f"{self.name!r} has disconnected",
                hint="its driver ended, or lost its hardware: cables, power, the driver's messages",
                retriable=True,
            )

    def _property(self, prop: str) -> Any:
        vector = self.connection.property(self.name, prop)
        if vector is None:
            raise DeviceError(
                self.kind,
                f"{self.name!r} is not connected: it has no property {prop}",
                hint="look at the driver's messages with another INDI client",
                retriable=True,
            )
        return vector

    def _member(self, prop: str, member: str) -> Any:
        try:
            return self._property(prop).member(member)
        except KeyError:
            raise DeviceError(
                self.kind,
                f"{self.name!r} does not know {prop}.{member}",
                hint="this is no driver for such a device: mend its name in [indi]",
            ) from None

    async def _connect(self) -> None:
        known = "CONNECTION"
        try:
            await self.wait(lambda: self.has(known), _DEVICE_S, "it is not there")
        except DeviceError as error:
            there = ", ".join(self.connection.devices) or "none"
            raise DeviceError(
                self.kind,
                f"the INDI server at {self.connection.where} has no device named {self.name!r}",
                hint=f"it has {there}: mend [indi] in site.toml, or start indiserver with its driver",
                retriable=error.retriable,
            ) from error
        if self.connected():
            return
        since = self.connection.serial
        await self.connection.send(self.name, known, {"CONNECT": "On", "DISCONNECT": "Off"})
        await self.wait(
            lambda: self.connected() or self.state(known) == ALERT,
            _DEVICE_S,
            "it did not connect",
            steady=False,
        )
        if not self.connected():
            raise self.refusal(known, since)
        log.info("%s %r is connected", self.kind, self.name)
