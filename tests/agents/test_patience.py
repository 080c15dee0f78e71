"""Waiting for what is away or full: tried again, said once, and given up only when that is asked for."""

from __future__ import annotations

import asyncio
import errno
import logging
from pathlib import Path

import pytest

import agents.patience
from agents.patience import Patience, no_room
from followup.clock import WallClock
from messaging.errors import JournalError, JournalUnavailableError
from messaging.journal import Journal
from messaging.transaction import Transaction


def patience(**facts: float) -> Patience:
    return Patience(
        "the disk",
        WallClock(),
        passes=lambda error: isinstance(error, OSError),
        **({"first_s": 0.001, "longest_s": 0.004} | facts),
    )


async def test_it_is_said_once_and_when_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    waiting, tries = patience(), 0

    async def work() -> str:
        nonlocal tries
        tries += 1
        if tries < 6:
            raise OSError(errno.ENOSPC, "no room")
        return f"{tries} tries"

    assert await waiting.outlast(work) == "6 tries"
    assert waiting.trouble == ""
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "waiting for the disk: [Errno 28] no room" in said[0]
    assert "the disk can be used again" in said[1]


async def test_other_errors_come_out_at_once() -> None:
    async def work() -> None:
        raise ValueError("a fault of ours")

    with pytest.raises(ValueError, match="of ours"):
        await patience().outlast(work)


async def test_it_may_have_an_end() -> None:
    async def work() -> None:
        raise OSError(errno.ENOSPC, "no room")

    with pytest.raises(OSError, match="no room"):
        await patience().outlast(work, at_most_s=0.02)


async def test_who_gives_no_answer_is_spoken_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(agents.patience, "_SILENT_S", 0.01)
    waiting, answer = patience(), asyncio.Event()
    asking = asyncio.create_task(waiting.outlast(answer.wait))
    while not waiting.trouble:  # noqa: ASYNC110 - said from within
        await asyncio.sleep(0.005)
    assert "has not answered" in caplog.text
    answer.set()
    await asking
    assert waiting.trouble == ""


async def test_who_is_cancelled_leaves_nothing_half_done() -> None:
    waiting, begun, ended = patience(), asyncio.Event(), []

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60.0)
        finally:
            ended.append("work")

    asking = asyncio.create_task(waiting.outlast(work))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert ended == ["work"]


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (OSError(errno.ENOSPC, "no room"), True),
        (OSError(errno.EROFS, "read-only"), True),
        (OSError("Not enough space on disk: requested 10, available 0."), True),
        (FileNotFoundError(errno.ENOENT, "gone"), False),
        (ValueError("no number"), False),
    ],
)
def test_what_a_disk_says(error: Exception, passes: bool) -> None:
    assert no_room(error) is passes


async def test_what_a_journal_says(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.sqlite", wall=WallClock())

    def pages(transaction: Transaction, count: int) -> None:
        transaction.connection.exec_driver_sql(f"PRAGMA max_page_count = {count}").close()

    def note(transaction: Transaction, size: int = 1) -> None:
        transaction.note("sb26112201.gft-spm", "note", {"text": "x" * size}, time=WallClock().now())

    try:
        await journal.write(lambda tx: pages(tx, 1))
        with pytest.raises(JournalUnavailableError, match="disk is full"):
            await journal.write(lambda tx: note(tx, 100_000))
        await journal.write(lambda tx: pages(tx, 2**30))
        await journal.write(note)
    finally:
        journal.close()
    with pytest.raises(JournalError) as closed:
        await journal.write(note)
    assert not isinstance(closed.value, JournalUnavailableError), "waiting would not help"
