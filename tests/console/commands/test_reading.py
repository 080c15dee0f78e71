"""Commands that read the science centre's archive while no agent runs."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest

from archive import Archive
from console.state import State, archive_files, archive_url
from tests.archive.conversation import JILIN, SPM
from tests.console.centre import FILES, make_centre
from tests.console.cli import followup

REFUSAL = "never above 20 deg in the next 24 h"


def test_campaigns_are_listed(centre: State) -> None:
    answer = followup("campaigns", "--state", centre.root)
    assert (answer.status, answer.err) == (0, "")
    text = " ".join(answer.out.split())
    assert f"{JILIN} 2026-11-22 03:00 completed 1/2 2 tasks, afterglow found" in text
    assert f"{SPM} 2026-11-22 03:00 declined 0/0 never above" in text
    assert "9.9900 +41.0000" in followup("campaigns", "--state", centre.root, columns=160).out


def test_campaigns_in_json(centre: State) -> None:
    rows = json.loads(followup("campaigns", "--state", centre.root, "--json").out)
    assert [(row["name"], row["burst"], row["telescope"], row["outcome"]) for row in rows] == [
        (JILIN, "sb26112201", "gft-jilin", "completed"),
        (SPM, "sb26112201", "gft-spm", "declined"),
    ]
    assert [task["outcome"] for task in rows[0]["tasks"]] == ["done", "skipped"]


@pytest.mark.parametrize("columns", [60, 80, 160])
def test_show_tells_everything_and_breaks_no_name(centre: State, columns: int) -> None:
    answer = followup("show", JILIN, "--state", centre.root, columns=columns)
    assert (answer.status, answer.err) == (0, "")
    facts, _, tables = answer.out.partition("\ntasks")
    assert max(map(len, tables.splitlines())) <= columns
    assert f"{JILIN}  completed: 2 tasks, afterglow found" in facts
    assert "T0 2026-11-22 03:00:00 UTC, seen by ECLAIRs, alert ivo://org.svom/fsc#sb26112201" in facts
    assert "decay index 0.90 ± 0.10" in facts
    for said in (
        "trigger-r0",
        "trigger-r1",
        "upload-",
        "closing-",
        "gft-jilin → csc",
        "> 19.50",
        "5 σ limit",
    ):
        assert said in tables
    assert "refused: a star" in " ".join(tables.split()) or columns == 60


def test_a_wide_terminal_shows_the_relays_custody(centre: State) -> None:
    narrow, wide = (
        followup("show", JILIN, "--state", centre.root, columns=columns).out for columns in (80, 160)
    )
    assert "relayed" not in narrow
    assert "relayed" in wide


def test_a_refusal_is_shown_with_its_reason(centre: State) -> None:
    answer = followup("show", SPM, "--state", centre.root)
    assert f"{SPM}  declined: {REFUSAL}" in answer.out
    assert f"refused: {REFUSAL}" in " ".join(answer.out.split())


def test_show_in_json_is_of_one_campaign(centre: State) -> None:
    document = json.loads(followup("show", JILIN, "--state", centre.root, "--json").out)
    assert document["campaign"]["name"] == JILIN
    assert {row["campaign"] for key in ("packets", "files", "photometry") for row in document[key]} == {JILIN}
    assert all(file["verified"] for file in document["files"])


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), [JILIN, SPM]),
        (("--telescope", "gft-spm"), [SPM]),
        (("--burst", "sb26112202"), []),
        (("--outcome", "completed"), [JILIN]),
        (("--since", "2026-11-22", "--until", "2026-11-23"), [JILIN, SPM]),
        (("--until", "2026-11-22T03:00:00"), []),
        (("--cone", "10", "41", "0.1"), [JILIN, SPM]),
        (("--cone", "30", "-41", "5"), []),
    ],
)
def test_query(centre: State, words: tuple[str, ...], names: list[str]) -> None:
    found = json.loads(followup("archive", "query", "--state", centre.root, *words, "--json").out)
    assert [row["campaign"] for row in found] == names
    listed = followup("archive", "query", "--state", centre.root, *words).out
    assert all(name in listed for name in names)
    assert ("nothing fits" in listed) == (not names)


def test_query_of_packets_gives_ivorns_that_can_be_copied(centre: State) -> None:
    rows = json.loads(followup("archive", "query", "--state", centre.root, "--kind", "result", "--json").out)
    lines = followup("archive", "query", "--state", centre.root, "--kind", "result").out.splitlines()
    assert len(rows) == len(lines) == 4
    assert [line.split()[-1] for line in lines] == [row["ivorn"] for row in rows]


@pytest.mark.parametrize("cone", [("400", "0", "1"), ("10", "91", "1"), ("10", "0", "-1")])
def test_a_cone_that_is_none(centre: State, cone: tuple[str, ...]) -> None:
    answer = followup("archive", "query", "--state", centre.root, "--cone", *cone)
    assert answer.status == 2
    assert answer.hint == "RA DEC RADIUS in degrees"


def test_get_copies_verified_files(centre: State, tmp_path: Path) -> None:
    answer = followup("archive", "get", JILIN, "--state", centre.root, "--to", tmp_path / "deep" / "copy")
    assert answer.status == 0
    assert answer.out.startswith("2 files, 0.0 MB in ")
    copied = tmp_path / "deep" / "copy" / "sb26112201" / "gft-jilin" / "t1"
    assert {str(path.relative_to(copied)): path.read_bytes() for path in copied.rglob("*.*")} == FILES


def test_get_of_a_packet_gives_its_exact_bytes(centre: State, tmp_path: Path) -> None:
    listed = followup("archive", "query", "--state", centre.root, "--kind", "closing", "--json").out
    (row,) = json.loads(listed)
    answer = followup("archive", "get", row["ivorn"], "--state", centre.root, "--to", tmp_path)
    assert answer.status == 0
    assert hashlib.sha256(Path(answer.out.strip()).read_bytes()).hexdigest() == row["sha256"]


def test_get_of_files_that_are_damaged_copies_nothing(tmp_path: Path) -> None:
    state = make_centre(tmp_path / "state")
    damaged = next(archive_files(state.csc).rglob("*.fits"))
    damaged.chmod(0o644)
    damaged.write_bytes(b"SIMPLE  =" * 999 + b"SIMPLE  ?")
    answer = followup("archive", "get", JILIN, "--state", state.root, "--to", tmp_path / "copy")
    assert answer.status == 1
    assert "t1-r-0001.fits" in answer.out
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("show", "sb26112299.gft-spm"),
        ("show", "nonsense"),
        ("archive", "get", "sb26112299.gft-spm"),
        ("archive", "get", "ivo://followup/csc#nothing"),
    ],
)
def test_what_is_not_in_the_archive(centre: State, tmp_path: Path, words: tuple[str, ...]) -> None:
    more = ("--to", tmp_path / "copy") if "get" in words else ()
    answer = followup(*words, "--state", centre.root, *more)
    assert answer.status == 2
    assert words[-1] in answer.complaint
    assert answer.hint
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    "words", [("campaigns",), ("show", JILIN), ("archive", "query"), ("archive", "get", JILIN), ("trigger",)]
)
def test_a_state_that_is_not_there_is_not_made(tmp_path: Path, words: tuple[str, ...]) -> None:
    answer = followup(*words, "--state", tmp_path / "none")
    assert answer.status == 2
    assert str(tmp_path / "none") in answer.complaint
    assert "--state" in answer.hint
    assert not (tmp_path / "none").exists()


def test_an_archive_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    state = make_centre(tmp_path)
    database = state.csc / "archive.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = database.read_bytes()
    answer = followup("campaigns", "--state", tmp_path)
    assert answer.status == 2
    assert "is of a newer version (9999)" in answer.complaint
    assert "update followup" in answer.hint
    assert database.read_bytes() == before


def test_no_campaign_yet(tmp_path: Path) -> None:
    state = make_centre(tmp_path)
    (state.csc / "archive.sqlite").unlink()
    with Archive.open(archive_url(state.csc, ""), archive_files(state.csc)):
        pass
    assert "no campaign yet" in followup("campaigns", "--state", tmp_path).out
    assert json.loads(followup("campaigns", "--state", tmp_path, "--json").out) == []
