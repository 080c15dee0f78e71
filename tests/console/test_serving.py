"""An agent's process from its beginning to its end, with a messaging that does nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from console.agent import serve
from console.control import ask
from followup.errors import DeviceError


class Bustle:
    """A site and its courier, and what was done there, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user = "gft-spm"
        self.session = SimpleNamespace(ended=self._ended)
        self.did: list[str] = []

    async def _ended(self) -> None:
        self.did.append("ended")

    async def start(self) -> None:
        self.did.append("online")

    async def stop(self) -> None:
        self.did.append("offline")

    async def safe(self) -> None:
        self.did.append("safe")

    async def serve(self, begin: Any) -> None:
        async def echo(arguments: dict[str, Any]) -> Any:
            return arguments

        this = cast("Any", self)
        await serve(this, this, {"echo": echo}, begin=begin, before_end=self.safe)


async def test_what_fails_at_the_beginning_leaves_the_telescope_safe(tmp_path: Path) -> None:
    bustle = Bustle(tmp_path)

    async def begin() -> None:
        raise DeviceError("camera", "it is not there")

    with pytest.raises(DeviceError, match="it is not there"):
        await bustle.serve(begin)
    assert bustle.did == ["safe", "offline"]


async def test_commands_are_answered_before_it_is_online(tmp_path: Path) -> None:
    bustle, go_on = Bustle(tmp_path), asyncio.Event()
    begun = asyncio.Event()

    async def begin() -> None:
        begun.set()
        await go_on.wait()

    serving = asyncio.ensure_future(bustle.serve(begin))
    await begun.wait()
    assert await ask(tmp_path, "echo", said="giveback") == {"said": "giveback"}
    assert bustle.did == []
    go_on.set()
    await serving
    assert bustle.did == ["online", "ended", "safe", "offline"]
