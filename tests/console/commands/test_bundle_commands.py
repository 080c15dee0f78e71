"""``followup export``, ``followup import`` and what ``followup replay`` cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive import Archive
from archive.bundle.manifest import BundleManifest
from archive.bundle.unpacking import unpack
from console import settings
from console.replay import case
from console.state import State, archive_files, archive_url
from followup.errors import ConfigurationError
from tests.console.cli import followup

KEPT = Path(__file__).parents[1] / "replay" / "bundles"
CAMPAIGN = "sb26112201.gft-spm"


def read_manifest(bundle: Path, folder: Path) -> BundleManifest:
    folder.mkdir()
    return unpack(bundle, folder)


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state")
    settings.write(
        state.csc, {"xmpp": {"host": "127.0.0.1", "domain": "x"}, "sftp": {"host": "127.0.0.1", "port": 1}}
    )
    Archive.open(archive_url(state.csc, ""), archive_files(state.csc)).close()
    return state


def test_a_campaign_comes_in_and_goes_out_again(state: State, tmp_path: Path) -> None:
    answer = followup("import", KEPT / "small.tar.zst", "--state", state.root)
    assert answer.status == 0, answer.err
    assert f"{CAMPAIGN}: " in answer.out
    assert f"show {CAMPAIGN}" in answer.out
    shown = followup("show", CAMPAIGN, "--state", state.root)
    assert "completed" in shown.out
    answer = followup("export", CAMPAIGN, tmp_path / "again.tar.zst", "--light", "--state", state.root)
    assert answer.status == 0, answer.err
    assert "left out" in answer.out
    answer = followup("import", tmp_path / "again.tar.zst", "--state", state.root)
    assert "a light bundle: the files of logs, t1, t2 are not in it" in answer.out


def test_a_campaign_becomes_a_test_case_by_one_command(state: State, tmp_path: Path) -> None:
    followup("import", KEPT / "small.tar.zst", "--state", state.root)
    suite = tmp_path / "nights"
    answer = followup("export", CAMPAIGN, "--to-suite", suite, "--state", state.root)
    assert answer.status == 0, answer.err
    assert f"followup replay --suite {suite}" in "".join(answer.out.split("\n"))
    [case] = suite.iterdir()
    assert case.name == f"{CAMPAIGN}.tar.zst"
    light = (
        read_manifest(case, tmp_path / "case"),
        read_manifest(KEPT / "small-light.tar.zst", tmp_path / "kept"),
    )
    assert light[0] == light[1]
    answer = followup("export", CAMPAIGN, "x", "--to-suite", suite, "--state", state.root)
    assert answer.complaint == "x and a suite: one of the two"


def test_a_record_that_lacks_something_is_no_test_case(state: State, tmp_path: Path) -> None:
    followup("import", KEPT / "small-light.tar.zst", "--state", state.root)
    answer = followup("export", CAMPAIGN, "--to-suite", tmp_path / "nights", "--state", state.root)
    assert answer.status == 2
    assert answer.complaint.startswith(f"{CAMPAIGN} cannot be a test case: the record of {CAMPAIGN} has no")
    assert not list((tmp_path / "nights").iterdir())


@pytest.mark.parametrize("before", [b"", b"an earlier one"])
def test_a_case_that_is_refused_leaves_all_as_it_was(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    followup("import", KEPT / "small.tar.zst", "--state", state.root)
    suite = tmp_path / "nights"
    suite.mkdir()
    kept = suite / f"{CAMPAIGN}.tar.zst"
    if before:
        kept.write_bytes(before)
    seen: list[Path] = []

    def refused(_text: str, *, source: str) -> None:
        seen.extend(suite.glob("*.tar.zst"))
        raise ConfigurationError(f"{source}: no strategies")

    monkeypatch.setattr(case, "load_strategies", refused)
    answer = followup("export", CAMPAIGN, "--to-suite", suite, "--state", state.root)
    assert answer.status == 2
    assert answer.complaint.startswith(f"{CAMPAIGN} cannot be a test case: the strategies of")
    assert seen == list(suite.iterdir()) == ([kept] if before else []), "the suite never saw it"
    assert not before or kept.read_bytes() == before


def test_a_damaged_bundle_is_refused_in_one_line(state: State, tmp_path: Path) -> None:
    path = tmp_path / "half.tar.zst"
    path.write_bytes((KEPT / "small-light.tar.zst").read_bytes()[:9000])
    answer = followup("import", path, "--state", state.root)
    assert answer.status == 2
    assert answer.complaint == "half.tar.zst: it is cut off"
    assert answer.hint == "export it again, or fetch it again"
    assert followup("campaigns", "--state", state.root).out.startswith("no campaign yet")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "nothing is named to be replayed"),
        (("--suite", "docs"), "docs holds no bundle"),
        (("x.tar.zst", "--suite", "docs"), "x.tar.zst and a suite: one of the two"),
        (("nothing.tar.zst",), "nothing.tar.zst: No such file or directory"),
        ((CAMPAIGN,), f"the archive holds no campaign {CAMPAIGN}"),
        (
            (KEPT / "small-light.tar.zst", "--speed", "fast"),
            "--speed 'fast' is neither 'max' nor a number up to 2000",
        ),
        (
            (KEPT / "small-light.tar.zst", "--speed", "0"),
            "--speed '0' is neither 'max' nor a number up to 2000",
        ),
    ],
)
def test_what_cannot_be_replayed_is_said_in_one_line(
    state: State, words: tuple[str, ...], complaint: str
) -> None:
    answer = followup("replay", *words, "--state", state.root)
    assert answer.status == 2
    assert answer.complaint == complaint


def test_import_makes_an_archive_where_there_is_none(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    assert followup("show", CAMPAIGN, "--state", elsewhere).status == 2
    assert not elsewhere.exists()
    for _ in range(2):
        answer = followup("import", KEPT / "small-light.tar.zst", "--state", elsewhere)
        assert answer.status == 0, answer.err
    assert "completed" in followup("show", CAMPAIGN, "--state", elsewhere).out
