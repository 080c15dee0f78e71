"""A telescope's own copies are kept until everything is archived, and then for their time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agents.gft.keeping import Keeping, Terms
from followup.campaign import What
from messaging.journal import Journal
from voevent.kinds import Outcome

NOW = datetime(2026, 11, 22, tzinfo=UTC)
GB = 10**9


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class SetClock:
    """A wall clock that stands where it is set."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


@pytest.fixture
def wall() -> SetClock:
    return SetClock()


@pytest.fixture
def journal(tmp_path: Path, wall: SetClock) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal.sqlite", wall=wall)
    yield journal
    journal.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


DELIVERED = ((What.UPLOADING, {"dataset": "t1", "attempt": 1}), (What.ARCHIVED, {"dataset": "t1"}))
CLOSED = (What.CLOSED, {})


async def campaign(journal: Journal, data: Path, name: str, *entries: tuple[What, dict[str, Any]]) -> None:
    (data / name / "raw").mkdir(parents=True)
    (data / name / "raw" / "frame.fits").write_bytes(b"frame")
    for what, facts in entries:
        await journal.write(lambda tx, what=what, facts=facts: tx.note(name, what, facts, time=NOW))


def kept(data: Path) -> list[str]:
    return sorted(path.name for path in data.iterdir())


async def test_what_is_not_archived_stays_however_old_it_is(
    journal: Journal, data: Path, wall: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(GB, GB, 0))
    uploading = DELIVERED[:1]
    gave_up = (What.ABANDONED, {"dataset": "t1", "reason": "refused"})
    stopped = (What.STOPPED, {"outcome": Outcome.ABORTED, "reason": "clouds"})
    await campaign(journal, data, "open", *DELIVERED)
    await campaign(journal, data, "given-up", *uploading, gave_up, CLOSED)
    await campaign(journal, data, "unanswered", *uploading, CLOSED)
    await campaign(journal, data, "unknown")
    await campaign(journal, data, "archived", *DELIVERED, CLOSED)
    await campaign(journal, data, "empty", stopped, CLOSED)
    wall.time += timedelta(days=1000)
    await Keeping(journal, data, Terms(keep=timedelta(days=1), free_bytes=GB), wall=wall).tidy()
    assert kept(data) == ["given-up", "open", "unanswered", "unknown"]


@pytest.mark.parametrize(("days", "stays"), [(29.9, True), (30.1, False)])
async def test_what_is_archived_stays_for_its_time(
    journal: Journal, data: Path, wall: SetClock, days: float, stays: bool
) -> None:
    await campaign(journal, data, "c", *DELIVERED, CLOSED)
    wall.time += timedelta(days=days)
    await Keeping(journal, data, Terms(keep=timedelta(days=30), free_bytes=0), wall=wall).tidy()
    assert kept(data) == (["c"] if stays else [])


async def test_the_oldest_go_when_the_disk_gets_full(
    journal: Journal, data: Path, wall: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usage(_path: object) -> Usage:
        """Each campaign takes a GB of three."""
        return Usage(3 * GB, len(kept(data)) * GB, (3 - len(kept(data))) * GB)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    for name in ("first", "second", "third"):
        await campaign(journal, data, name, *DELIVERED, CLOSED)
        wall.time += timedelta(days=0.9)
    keeping = Keeping(journal, data, Terms(keep=None, free_bytes=2 * GB), wall=wall)
    await keeping.tidy()
    assert kept(data) == ["third"], "the last was closed less than a day ago"
    wall.time += timedelta(days=100)
    await keeping.tidy()
    assert kept(data) == ["third"], "now there is room"


async def test_a_removal_that_was_cut_short_is_finished(journal: Journal, data: Path, wall: SetClock) -> None:
    (data / ".removed-sb1.gft-a" / "raw").mkdir(parents=True)
    await campaign(journal, data, "c", *DELIVERED, CLOSED)
    await Keeping(journal, data, Terms(keep=None, free_bytes=0), wall=wall).tidy()
    assert kept(data) == ["c"]


async def test_nothing_was_taken_yet(journal: Journal, data: Path, wall: SetClock) -> None:
    await Keeping(journal, data, Terms(keep=None, free_bytes=0), wall=wall).tidy()
    assert data not in data.parent.iterdir()
