"""Signs of life for systemd, received as systemd receives them."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from console.watchdog import show_life


@pytest.mark.parametrize("abstract", [False, True])
async def test_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = f"@followup-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind("\0" + name[1:] if abstract else name)
        supervisor.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        monkeypatch.setenv("WATCHDOG_USEC", "30000")
        living = asyncio.create_task(show_life())
        loop = asyncio.get_running_loop()
        for _ in range(3):
            assert await loop.sock_recv(supervisor, 100) == b"WATCHDOG=1"
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)


@pytest.mark.parametrize("given", [{}, {"NOTIFY_SOCKET": "/nowhere"}, {"WATCHDOG_USEC": "1000"}])
async def test_nobody_wants_signs_of_life(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC"):
        monkeypatch.delenv(name, raising=False)
        if name in given:
            monkeypatch.setenv(name, given[name])
    await asyncio.wait_for(show_life(), 5)


async def test_a_supervisor_that_went_is_no_reason_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "absent"))
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    living = asyncio.create_task(show_life())
    async with asyncio.timeout(10):
        while not caplog.records:  # noqa: ASYNC110 - a log has no event to wait for
            await asyncio.sleep(0.01)
    assert not living.done()
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)
