"""What is remembered of stories that Prefect has not heard of, and what the note on the next run says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.book import Book, Told, key_of
from flows.note import outage_note
from followup.clock import WallClock
from followup.story import Ended, StepState, Story

BEGIN = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def told(began: float, ended: float | None = None, name: str = "a campaign") -> Told:
    over = (
        {} if ended is None else {"state": "completed", "ended": "Closed", "ended_at": at(ended).isoformat()}
    )
    return Told(key=name, name=name, began_at=at(began).isoformat(), **over)


def story(name: str) -> Story:
    return Story(flow="observe", name=name, subject=name, clock=WallClock(), tags=(name, "gft-spm"))


def ended(state: StepState = StepState.COMPLETED) -> Ended:
    return Ended(time=BEGIN, state=state, name="Closed", message="all observed")


@pytest.mark.parametrize(
    ("stories", "lines"),
    [
        ([], []),
        ([told(-60)], ["- a campaign: goes on"]),
        ([told(5)], ["- a campaign: begun 2026-11-22 07:05:00 UTC; goes on"]),
        ([told(-60, -1)], []),
        ([told(-60, 7)], ["- a campaign: ended 2026-11-22 07:07:00 UTC: Closed: "]),
    ],
)
def test_what_is_in_a_note(stories: list[Told], lines: list[str]) -> None:
    note = outage_note((at(0), at(10)), stories)
    assert [line for line in note.splitlines() if line.startswith("- ")] == lines
    assert bool(note) is bool(lines)
    if note:
        assert note.startswith("Prefect could not be reached from 2026-11-22 07:00:00 UTC to")
        assert "ledger" in note


def test_a_moment_is_worth_a_note_only_if_something_ended() -> None:
    moment = (at(0), at(0.5))
    assert outage_note(moment, [told(-60)]) == ""
    assert "- a campaign" in outage_note(moment, [told(-60, 0.2)])


def test_the_book_is_read_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "told.json"
    book = Book(path)
    open_, over, shown, interrupted = (
        book.begin(story(name), at(n)) for n, name in enumerate(("open", "over", "shown", "interrupted"))
    )
    book.shown_by(open_, "run-1", "open (goes on)")
    book.ended(over, ended(), at(5))
    book.ended(shown, ended(), at(5))
    book.shown(shown)
    book.ended(interrupted, ended(StepState.INTERRUPTED), at(6))
    book.shown(interrupted)
    book.away(at(4))

    later = Book(path)
    assert [one.name for one in later.earlier] == ["open (goes on)", "over", "interrupted"]
    assert [one.goes_on for one in later.earlier] == [True, False, True]
    assert later.away_since == later.unheard_since == at(4)
    later.away(None)
    assert later.unheard_since == at(1), "of these Prefect never heard"
    later.settled(later.earlier)
    assert Book(path).earlier == ()


def test_a_book_that_cannot_be_written_or_read_is_no_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    book = Book(tmp_path / "nowhere" / "told.json")
    book.begin(story("one"), BEGIN)
    book.begin(story("two"), BEGIN)
    assert len(book.now) == 2
    assert caplog.text.count("cannot be written") == 1, "it is said once"
    (tmp_path / "told.json").write_text('{"told": 3}')
    assert Book(tmp_path / "told.json").earlier == ()
    assert "cannot be read" in caplog.text


def test_a_key_tells_what_a_story_is_about() -> None:
    assert key_of("observe", ["b", "a"]) == key_of("observe", ["a", "b"]) != key_of("follow-up", ["a", "b"])
