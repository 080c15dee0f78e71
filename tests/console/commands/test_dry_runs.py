"""Dry runs: what would be sent, and what would be observed; nothing is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console import settings
from console.enrolment import enrolled
from console.set_aside import look
from console.state import State
from tests.console.cli import followup

GFT = "gft-spm"
COORDINATES = ("--ra", "102.86", "--dec", "1.78")
NIGHT = "2026-11-23T09:00:00"
XMPP = {"xmpp": {"host": "127.0.0.1", "domain": "x"}, "sftp": {"host": "127.0.0.1", "port": 1}}


def centre(root: Path) -> State:
    """A science centre with a telescope, none of whose agents has ever run."""
    state = State(root)
    settings.write(state.csc, XMPP)
    (state.csc / "telescopes").mkdir()
    (state.csc / "telescopes" / GFT).touch()
    assert enrolled(state.csc) == (GFT,)
    return state


def test_what_would_be_sent_to_whom(tmp_path: Path) -> None:
    state = centre(tmp_path)
    words = ("trigger", "--burst", "sb1", *COORDINATES, "--t0", "2026-01-01T00:00:00", "--dry-run")
    for drill in ("", "[DRILL] "):
        answer = followup(*words, *(["--drill"] if drill else []), "--state", state.root)
        assert answer.status == 0
        said = f"sb1.{GFT}  would be sent: {drill}sb1.{GFT}: csc asks to observe at RA 102.8600 Dec +1.7800"
        assert answer.out.startswith(said)
    assert look(state.csc, lambda reader: (reader.campaigns(), reader.outgoing())) == ([], [])
    answer = followup(*words, "--telescope", "gft-none", "--state", state.root)
    assert answer.status == 2
    assert "unknown telescope: gft-none" in answer.complaint
    assert followup("trigger", "--simulated", "--dry-run", "--state", state.root).status == 2


def telescope(root: Path, **safety: float) -> State:
    settings.write(root / GFT, {"name": GFT, "model": GFT, **XMPP, "safety": safety})
    return State(root)


def test_what_would_be_observed(tmp_path: Path) -> None:
    state = telescope(tmp_path)
    picture = tmp_path / "night.png"
    words = ("gft", "plan", GFT, *COORDINATES, "--at", NIGHT, "--picture", picture)
    answer = followup(*words, "--state", state.root, columns=120)
    assert answer.status == 0
    assert f"{GFT} would accept dry-run at 2026-11-23 09:00:00 UTC: first epoch" in answer.out
    assert "t1 first-look" in answer.out
    assert "rule" in answer.out
    assert picture.read_bytes().startswith(b"\x89PNG")
    document = json.loads(followup(*words, "--json", "--state", state.root).out)
    assert document["accepted"]
    assert document["tasks"][0]["task_id"] == "t1"
    assert document["decisions"]
    assert not (state.root / GFT / "journal.sqlite").exists()


def test_what_would_be_refused(tmp_path: Path) -> None:
    state = telescope(tmp_path)
    words = ("gft", "plan", GFT, "--ra", "102.86", "--dec", "-80", "--at", NIGHT)
    answer = followup(*words, "--state", state.root, columns=120)
    assert answer.status == 1
    assert "would refuse dry-run" in answer.out
    assert "never above 20 deg" in answer.out
    answer = followup("gft", "plan", GFT, "--ra", "1", "--state", state.root)
    assert (answer.status, answer.complaint) == (2, "one thing to plan for is needed")


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"max_airmass": 1.1}, "never above 65"),
        ({"max_altitude_deg": 30.0, "max_hour_angle_h": 1.0}, "never within the mount's limits"),
    ],
)
def test_what_the_mount_may_not(tmp_path: Path, limits: dict[str, float], says: str) -> None:
    state = telescope(tmp_path, **limits)
    answer = followup("gft", "plan", GFT, *COORDINATES, "--at", NIGHT, "--state", state.root, columns=200)
    assert answer.status == 1, answer
    assert says in answer.out
