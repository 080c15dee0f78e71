from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from followup.clock import WallClock
from messaging import inbox, outbox, tables
from messaging.author import Author
from messaging.errors import IdentityTakenError, JournalError, PacketTooLargeError
from messaging.journal import Journal
from messaging.records import OutgoingState, ToTopic, ToUser
from messaging.session import Arrival
from messaging.transaction import Transaction
from tests.messaging.world import START, campaign_of, status, trigger
from voevent.build import build
from voevent.kinds import Header
from voevent.packet import Packet

CAMPAIGN = campaign_of("gft-a")
TO = ToUser("csc-ftp")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = Journal.open(path, wall=WallClock())
    yield journal
    journal.close()


def packet(sequence: int = 1, text: str = "clear") -> Packet:
    header = Header(
        authority="followup", author="gft-a", campaign=CAMPAIGN, sequence=sequence, date=START, drill=True
    )
    return build(header, status(text))


def enqueue(what: Packet, **changed: Any):
    said: dict[str, Any] = {"to": TO, "body": "b", "deadline_s": None}
    return lambda tx: tx.enqueue(what, **(said | changed))


async def test_what_was_committed_is_there_when_it_is_opened_again(path: Path) -> None:
    journal = Journal.open(path, wall=WallClock())
    what = packet()
    await journal.write(enqueue(what, deadline_s=60.0))
    journal.close()
    journal = Journal.open(path, wall=WallClock())
    assert await journal.read(lambda r: r.packet(what.id)) == what.raw
    [out] = await journal.read(lambda r: r.outgoing())
    assert (out.id, out.destination, out.state) == (what.id, TO, OutgoingState.PENDING)
    assert out.deadline is not None
    assert out.deadline - out.committed == timedelta(seconds=60)
    assert out.committed.tzinfo is UTC
    journal.close()


async def test_a_journal_of_the_first_schema_is_brought_up_to_date(path: Path) -> None:
    journal = Journal.open(path, wall=WallClock())
    what = packet()
    await journal.write(enqueue(what))
    journal.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP INDEX outgoing_in_line; "
            "CREATE INDEX outgoing_pending ON outgoing (way, name, due) WHERE state = 'pending'; "
            "PRAGMA user_version = 1"
        )
    for _ in range(2):
        journal = Journal.open(path, wall=WallClock())
        assert [out.id for out in await journal.read(lambda r: r.outgoing())] == [what.id]
        journal.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        indexes = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")
        }
        assert "outgoing_in_line" in indexes
        assert "outgoing_pending" not in indexes
        assert connection.execute("PRAGMA user_version").fetchone() == (tables.SCHEMA_VERSION,)


async def test_works_of_one_turn_of_the_loop_share_a_commit(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    transact = journal._store.transact
    monkeypatch.setattr(
        journal._store, "transact", lambda works: (sizes.append(len(works)), transact(works))[1]
    )
    works = [lambda tx, n=n: tx.note(CAMPAIGN, "note", {"n": n}, time=START) for n in range(5)]
    assert await asyncio.gather(*map(journal.write, works)) == [1, 2, 3, 4, 5]
    assert sizes == [5]


async def test_what_was_given_is_committed_when_the_journal_is_closed(path: Path) -> None:
    journal = Journal.open(path, wall=WallClock())
    written = asyncio.ensure_future(journal.write(lambda tx: tx.note(CAMPAIGN, "note", {}, time=START)))
    await asyncio.sleep(0)
    journal.close()
    assert await written == 1
    with pytest.raises(JournalError, match="closed"):
        await journal.write(lambda tx: tx.note(CAMPAIGN, "note", {}, time=START))


async def test_synchronisation_is_full(journal: Journal) -> None:
    """What was committed is on the disk: two is FULL."""
    ask = sa.text("PRAGMA synchronous")
    assert await journal.write(lambda tx: tx.connection.scalar(ask)) == 2
    assert await journal.write(lambda tx: tx.connection.scalar(sa.text("PRAGMA journal_mode"))) == "wal"


async def test_works_that_wait_together_share_a_commit_but_not_their_failures(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def block(_tx: Transaction) -> None:
        loop.call_soon_threadsafe(began.set)
        free.wait()

    def fail(tx: Transaction) -> None:
        tx.note(CAMPAIGN, "undone", {}, time=START)
        raise LookupError("mine alone")

    sizes: list[int] = []
    transact = journal._store.transact
    monkeypatch.setattr(
        journal._store, "transact", lambda works: (sizes.append(len(works)), transact(works))[1]
    )
    first = asyncio.create_task(journal.write(block))
    await began.wait()
    works = [
        asyncio.create_task(journal.write(lambda tx, n=n: tx.note(CAMPAIGN, "note", {"n": n}, time=START)))
        for n in range(20)
    ]
    works.insert(10, asyncio.create_task(journal.write(fail)))
    await asyncio.sleep(0)
    free.set()
    results = await asyncio.gather(first, *works, return_exceptions=True)
    assert [str(r) for r in results if isinstance(r, Exception)] == ["mine alone"]
    assert sizes == [1, 21]
    entries = await journal.read(lambda r: r.entries(CAMPAIGN))
    assert [e.data["n"] for e in entries] == list(range(20))


def test_every_commit_that_was_reported_survives_a_kill(path: Path) -> None:
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from followup.clock import WallClock\n"
        "from messaging.journal import Journal\n"
        "async def main():\n"
        "    journal = Journal.open(Path(sys.argv[1]), wall=WallClock())\n"
        "    now = WallClock().now()\n"
        "    async def one(n):\n"
        "        await journal.write(lambda tx: tx.note('c', 'n', {'n': n}, time=now))\n"
        "        print(n, flush=True)\n"
        "    for k in range(10**6):\n"
        "        await asyncio.gather(*(one(5 * k + j) for j in range(5)))\n"
        "asyncio.run(main())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    reported = [int(process.stdout.readline()) for _ in range(50)]
    process.kill()
    reported += [int(line) for line in process.stdout.read().split("\n") if line]
    process.stdout.close()
    process.wait()
    with sqlite3.connect(path) as connection:
        kept = {row[0] for row in connection.execute("SELECT data ->> 'n' FROM entries")}
    connection.close()
    assert set(reported) <= kept


async def test_a_packet_goes_once_to_each_destination(journal: Journal) -> None:
    what = packet()
    await journal.write(enqueue(what))
    await journal.write(enqueue(what))
    await journal.write(enqueue(what, to=ToTopic("followup/gft-a")))
    outgoing = await journal.read(lambda r: r.outgoing(campaign=CAMPAIGN))
    assert [o.destination for o in outgoing] == [TO, ToTopic("followup/gft-a")]


async def test_what_nobody_acknowledges_is_sent_again_when_it_is_enqueued_again(journal: Journal) -> None:
    what = packet()
    await journal.write(enqueue(what, acknowledged=False))
    [out] = await journal.read(lambda r: r.outgoing())
    attempt = outbox.Attempt(row=out.row, repeated=False, next_due=START)
    await journal.write(lambda tx: outbox.attempted(tx, [attempt]))
    [out] = await journal.read(lambda r: r.outgoing())
    assert out.state is OutgoingState.SENT
    await journal.write(enqueue(what, acknowledged=False))
    [out] = await journal.read(lambda r: r.outgoing())
    assert (out.state, out.attempts) == (OutgoingState.PENDING, 1)


async def test_too_large_a_packet_is_refused_by_its_authors_journal(path: Path) -> None:
    journal = Journal.open(path, wall=WallClock(), max_packet_bytes=len(packet().raw) - 1)
    with pytest.raises(PacketTooLargeError, match="more than the limit") as caught:
        await journal.write(enqueue(packet()))
    assert caught.value.hint
    assert await journal.read(lambda r: r.packet(packet().id)) is None
    journal.close()


async def test_an_ivorn_names_one_packet(journal: Journal) -> None:
    await journal.write(enqueue(packet()))
    with pytest.raises(IdentityTakenError):
        await journal.write(enqueue(packet(text="other")))
    assert await journal.read(lambda r: r.held(packet().ivorn)) == packet().id


async def test_an_agent_composes_in_one_commit(journal: Journal) -> None:
    author = Author(site="gft-a", authority="followup", sky=WallClock())

    def work(tx: Transaction) -> Packet:
        tx.note(CAMPAIGN, "cleared", {"by": "weather"}, time=START)
        return author.compose(tx, CAMPAIGN, status(), to=TO, drill=True)

    composed = [await journal.write(work) for _ in range(2)]
    assert [p.param("sequence") for p in composed] == ["1", "2"]
    stored = await journal.read(lambda r: r.packets(CAMPAIGN))
    assert [s.id for s in stored] == [p.id for p in composed]
    assert all(s.considered and not s.received and s.author == "gft-a" and s.drill for s in stored)
    assert await journal.read(lambda r: r.campaigns()) == [CAMPAIGN]


async def test_a_failed_composition_wastes_no_number(journal: Journal) -> None:
    author = Author(site="csc", authority="followup", sky=WallClock())

    def work(tx: Transaction) -> Packet:
        return author.compose(tx, CAMPAIGN, trigger(), to=TO, drill=True)

    await journal.write(work)
    with pytest.raises(IdentityTakenError):  # the same notice and revision, written at another time
        await journal.write(work)
    assert await journal.write(lambda tx: tx.next_sequence(CAMPAIGN)) == 2


async def test_entries_come_back_in_order_and_after_a_row(journal: Journal) -> None:
    for n in range(3):
        row = await journal.write(lambda tx, n=n: tx.note(CAMPAIGN, "n", {"n": n}, time=START))
    entries = await journal.read(lambda r: r.entries(CAMPAIGN))
    assert [e.data["n"] for e in entries] == [0, 1, 2]
    assert entries[0].time == START
    assert entries[-1].row == row
    after = await journal.read(lambda r: r.entries(CAMPAIGN, after=entries[1].row))
    assert [e.data["n"] for e in after] == [2]


async def test_packets_are_paged_in_order_of_commit(journal: Journal) -> None:
    said = [packet(n) for n in range(1, 6)]
    for what in said:
        await journal.write(enqueue(what))
    last = await journal.read(lambda r: r.latest(2))
    assert [p.id for p in last] == [said[4].id, said[3].id]
    assert [p.id for p in await journal.read(lambda r: r.latest(2, before=last[-1].row))] == [
        said[2].id,
        said[1].id,
    ]
    first = await journal.read(lambda r: r.after(0, limit=3))
    assert [p.id for p in first] == [p.id for p in said[:3]]
    assert [p.id for p in await journal.read(lambda r: r.after(first[-1].row, limit=3))] == [
        p.id for p in said[3:]
    ]


@pytest.mark.parametrize("statement", ["DELETE FROM entries", "UPDATE entries SET what = 'x'"])
async def test_entries_cannot_be_changed(journal: Journal, statement: str) -> None:
    await journal.write(lambda tx: tx.note(CAMPAIGN, "n", {}, time=START))
    with pytest.raises(JournalError, match="append-only"):
        await journal.write(lambda tx: tx.connection.execute(sa.text(statement)))


@pytest.mark.parametrize("before", list(OutgoingState))
@pytest.mark.parametrize("after", list(OutgoingState))
async def test_only_legal_changes_of_state_can_be_stored(
    journal: Journal, before: OutgoingState, after: OutgoingState
) -> None:
    acknowledged = OutgoingState.SENT not in {before, after}
    await journal.write(enqueue(packet(), acknowledged=acknowledged))
    table = tables.outgoing

    def change(state: OutgoingState):
        return lambda tx: tx.connection.execute(sa.update(table).values(state=state)).rowcount

    fits = acknowledged or {before, after} <= {OutgoingState.PENDING, OutgoingState.SENT}
    legal = before is after or after in tables.LEGAL_CHANGES[before]
    try:
        if before is not OutgoingState.PENDING:
            await journal.write(change(before))
        await journal.write(change(after))
    except JournalError:
        assert not (legal and fits)
    else:
        assert legal
        assert fits


async def test_changes_of_an_outgoing_packet_are_kept_as_history(journal: Journal) -> None:
    await journal.write(enqueue(packet(), deadline_s=-1.0))
    await journal.write(outbox.expire)
    await journal.write(lambda tx: tx.revive(packet().id))
    rows = await journal.read(lambda r: r.connection.execute(sa.select(tables.history)).all())
    assert [r.state for r in rows] == ["pending", "expired", "pending"]
    assert all(isinstance(r.time, datetime) for r in rows)


async def test_quarantine_is_bounded(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_QUARANTINED", 5)
    monkeypatch.setattr(inbox, "MAX_QUARANTINED_BYTES", 1000)

    def keep(raw: bytes) -> Any:
        arrival = Arrival(raw=raw, claimed_sha256="", sender="x")
        return lambda tx: inbox.quarantine(tx, arrival, ivorn="", reason="rubbish")

    for n in range(9):
        await journal.write(keep(b"%d" % n))
    assert [q.raw for q in await journal.read(lambda r: r.quarantined())] == [b"8", b"7", b"6", b"5", b"4"]
    count = await journal.read(lambda r: r.quarantine_count())
    assert (count.kept, count.kept_bytes, count.dropped) == (5, 5, 4)
    await journal.write(keep(b"x" * 999))
    assert [len(q.raw) for q in await journal.read(lambda r: r.quarantined())] == [999, 1]
    count = await journal.read(lambda r: r.quarantine_count())
    assert (count.kept, count.kept_bytes, count.dropped) == (2, 1000, 8)
    [latest] = await journal.read(lambda r: r.quarantined(limit=1))
    assert await journal.read(lambda r: r.quarantined(row=latest.row)) == [latest]
    assert await journal.read(lambda r: r.quarantined(row=1)) == []


async def test_a_topics_history_is_not_quarantined_at_each_login(journal: Journal) -> None:
    live = Arrival(raw=b"x", claimed_sha256="", sender="pubsub", topic="followup/gft-a")
    again = replace(live, replayed=True)
    for arrival in (again, again, live, again, replace(again, topic="followup/gft-b")):
        await journal.write(lambda tx, a=arrival: inbox.quarantine(tx, a, ivorn="", reason="rubbish"))
    kept = await journal.read(lambda r: r.quarantined())
    assert [q.topic for q in kept] == ["followup/gft-b", "followup/gft-a", "followup/gft-a"]


async def test_nothing_was_quarantined_yet(journal: Journal) -> None:
    count = await journal.read(lambda r: r.quarantine_count())
    assert (count.kept, count.kept_bytes, count.dropped) == (0, 0, 0)


async def test_a_full_disk_is_said_and_harms_nothing(journal: Journal) -> None:
    raw: Any = journal._store._connection.connection.dbapi_connection
    [pages] = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count = {pages + 3}")

    async def fill() -> None:
        for n in range(100):
            await journal.write(lambda tx, n=n: tx.note("c", "x" * 2000, {"n": n}, time=START))

    with pytest.raises(JournalError, match="disk is full") as caught:
        await fill()
    assert "free some space" in caught.value.hint
    before = len(await journal.read(lambda r: r.entries("c")))
    raw.execute("PRAGMA max_page_count = 100000")
    await journal.write(lambda tx: tx.note("c", "y", {}, time=START))
    assert len(await journal.read(lambda r: r.entries("c"))) == before + 1


async def test_a_commit_that_fails_leaves_nothing_open(journal: Journal) -> None:
    """A deferred constraint is checked by the commit itself: it fails, and the next one does not."""

    def orphan(tx: Transaction) -> None:
        tx.driver.execute("PRAGMA defer_foreign_keys = ON")
        tx.driver.execute(
            "INSERT INTO receipts (packet, cited_ivorn, cited_sha256, outcome, reason, details) "
            "VALUES (999, 'i', 's', 'accepted', '', '{}')"
        )

    with pytest.raises(JournalError, match="FOREIGN KEY"):
        await journal.write(orphan)
    assert await journal.write(lambda tx: tx.note(CAMPAIGN, "note", {}, time=START)) == 1
    assert len(await journal.read(lambda r: r.entries(CAMPAIGN))) == 1


async def test_a_reader_cannot_write(journal: Journal) -> None:
    with pytest.raises(JournalError, match="readonly"):
        await journal.read(lambda r: r.connection.execute(sa.text("DELETE FROM packets")))


async def test_a_closed_journal_says_so(path: Path) -> None:
    journal = Journal.open(path, wall=WallClock())
    journal.close()
    with pytest.raises(JournalError, match="is closed"):
        await journal.write(lambda tx: tx.next_sequence("c"))


def test_a_journal_of_a_newer_version_is_left_alone(path: Path) -> None:
    Journal.open(path, wall=WallClock()).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {tables.SCHEMA_VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="another version") as caught:
        Journal.open(path, wall=WallClock())
    assert "newer" in caught.value.hint
    assert path.read_bytes() == before


def test_what_is_no_journal_is_left_alone(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 100)
    with pytest.raises(JournalError, match="not a database") as caught:
        Journal.open(path, wall=WallClock())
    assert "move it away" in caught.value.hint
    assert path.read_bytes().startswith(b"Dear diary")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="nowhere") as caught:
        Journal.open(tmp_path / "nowhere" / "journal.sqlite", wall=WallClock())
    assert "create the folder" in caught.value.hint


async def test_two_processes_may_write(path: Path, journal: Journal) -> None:
    other = Journal.open(path, wall=WallClock())
    await asyncio.gather(
        *(j.write(lambda tx: tx.next_sequence("c")) for j in (journal, other) for _ in range(20))
    )
    assert await other.write(lambda tx: tx.next_sequence("c")) == 41
    other.close()
