"""Asking an agent something in its own loop, from the thread that speaks to Prefect."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from flows import pool


@pytest.fixture
def agent() -> Iterator[asyncio.AbstractEventLoop]:
    """An agent's loop, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def test_what_was_asked_is_done_to_its_end_when_it_takes_too_long(
    agent: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_ANSWER_S", 0.01)
    goes_on, done = asyncio.Event(), threading.Event()

    async def hold() -> None:
        await goes_on.wait()
        done.set()

    with pytest.raises(TimeoutError):
        await pool.ask(agent, hold)
    agent.call_soon_threadsafe(goes_on.set)
    assert await asyncio.to_thread(done.wait, 60.0)


async def test_an_answer_comes_and_so_does_a_refusal(agent: asyncio.AbstractEventLoop) -> None:
    async def answers() -> str:
        return "held"

    async def refuses() -> str:
        raise LookupError("nobody holds it")

    assert await pool.ask(agent, answers) == "held"
    with pytest.raises(LookupError, match="nobody holds it"):
        await pool.ask(agent, refuses)
