"""Custody with a real Prosody and a real relay: an absent centre, a server without its data, a kill."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from console import settings
from console.agent import standing
from console.commands.status import _away
from console.control import ask
from console.state import State
from followup.names import CSC
from tests.console.cli import followup, processes_of, run
from tests.console.parties import CAMPAIGN, GFT, Party, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

MANY = 60


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "state")
    assert run("up", "--state", state.root, "--prefect", "none").status == 0
    assert followup("csc", "admit", GFT, "--state", state.root).status == 0
    yield state
    followup("down", "--state", state.root)
    assert processes_of(state.root) == []


@pytest.fixture
async def parties(state: State, tmp_path: Path) -> AsyncIterator[tuple[Party, Party]]:
    xmpp = settings.read(settings.CscSettings, state.csc).xmpp
    csc = Party(tmp_path / "c", CSC, xmpp, state.csc)
    gft = Party(tmp_path / "g", GFT, xmpp, state.enrolments / GFT)
    await gft.start()
    yield csc, gft
    await gft.stop()


async def relay_says(state: State, **facts: object) -> None:
    """Wait until the relay's agent answers so."""
    async with asyncio.timeout(150):
        while True:
            try:
                said = await ask(state.relay, "status") | await ask(state.relay, "custody")
            except Exception:  # noqa: BLE001 - it is starting
                said = {}
            if facts.items() <= said.items():
                return
            await asyncio.sleep(0.1)


@contextlib.contextmanager
def relay_of(state: State) -> Iterator[subprocess.Popen[bytes]]:
    """Run the relay; its log is in its folder, and nobody reads what it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "console", "relay", "run", "--state", str(state.root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def command(*words: str | Path) -> None:
    done = run(*words)
    assert done.status == 0, done.err


async def test_nothing_in_custody_is_lost(state: State, parties: tuple[Party, Party]) -> None:
    csc, gft = parties
    with ExitStack() as stack:
        relay = stack.enter_context(relay_of(state))
        await relay_says(state, connected=True)

        # The science centre is away for a day.
        await gft.say(MANY)
        await until_held(gft, MANY)
        await until(lambda: gft.session.heard(CSC) is False)
        assert _away(GFT, await standing(gft.site)) == f"CSC away, relay holds {MANY}"
        await csc.start()
        try:
            await until(lambda: len(csc.considered) == MANY)
            assert csc.considered == list(range(1, MANY + 1)), "in order, each once"
            await until_settled(gft)
            await until(lambda: gft.session.heard(CSC))
            assert _away(GFT, await standing(gft.site)) == ""
            await relay_says(state, in_custody={})
        finally:
            await csc.stop()

        # Right after `relayed` the relay is killed, and the server loses everything.
        await gft.say(20)
        await until_held(gft, 20)
        relay.kill()
        command("down", "--state", state.root)
        shutil.rmtree(state.servers / "prosody")
        command("up", "--state", state.root, "--prefect", "none")
        stack.enter_context(relay_of(state))
        csc.considered.clear()
        await csc.start()
        try:
            await until(lambda: len(csc.considered) == 20)
            await until_settled(gft)
            assert csc.considered == list(range(MANY + 1, MANY + 21))

            # The server alone loses everything; all agents live on.
            csc.considered.clear()
            command("down", "--state", state.root)
            shutil.rmtree(state.servers / "prosody")
            await gft.say(20)
            command("up", "--state", state.root, "--prefect", "none")
            await until(lambda: len(csc.considered) == 20)
            await until_settled(gft)
            # What was published before there was a topic, or a subscription, comes after the rest.
            assert sorted(csc.considered) == list(range(MANY + 21, MANY + 41))
            await relay_says(state, in_custody={}, expired=[])
        finally:
            await csc.stop()

        # Nothing waits for a telescope that is revoked; admitted again, it gets what waited.
        await gft.say(3)
        await relay_says(state, in_custody={CAMPAIGN: 3})
        command("csc", "revoke", GFT, "--state", state.root)
        await relay_says(state, in_custody={})
        command("csc", "admit", GFT, "--state", state.root)
        await relay_says(state, in_custody={CAMPAIGN: 3}, expired=[])


async def until_held(gft: Party, count: int) -> None:
    async with asyncio.timeout(150):
        while True:
            if await gft.held_by_the_relay() >= count:
                return
            await asyncio.sleep(0.1)


async def until_settled(gft: Party) -> None:
    async with asyncio.timeout(150):
        while True:
            if not await gft.pending():
                return
            await asyncio.sleep(0.1)
