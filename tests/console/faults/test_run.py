"""A short run with everything real, and a judge that must see what is wrong when something is."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.errors import ArchiveError
from console.faults.evidence import gather, integrity
from console.faults.verdict import Finding, Shape, Wrong, judge, shape_of
from console.state import State
from followup.names import CampaignName
from tests.console.cli import Answer, processes_of, run

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

FAULTS = (
    "after an exposure's intention is committed",
    "between download and archive",
    "right after relayed",
    "kill xmpp: at a random moment",
)


@dataclass(frozen=True, kw_only=True)
class Struck:
    """A run that is over."""

    state: State
    answer: Answer
    report: dict[str, Any]
    campaign: str


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> Struck:
    folder = tmp_path_factory.mktemp("faults")
    words: list[str | Path] = ["--state", folder / "state", "--json", folder / "report.json"]
    words += [
        "--table",
        folder / "table.md",
        "--rounds",
        "4",
        "--seed",
        "3",
        "--together",
        "1",
        "--telescopes",
        "1",
    ]
    for fault in FAULTS:
        words += ["--only", fault]
    answer = run("faults", *words, timeout_s=380.0)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    campaign = report["rounds"][0]["campaign"]
    return Struck(state=State(folder / "state"), answer=answer, report=report, campaign=campaign)


@pytest.fixture
def copied(struck: Struck, tmp_path: Path) -> State:
    """The same evidence, to be tampered with."""
    left_out = shutil.ignore_patterns("servers", "*.log", "log.jsonl", "*.sock")
    shutil.copytree(struck.state.root, tmp_path / "state", ignore=left_out)
    return State(tmp_path / "state")


def findings(state: State, campaign: str, reference: Shape | None = None) -> list[Finding]:
    return judge(gather(state, campaign), deaths=(), reference=reference)


def wrong(state: State, campaign: str) -> set[Wrong]:
    """In which ways it is wrong, but for the repetition that the death in the run allows."""
    found = findings(state, campaign)
    return {finding.wrong for finding in found if "nothing died meanwhile" not in finding.text}


@pytest.fixture
def at_telescope(copied: State, struck: Struck) -> Iterator[sqlite3.Connection]:
    folder = copied.telescope(CampaignName.parse(struck.campaign).telescope)
    with closing(sqlite3.connect(folder / "journal.sqlite")) as connection, connection:
        yield connection


def test_all_campaigns_ended_as_undisturbed(struck: Struck) -> None:
    report = struck.report
    assert (struck.answer.status, struck.answer.err) == (0, ""), struck.answer.out
    assert {one["outcome"] for one in report["rounds"]} == {"as undisturbed"}
    assert [(one["fault"], one["where"]) for one in report["rounds"]] != []
    assert sorted(f"{one['fault']}: {one['where']}" for one in report["rounds"]) == sorted(
        title if ": " in title else f"kill {who}: {title}"
        for who, title in zip(("gft", "csc", "relay", ""), FAULTS, strict=True)
    )
    assert [report[name] for name in ("lost", "doubled", "unfinished", "different")] == [0, 0, 0, 0]
    assert report["random_kills"] == 1
    assert report["campaigns"] >= 2
    assert "✓ 4 faults, 1 of them random kills" in struck.answer.out
    assert processes_of(struck.state.root) == []
    table = (struck.state.root.parent / "table.md").read_text(encoding="utf-8")
    assert "| kill relay | right after relayed | 1 | as undisturbed |" in table


def test_the_evidence_stands_when_all_is_over(struck: Struck) -> None:
    assert integrity(struck.state) == []
    assert wrong(struck.state, struck.campaign) == set()


def test_a_damaged_file_is_seen(copied: State, struck: Struck) -> None:
    file = gather(copied, struck.campaign).files[0].location
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert wrong(copied, struck.campaign) == {Wrong.LOST}


def test_a_packet_that_never_came_is_seen(copied: State, struck: Struck, at_telescope: Any) -> None:
    at_telescope.execute(
        "UPDATE packets SET ivorn = ivorn || 'x' WHERE NOT received AND kind = 'status' AND campaign = ?",
        (struck.campaign,),
    )
    at_telescope.commit()
    assert wrong(copied, struck.campaign) == {Wrong.LOST}


def test_an_exposure_repeated_for_no_reason_is_seen(struck: Struck) -> None:
    evidence = gather(struck.state, struck.campaign)
    begun = [entry for entry in evidence.telescope.entries if entry.what == "exposing"]
    first = {entry.data["exposure"]: entry for entry in reversed(begun)}
    again = [entry for entry in begun if entry is not first[entry.data["exposure"]]]
    died_at = [entry.committed - timedelta(microseconds=1) for entry in again]
    assert judge(evidence, deaths=died_at, reference=None) == []
    assert len(judge(evidence, deaths=(), reference=None)) == len(again)


def test_what_was_done_twice_is_seen(copied: State, struck: Struck, at_telescope: Any) -> None:
    at_telescope.execute(
        "INSERT INTO entries (campaign, what, data, time, committed) SELECT campaign, what, data, time, "
        "committed FROM entries WHERE what = 'task-ended' AND campaign = ?",
        (struck.campaign,),
    )
    at_telescope.commit()
    assert wrong(copied, struck.campaign) == {Wrong.DOUBLED}


def test_a_half_file_left_behind_is_seen(copied: State, struck: Struck) -> None:
    name = CampaignName.parse(struck.campaign)
    folder = copied.relay / "store" / name.telescope / str(name)
    (folder / ".frame.fits.0123456789abcdef.part").write_bytes(b"half")
    assert wrong(copied, struck.campaign) == {Wrong.UNFINISHED}


def test_a_packet_still_on_its_way_is_seen(copied: State, struck: Struck) -> None:
    with closing(sqlite3.connect(copied.relay / "journal.sqlite")) as connection, connection:
        connection.execute("UPDATE outgoing SET state = 'pending' WHERE state = 'sent'")
    assert wrong(copied, struck.campaign) == {Wrong.UNFINISHED}


def test_another_shape_is_seen(struck: Struck) -> None:
    shape = shape_of(gather(struck.state, struck.campaign))
    other = Shape(
        outcome="failed", tasks=(), said=shape.said, files=(*shape.files, "t9/raw/t9-r-001.fits.fz")
    )
    texts = [finding.text for finding in findings(struck.state, struck.campaign, other)]
    assert sum("not failed" in text or "its tasks are" in text for text in texts) == 2
    assert "not archived: t9/raw/t9-r-001.fits.fz" in texts
    assert all(
        f.text not in texts
        for f in findings(struck.state, struck.campaign, shape)
        if "repeated" not in f.text
    )


def test_an_unknown_campaign_is_none(struck: Struck) -> None:
    with pytest.raises(ArchiveError, match="no campaign"):
        gather(struck.state, f"sb26120799.{CampaignName.parse(struck.campaign).telescope}")
