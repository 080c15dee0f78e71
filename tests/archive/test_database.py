"""Each way in which a database can be wrong gives one clear line; writers and readers share it."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from archive import (
    Archive,
    ArchiveAbsentError,
    ArchiveError,
    ArchiveFullError,
    ArchiveUnavailableError,
    database,
)
from tests.archive import postgresql
from tests.archive.conftest import Databases
from tests.archive.conversation import JILIN, Conversation, Delivery, light_curve, point


def one_line(error: ArchiveError) -> str:
    assert "\n" not in str(error)
    assert error.hint
    return str(error)


@pytest.mark.parametrize(
    "url", ["mysql://host/db", "sqlite://", "sqlite:///:memory:", "nonsense", "postgres"]
)
def test_only_urls_of_files_and_of_postgresql_are_taken(url: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="URL") as caught:
        Archive.open(url, tmp_path)
    assert "postgresql://" in caught.value.hint


def test_passwords_stay_out_of_errors(tmp_path: Path) -> None:
    for url in ("mysql://me:hunter2@host/db", "post gresql://me:hunter2@"):
        with pytest.raises(ArchiveError) as caught:
            Archive.open(url, tmp_path)
        assert "hunter2" not in one_line(caught.value)


@pytest.mark.integration
def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    url = f"postgresql://me:hunter2@/archive?host={tmp_path}"
    with pytest.raises(ArchiveUnavailableError, match="cannot be used") as caught:
        Archive.open(url, tmp_path)
    assert "hunter2" not in one_line(caught.value)


@pytest.mark.integration
def test_a_user_or_database_that_is_not_there(postgresql_socket: Path, tmp_path: Path) -> None:
    for url in ("nobody@/postgres", "followup@/nothing"):
        with pytest.raises(ArchiveUnavailableError, match="does not exist") as caught:
            Archive.open(f"postgresql://{url}?host={postgresql_socket}", tmp_path)
        one_line(caught.value)


@pytest.mark.integration
def test_the_archive_survives_a_restart_of_its_server(
    deliveries: tuple[Delivery, ...], tmp_path: Path
) -> None:
    programs = postgresql.programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with postgresql.server(programs) as server:
        url = f"postgresql://followup@/postgres?host={server.folder}"
        with Archive.open(url, tmp_path) as archive:
            deliveries[0].into(archive)
            server.stop()
            with pytest.raises(ArchiveUnavailableError):
                deliveries[1].into(archive)
            server.start()
            deliveries[1].into(archive)
            assert len(archive.packets()) == 2


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_bytes(b"SIMPLE  =                    T" * 100)
    with pytest.raises(ArchiveError, match="is not an archive") as caught:
        Archive.open(f"sqlite:///{tmp_path}/a.sqlite", tmp_path)
    one_line(caught.value)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match="cannot be made: File exists") as caught:
        Archive.open(f"sqlite:///{tmp_path}/file/a.sqlite", tmp_path)
    one_line(caught.value)


def test_readers_do_not_make_a_file(tmp_path: Path) -> None:
    with pytest.raises(ArchiveAbsentError, match="no archive at") as caught:
        Archive.open(f"sqlite:///{tmp_path}/no/a.sqlite", tmp_path, migrate=False)
    one_line(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_percent_sign_in_the_path_is_only_a_percent_sign(
    tmp_path: Path, deliveries: tuple[Delivery, ...]
) -> None:
    with Archive.open(f"sqlite:///{tmp_path}/100%25 %(x)s/a.sqlite", tmp_path) as archive:
        deliveries[0].into(archive)


def _all_into(archive: Archive, deliveries: tuple[Delivery, ...]) -> None:
    for delivery in deliveries:
        delivery.into(archive)


def test_a_full_disk(tmp_path: Path, deliveries: tuple[Delivery, ...]) -> None:
    with Archive.open(f"sqlite:///{tmp_path}/a.sqlite", tmp_path) as archive:
        with database.reading(archive._engine) as connection:
            pages = connection.scalar(text("PRAGMA page_count"))
            connection.execute(text(f"PRAGMA max_page_count = {pages}"))
        with pytest.raises(ArchiveFullError, match="no space left") as caught:
            _all_into(archive, deliveries)
        one_line(caught.value)
        held = len(archive.packets())
        with database.reading(archive._engine) as connection:
            connection.execute(text("PRAGMA max_page_count = 1000000"))
        _all_into(archive, deliveries)
        assert held < len(archive.packets()) == len(deliveries)


def test_a_writer_that_never_ends_does_not_hold_others_for_ever(
    tmp_path: Path, deliveries: tuple[Delivery, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    with Archive.open(f"sqlite:///{tmp_path}/a.sqlite", tmp_path) as archive:
        with database.writing(archive._engine):
            with pytest.raises(ArchiveUnavailableError, match="locked") as caught:
                deliveries[0].into(archive)
            one_line(caught.value)
            assert archive.packets() == ()  # readers do not wait
        deliveries[0].into(archive)


def test_threads_share_an_archive(
    databases: Databases, tmp_path: Path, deliveries: tuple[Delivery, ...]
) -> None:
    with Archive.open(databases.scratch(), tmp_path) as archive, ThreadPoolExecutor(4) as pool:
        # Each packet three times, by whichever thread comes first.
        for done in [pool.submit(delivery.into, archive) for delivery in deliveries * 3]:
            done.result(timeout=60)
        assert [record.id for record in archive.packets()] == [d.packet.id for d in deliveries]


def test_two_that_open_an_empty_archive_at_once_both_get_it(databases: Databases, tmp_path: Path) -> None:
    url = databases.empty()
    together = threading.Barrier(3)

    def start() -> int:
        together.wait(timeout=30)
        with Archive.open(url, tmp_path) as archive:
            return len(archive.packets())

    with ThreadPoolExecutor(3) as pool:
        assert [done.result(timeout=60) for done in [pool.submit(start) for _ in range(3)]] == [0, 0, 0]


READER = """
import sys
from pathlib import Path
from archive import Archive

with Archive.open(sys.argv[1], Path(sys.argv[2]), migrate=False) as archive:
    print("ready", flush=True)
    held = 0
    for line in sys.stdin:
        ledger = archive.ledger("sb26112201.gft-jilin")
        points = archive.photometry("sb26112201.gft-jilin")
        # A packet and its points are there together or not at all; the second question may see more.
        assert all(entry.held for entry in ledger), ledger
        assert [point.t_s for point in points] == list(range(1, len(points) + 1)), points
        assert held <= len(ledger) <= len(points), (held, len(ledger), len(points))
        held = len(ledger)
        print(held, flush=True)
"""


def test_another_process_reads_while_the_agent_writes(databases: Databases, tmp_path: Path) -> None:
    c = Conversation()
    for number in range(1, 21):
        c.say("gft-jilin", JILIN, light_curve(*(point(float(t + 1), 18.0) for t in range(number))))
    url = databases.scratch()
    with Archive.open(url, tmp_path) as archive:
        c.deliveries[0].into(archive)
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, url, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with reader:
            assert reader.stdin
            assert reader.stdout
            assert reader.stdout.readline() == "ready\n"
            for delivery in c.deliveries[1:]:
                reader.stdin.write("look\n")  # it looks while this process writes
                reader.stdin.flush()
                delivery.into(archive)
                assert int(reader.stdout.readline()) >= 1
            reader.stdin.write("look\n")
            reader.stdin.close()
            assert reader.stdout.readline() == "20\n"
            assert reader.wait(timeout=30) == 0
