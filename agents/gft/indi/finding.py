"""Which devices an INDI server has, and what each is good for.

References
----------
INDI: the general property ``DRIVER_INFO``, whose ``DRIVER_INTERFACE`` is a sum of the kinds that a driver is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from agents.gft.indi.connection import Connection

_INTERFACES = {
    "mount": 1 << 0,
    "camera": 1 << 1,
    "filter_wheel": 1 << 4,
    "focuser": 1 << 3,
    "dome": 1 << 5,
    "weather": 1 << 7,
}
_SETTLED_S = 1.0
"""Servers do not say when they have named all: when none came for so long, all have."""
_AT_MOST_S = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundDevice:
    """A device of a server; `roles` are what it can be in ``[indi]``."""

    name: str
    interface: int

    @property
    def roles(self) -> tuple[str, ...]:
        """What it can be."""
        return tuple(role for role, bit in _INTERFACES.items() if self.interface & bit)


async def find_devices(host: str, port: int) -> list[FoundDevice]:
    """List the devices of a server; nothing is connected or changed.

    Raises
    ------
    DeviceError
        When no server answers.
    """
    connection = Connection(host, port)
    await connection.open()
    try:
        loop = asyncio.get_running_loop()
        end, known, since = loop.time() + _AT_MOST_S, -1, loop.time()
        while loop.time() < min(end, since + _SETTLED_S):
            await connection.news()
            named = sum(_interface(connection, name) is not None for name in connection.devices)
            if named != known:
                known, since = named, loop.time()
        found = ((name, _interface(connection, name)) for name in connection.devices)
        return [FoundDevice(name=name, interface=kinds or 0) for name, kinds in found]
    finally:
        await connection.close()


def candidates(role: str, devices: Sequence[FoundDevice]) -> list[str]:
    """Names of those that can be this; who can be the least else comes first (a wheel before a camera)."""
    able = [device for device in devices if role in device.roles]
    return [device.name for device in sorted(able, key=lambda each: (each.interface.bit_count(), each.name))]


def _interface(connection: Connection, device: str) -> int | None:
    vector = connection.property(device, "DRIVER_INFO")
    try:
        return None if vector is None else int(vector["DRIVER_INTERFACE"])
    except (KeyError, ValueError):
        return 0
