"""The INDI client of `indipyclient`, with the end of the connection noticed at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from indipyclient import IPyClient

_LOOK_S = 0.2


class IndiClient(IPyClient):  # type: ignore[misc]  # indipyclient ships no types
    """Keeps what the server says about its devices, and connects again when the connection is lost.

    Parameters
    ----------
    hear
        Told of every event.
    frames
        Whether the cameras' frames are wanted.
    """

    def __init__(self, host: str, port: int, hear: Callable[[Any], None], *, frames: bool = True) -> None:
        super().__init__(host, port)
        self._hear = hear
        # From every camera, after each of its reconnections.
        self.enableBLOBdefault = "Also" if frames else "Never"
        # Its notices of what it does itself would look as if a device had said them.
        self.enable_reports = False

    async def rxevent(self, event: Any) -> None:
        """Pass an event on."""
        self._hear(event)

    async def hardware(self) -> None:
        """Look whether the server has ended: the library would wait for an answer for 40 s."""
        while not self.stop:
            await asyncio.sleep(_LOOK_S)
            if self._reader is not None and self._reader.at_eof():
                await self._clear_connection()
