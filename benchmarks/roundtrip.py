"""What acknowledgement costs: packets' durable round trips against bare ones of the same bytes.

One real Prosody; each site is a process with its own journal, synchronised to the disk at every commit. A
round trip and its peer alternate, so that whatever else the machine does is in both.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
import time
from collections.abc import Awaitable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.exchange import (
    BARE,
    ECHO,
    TELESCOPE,
    PromptDesk,
    Site,
    elsewhere,
    opened,
    server,
    session,
    site,
)
from benchmarks.table import row
from followup.clock import WallClock
from followup.names import CSC, RELAY
from messaging.journal import Journal
from messaging.records import ToUser
from messaging.session import Arrival, Envelope
from messaging.transaction import Transaction
from messaging.xmpp import XmppSession
from voevent.kinds import (
    Content,
    ReceiptOutcome,
    Status,
    StatusState,
    Trigger,
    TriggerAction,
)
from voevent.packet import Packet, PacketId, SkyPosition

PACKETS = 200
PIPELINED = 200
ROUNDS = 3
BYTES = 4096

_CAMPAIGN = f"sb26112201.{TELESCOPE}"
_CAMPAIGNS = tuple(f"sb261122{number:02d}.{TELESCOPE}" for number in range(1, 21))
"""Packets of one campaign are dealt with one after the other: many at once are those of many campaigns."""
_WARM_UP = 10
_ANSWER_S = 30.0
_PIPELINE_S = 120.0
_MS = 1000.0


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
            return [
                *await _commits(_made(folder / "commits")),
                *await _results(folder),
                *await _two_agents(folder),
                *await _triggers(folder),
            ]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _commits(folder: Path) -> list[dict[str, Any]]:
    """Time a commit of the journal against a synchronised write of as many bytes to a bare file."""
    wall = WallClock()
    journal = Journal.open(folder / "journal.sqlite", wall=wall)
    file = os.open(folder / "file", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    commits, writes = [], []
    try:
        for number in range(PACKETS):
            begun = time.perf_counter()
            os.write(file, bytes(BYTES))
            os.fdatasync(file)
            writes.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            await journal.write(partial(_note, number=number, time=wall.now()))
            commits.append(time.perf_counter() - begun)
    finally:
        os.close(file)
        journal.close()
    return [
        row(
            "durable commit of a note to the journal",
            commits,
            scale=_MS,
            unit="ms",
            peer=writes,
            against="synchronised write to a file",
        )
    ]


def _note(transaction: Transaction, *, number: int, time: datetime) -> None:
    transaction.note(_CAMPAIGN, "note", {"number": number}, time=time)


class _Bare:
    """Stanzas and their answers, without a journal."""

    def __init__(self, made: XmppSession) -> None:
        self._session = made
        self._answers: dict[str, asyncio.Future[None]] = {}
        made.on_arrival = self._take

    async def _take(self, arrival: Arrival) -> None:
        self._answers.pop(arrival.claimed_sha256).set_result(None)

    async def ask(self, packet: PacketId, raw: bytes) -> None:
        """Send a packet's bytes; return when the answer is here."""
        answer = self._answers[packet.sha256] = asyncio.get_running_loop().create_future()
        await self._session.send(ECHO, Envelope(raw=raw, id=packet, body="a packet"))
        await answer


async def _results(folder: Path) -> list[dict[str, Any]]:
    """Time packets of a telescope: custody, and the final receipt; then many at once."""
    bare, custody, final = [], [], []
    desk = PromptDesk()
    async with (
        elsewhere(folder, "relay", CSC, ECHO),
        site(folder, TELESCOPE, desk) as telescope,
        opened(session(folder, BARE)) as stanzas,
    ):
        echo = _Bare(stanzas)
        content = await _of_size(telescope)
        for number in range(-_WARM_UP, PACKETS):
            async with asyncio.timeout(_ANSWER_S):
                begun = time.perf_counter()
                packet = await _say(telescope, content)
                await desk.awaited(packet.id, ReceiptOutcome.RELAYED)
                relayed = time.perf_counter() - begun
                await desk.awaited(packet.id, ReceiptOutcome.ACCEPTED)
                accepted = time.perf_counter() - begun
                begun = time.perf_counter()
                await echo.ask(packet.id, packet.raw)
                answered = time.perf_counter() - begun
            if number >= 0:
                bare.append(answered)
                custody.append(relayed)
                final.append(accepted)
        through = [await _pipelined(telescope, desk, content) for _ in range(ROUNDS)]
    against = "bare XMPP round trip"
    timed = partial(row, scale=_MS, unit="ms")
    return [
        timed(f"bare XMPP round trip, {BYTES} bytes each way", bare),
        timed("acknowledged: telescope → relay (relayed)", custody, peer=bare, against=against),
        timed("acknowledged: telescope → relay → CSC → relay → telescope", final, peer=bare, against=against),
        row("packets acknowledged by the CSC through the relay, pipelined", through, unit="1/s"),
    ]


async def _two_agents(folder: Path) -> list[dict[str, Any]]:
    """Count packets a second between two agents, against bare stanzas with receipts."""
    desk = PromptDesk()
    acknowledged, bare = [], []
    async with (
        elsewhere(folder, RELAY, "receipt"),
        site(folder, TELESCOPE, desk) as telescope,
        opened(session(folder, BARE)) as stanzas,
    ):
        echo = _Bare(stanzas)
        content = await _of_size(telescope)
        for _ in range(ROUNDS):
            acknowledged.append(await _pipelined(telescope, desk, content))
            packet = await _say(telescope, content)
            asks = [
                echo.ask(PacketId(ivorn=packet.ivorn, sha256=f"{number:064x}"), packet.raw)
                for number in range(PIPELINED)
            ]
            bare.append(await _rate(asks))
    return [
        row("bare stanzas, each with a receipt, pipelined", bare, unit="1/s"),
        row(
            "durably acknowledged packets between two agents, pipelined",
            acknowledged,
            unit="1/s",
            peer=bare,
            against="bare stanzas with receipts",
        ),
    ]


async def _triggers(folder: Path) -> list[dict[str, Any]]:
    """Time triggers, from their commit to that of their receipt at the science centre."""
    bare, answered = [], []
    desk = PromptDesk()
    async with (
        elsewhere(folder, "relay", TELESCOPE, ECHO),
        site(folder, CSC, desk) as csc,
        opened(session(folder, BARE)) as stanzas,
    ):
        echo = _Bare(stanzas)
        for number in range(-_WARM_UP, PACKETS):
            async with asyncio.timeout(_ANSWER_S):
                packet = await _say(csc, _trigger(number + _WARM_UP), to=TELESCOPE)
                begun = time.perf_counter()
                await desk.awaited(packet.id, ReceiptOutcome.ACCEPTED)
                seconds = time.perf_counter() - begun
                begun = time.perf_counter()
                await echo.ask(packet.id, packet.raw)
            if number >= 0:
                bare.append(time.perf_counter() - begun)
                answered.append(seconds)
    timed = partial(row, scale=_MS, unit="ms")
    return [
        timed("bare XMPP round trip of a trigger's bytes", bare),
        timed(
            "trigger: CSC's commit → telescope → relay → CSC's commit of the receipt",
            answered,
            peer=bare,
            against="bare XMPP round trip",
        ),
    ]


async def _say(who: Site, content: Content, *, to: str = RELAY, campaign: str = _CAMPAIGN) -> Packet:
    def work(transaction: Transaction) -> Packet:
        return who.author.compose(transaction, campaign, content, to=ToUser(to), drill=True)

    packet = await who.journal.write(work)
    who.courier.wake()
    return packet


async def _of_size(telescope: Site) -> Status:
    """Find a status whose packet has `BYTES` bytes, but for the digits of its number."""
    sizes = [len((await _say(telescope, _status(length))).raw) for length in (1000, 2000)]
    grows = (sizes[1] - sizes[0]) / 1000
    return _status(1000 + round((BYTES - sizes[0]) / grows))


def _status(length: int) -> Status:
    return Status(state=StatusState.HOLD, text="x" * length)


def _trigger(revision: int) -> Trigger:
    return Trigger(
        burst="sb26112201",
        telescope=TELESCOPE,
        action=TriggerAction.OBSERVE,
        revision=revision,
        trigger_time=WallClock().now(),
        position=SkyPosition(ra_deg=80.0, dec_deg=20.0, error_radius_deg=0.1),
        instrument="ECLAIRs",
        notice=PacketId(ivorn="ivo://followup/bench#sb26112201_eclairs-wakeup", sha256="0" * 64),
    )


async def _pipelined(who: Site, desk: PromptDesk, content: Content) -> float:
    """Return packets a second, from the first's being written to the last's final receipt."""

    async def one(campaign: str) -> None:
        packet = await _say(who, content, campaign=campaign)
        await desk.awaited(packet.id, ReceiptOutcome.ACCEPTED)

    campaigns = itertools.islice(itertools.cycle(_CAMPAIGNS), PIPELINED)
    return await _rate([one(campaign) for campaign in campaigns])


async def _rate(works: Sequence[Awaitable[None]]) -> float:
    begun = time.perf_counter()
    async with asyncio.timeout(_PIPELINE_S):
        await asyncio.gather(*works)
    return len(works) / (time.perf_counter() - begun)
