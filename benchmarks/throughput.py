"""How many packets a second two agents acknowledge durably, against bare stanzas with receipts, and Comet.

Through one real Prosody, pipelined: all packets are there to be sent at once. Both sides commit them with
full synchronisation, before they are sent and before they are answered. The bare stanzas carry as many bytes
through the same server and sessions and get a short answer, without any journal; their rounds alternate with
those of the packets, so that whatever else the machine does is in both.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks import comet
from benchmarks.exchange import (
    AUTHORITY,
    BARE,
    PEER,
    TELESCOPE,
    Direct,
    PromptDesk,
    elsewhere,
    opened,
    server,
    session,
    site,
)
from benchmarks.table import row
from benchmarks.talk import CAMPAIGNS, Bare, of_size, pipelined, say
from followup.clock import WallClock
from followup.names import CSC
from messaging.author import Author
from messaging.journal import Journal
from messaging.records import ToUser
from messaging.transaction import Transaction
from voevent.build import build
from voevent.kinds import Content, Header, ReceiptOutcome, Status
from voevent.packet import Packet, PacketId

PACKETS = 1000
"""In each round; far more than may wait for an answer."""
ROUNDS = 5
THROUGH_RELAY = 300
BACKLOG = 5000
EVENTS = 300
"""Submitted to Comet in each round."""

GOAL_PER_S = 300.0
GOAL_OF_BARE = 0.5
GOAL_GROWTH_MIB = 64.0

_MIB = 2.0**20
_TOGETHER = 250
_LOOK_S = 0.05


def run() -> list[dict[str, Any]]:
    """Measure; returns rows with name, value, p99, unit, ratio, against and runs.

    Raises
    ------
    DeployError
        When Prosody is missing or does not start.
    TimeoutError
        When an answer does not come.
    """
    return asyncio.run(_run())


async def _run() -> list[dict[str, Any]]:
    # In the ordinary folder for temporary files: synchronising to the disk is a part of what is measured.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with server(folder):
            made, content, rate_per_s = await _two_agents(folder)
            made += await _backlog(folder, content, rate_per_s)
            made += await _through_the_relay(folder, content)
        return made + await _comet(folder, content)


async def _two_agents(folder: Path) -> tuple[list[dict[str, Any]], Status, float]:
    """Count packets a second between two agents, against bare stanzas with receipts."""
    desk = PromptDesk()
    packets, single, bare = [], [], []
    async with (
        elsewhere(folder, PEER, "receipt"),
        site(folder, TELESCOPE, desk, rules=Direct.between(TELESCOPE)) as telescope,
        opened(session(folder, BARE)) as stanzas,
    ):
        echo = Bare(stanzas)
        content = await of_size(telescope, to=CSC)
        like = await say(telescope, content, to=CSC)
        for _ in range(ROUNDS):
            bare.append(await echo.pipelined(like, PACKETS))
            packets.append(await pipelined(telescope, desk, content, PACKETS, to=CSC))
            single.append(await pipelined(telescope, desk, content, PACKETS, to=CSC, campaigns=1))
    durable = "durably acknowledged packets between two agents"
    rates = partial(row, unit="1/s")
    rows = [
        rates("bare stanzas, each with a receipt", bare),
        rates(durable, packets, peer=bare, against=f"bare stanzas (goal ×{GOAL_OF_BARE:g})"),
        rates(durable, packets, peer=[GOAL_PER_S], against=f"the goal of {GOAL_PER_S:g} 1/s"),
        rates(f"{durable}, of one campaign", single, peer=bare, against="bare stanzas"),
    ]
    return rows, content, statistics.median(packets)


async def _through_the_relay(folder: Path, content: Content) -> list[dict[str, Any]]:
    """Count packets a second on the whole way: custody, topic, science centre, and the receipts back."""
    desk = PromptDesk()
    _forget(folder)
    async with elsewhere(folder, "relay", CSC), site(folder, TELESCOPE, desk) as telescope:
        rates = [await pipelined(telescope, desk, content, THROUGH_RELAY) for _ in range(ROUNDS)]
    return [row("packets acknowledged by the CSC through the relay", rates, unit="1/s")]


async def _backlog(folder: Path, content: Content, steady: float) -> list[dict[str, Any]]:
    """Drain what gathered while nobody was there: how fast, and in how much memory."""
    _forget(folder)
    ids = await _gathered(folder, content)
    desk = PromptDesk()
    awaited = [desk.awaited(packet, ReceiptOutcome.ACCEPTED) for packet in ids]
    async with elsewhere(folder, PEER), _watched() as growth:
        begun = time.perf_counter()
        async with site(folder, TELESCOPE, desk, rules=Direct.between(TELESCOPE)):
            await asyncio.gather(*awaited)
        rate_per_s = len(ids) / (time.perf_counter() - begun)
    return [
        row(
            f"a backlog of {len(ids)} packets, drained", [rate_per_s], unit="1/s",
            peer=[steady], against="the steady rate",
        ),
        row("memory that grows meanwhile, of sender or receiver", growth, unit="MiB", goal=GOAL_GROWTH_MIB),
    ]  # fmt: skip


def _forget(folder: Path) -> None:
    """Remove the journals of what was measured before."""
    for file in folder.glob("*.sqlite*"):
        file.unlink()


async def _gathered(folder: Path, content: Content) -> list[PacketId]:
    """Write packets that nobody sends yet."""
    wall = WallClock()
    author = Author(site=TELESCOPE, authority=AUTHORITY, sky=wall)

    def work(transaction: Transaction, campaign: str) -> Packet:
        return author.compose(transaction, campaign, content, to=ToUser(CSC), drill=True)

    journal = Journal.open(folder / f"{TELESCOPE}.sqlite", wall=wall)
    try:
        written: list[PacketId] = []
        for first in range(0, BACKLOG, _TOGETHER):
            works = [
                partial(work, campaign=CAMPAIGNS[number % len(CAMPAIGNS)])
                for number in range(first, min(first + _TOGETHER, BACKLOG))
            ]
            written += [packet.id for packet in await asyncio.gather(*map(journal.write, works))]
        return written
    finally:
        journal.close()


@contextlib.asynccontextmanager
async def _watched() -> AsyncIterator[list[float]]:
    """Watch the memory of this process and its Python children; the list gets how much each grew, at most."""
    me = psutil.Process()
    watched = [me, *(child for child in me.children() if "python" in child.name())]
    before = [process.memory_info().rss for process in watched]
    most = before.copy()

    async def look() -> None:
        while True:
            for place, process in enumerate(watched):
                most[place] = max(most[place], process.memory_info().rss)
            await asyncio.sleep(_LOOK_S)

    looking = asyncio.create_task(look())
    growth: list[float] = []
    try:
        yield growth
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        growth.append(max(high - low for high, low in zip(most, before, strict=True)) / _MIB)


async def _comet(folder: Path, content: Content) -> list[dict[str, Any]]:
    """Count events a second that Comet acknowledges, where it is installed."""
    program = comet.installed()
    if program is None:
        return []
    rates = []
    async with comet.broker(program, folder / "comet") as port:
        for number in range(ROUNDS):
            events = [_event(content, 1 + number * EVENTS + one) for one in range(EVENTS)]
            begun = time.perf_counter()
            await comet.submit(port, events)
            rates.append(EVENTS / (time.perf_counter() - begun))
    return [row("events that Comet acknowledges (not synchronised to the disk)", rates, unit="1/s")]


def _event(content: Content, sequence: int) -> bytes:
    header = Header(
        authority=AUTHORITY,
        author=TELESCOPE,
        campaign=CAMPAIGNS[0],
        sequence=sequence,
        date=WallClock().now(),
        drill=True,
    )
    return build(header, content).raw
