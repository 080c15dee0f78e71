"""A pool is shown as alive while a run takes its time, even when the server does not hear it now and then."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from flows import served
from flows.served import Served


async def test_a_sign_of_life_that_fails_is_not_the_last(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(served, "_BEAT_S", 0.0)
    again = asyncio.Event()
    shown: list[object] = []

    async def show_life(client: object) -> None:
        shown.append(client)
        if len(shown) == 1:
            raise ConnectionError("the server is away")
        again.set()

    serving = Served.__new__(Served)
    serving._pool = SimpleNamespace(site="replay", show_life=show_life)  # type: ignore[assignment]
    beating = asyncio.create_task(serving._beat(None))  # type: ignore[arg-type]
    try:
        await asyncio.wait_for(again.wait(), 60.0)
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
    assert "replay could not be shown as alive: the server is away" in caplog.text
