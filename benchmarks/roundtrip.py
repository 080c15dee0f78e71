"""What acknowledgement costs: packets' durable round trips against bare ones of the same bytes.

One real Prosody; each site is a process with its own journal, synchronised to the disk at every commit. A
round trip and its peer alternate, so that whatever else the machine does is in both.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.exchange import (
    BARE,
    ECHO,
    TELESCOPE,
    PromptDesk,
    elsewhere,
    opened,
    server,
    session,
    site,
)
from benchmarks.table import row
from benchmarks.talk import BYTES, CAMPAIGN, Bare, of_size, say
from followup.clock import WallClock
from followup.names import CSC
from messaging.journal import Journal
from messaging.transaction import Transaction
from voevent.kinds import (
    ReceiptOutcome,
    Trigger,
    TriggerAction,
)
from voevent.packet import PacketId, SkyPosition

PACKETS = 200
_WARM_UP = 10
_ANSWER_S = 30.0
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
    transaction.note(CAMPAIGN, "note", {"number": number}, time=time)


async def _results(folder: Path) -> list[dict[str, Any]]:
    """Time packets of a telescope: custody, and the final receipt."""
    bare, custody, final = [], [], []
    desk = PromptDesk()
    async with (
        elsewhere(folder, "relay", CSC, ECHO),
        site(folder, TELESCOPE, desk) as telescope,
        opened(session(folder, BARE)) as stanzas,
    ):
        echo = Bare(stanzas)
        content = await of_size(telescope)
        for number in range(-_WARM_UP, PACKETS):
            async with asyncio.timeout(_ANSWER_S):
                begun = time.perf_counter()
                packet = await say(telescope, content)
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
    against = "bare XMPP round trip"
    timed = partial(row, scale=_MS, unit="ms")
    return [
        timed(f"bare XMPP round trip, {BYTES} bytes each way", bare),
        timed("acknowledged: telescope → relay (relayed)", custody, peer=bare, against=against),
        timed("acknowledged: telescope → relay → CSC → relay → telescope", final, peer=bare, against=against),
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
        echo = Bare(stanzas)
        for number in range(-_WARM_UP, PACKETS):
            async with asyncio.timeout(_ANSWER_S):
                packet = await say(csc, _trigger(number + _WARM_UP), to=TELESCOPE)
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
