"""``followup trigger`` and ``cancel``: what cannot be done is said before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.state import State
from tests.archive.conversation import JILIN, NOTICE
from tests.console.cli import followup

COORDINATES = ("--burst", "sb26112207")


@pytest.mark.parametrize(
    ("words", "complaint", "hint"),
    [
        ((), "nothing to trigger on", "--simulated"),
        (("--ra", "10"), "nothing to trigger on", "--dec"),
        (("--ra", "10", "--dec", "5", "--simulated"), "more than one thing", "FILE"),
        ((*COORDINATES, "--ra", "400", "--dec", "5"), "right ascension 400.0 is outside", "degrees"),
        ((*COORDINATES, "--ra", "-1", "--dec", "5"), "right ascension -1.0 is outside", "degrees"),
        ((*COORDINATES, "--ra", "nan", "--dec", "5"), "right ascension nan is outside", "degrees"),
        ((*COORDINATES, "--ra", "10", "--dec", "90.1"), "declination 90.1 is outside", "degrees"),
        ((*COORDINATES, "--ra", "10", "--dec", "5", "--error", "-1"), "error radius", "arcmin"),
        (
            (*COORDINATES, "--ra", "10", "--dec", "5", "--t0", "yesterday"),
            "'yesterday' is not a time",
            "2026",
        ),
        (("--burst", "sb 1", "--ra", "10", "--dec", "5"), "'sb 1' cannot name a burst", "--burst"),
        ((*COORDINATES, "--ra", "10", "--dec", "5"), "no agent of csc is running", "followup csc run"),
        (("--simulated",), "no agent of csc is running", "followup csc run"),
    ],
)
def test_what_does_not_trigger(centre: State, words: tuple[str, ...], complaint: str, hint: str) -> None:
    answer = followup("trigger", "--state", centre.root, *words)
    assert (answer.status, answer.out) == (2, "")
    assert complaint in answer.complaint
    assert hint in answer.hint


def test_a_file_that_is_not_there(centre: State, tmp_path: Path) -> None:
    answer = followup("trigger", tmp_path / "none.xml", "--state", centre.root)
    assert answer.status == 2
    assert answer.complaint == f"{tmp_path / 'none.xml'}: No such file or directory"


def test_a_file_needs_the_agent(centre: State, tmp_path: Path) -> None:
    (tmp_path / "alert.xml").write_bytes(NOTICE)
    answer = followup("trigger", tmp_path / "alert.xml", "--state", centre.root)
    assert answer.status == 2
    assert answer.hint == "start it: followup csc run"


def test_cancelling_needs_the_agent(centre: State) -> None:
    answer = followup("cancel", JILIN, "--state", centre.root)
    assert answer.status == 2
    assert "no agent of csc is running" in answer.complaint
