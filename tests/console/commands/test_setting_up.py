"""``followup gft init`` without any server: files, questions, refusals."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from console.commands import setting_up
from console.site_key import KEY, PUBLIC_KEY
from tests.console.cli import followup

NAME = "gft-jilin"


def init(where: Path, *words: str | Path) -> str:
    answer = followup("gft", "init", NAME, "--state", where, *words)
    assert answer.status == 0, answer.err
    return answer.out


def test_a_folder_is_made_and_what_to_send_is_said(tmp_path: Path) -> None:
    said = init(tmp_path)
    folder = tmp_path / NAME
    assert {path.name for path in folder.iterdir()} == {"site.toml", "strategies.toml", KEY, PUBLIC_KEY}
    assert (folder / "site.toml").stat().st_mode & 0o777 == 0o600
    assert tomllib.loads((folder / "site.toml").read_text())["name"] == NAME
    assert (folder / PUBLIC_KEY).read_text().strip() in said
    assert "PRIVATE" not in said
    assert f"followup csc admit {NAME} --key {PUBLIC_KEY}" in said
    assert "place.latitude_deg" in said, "what is still missing is named"
    assert "xmpp" not in said, "what comes with the enrolment is not to be filled in"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert "stays as it is" in init(tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_scripts_get_json(tmp_path: Path) -> None:
    document = json.loads(init(tmp_path, "--json", "--set", "place.latitude_deg=43.8"))
    assert document["folder"] == str(tmp_path / NAME)
    assert document["fingerprint"].startswith("SHA256:")
    assert (document["written"], document["enrolled"]) == (True, False)
    assert "place.latitude_deg" not in document["wrong"]
    assert "place.longitude_deg" in document["wrong"]


def test_a_person_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"place.name": "Jilin", "place.latitude_deg": 43.8, "place.elevation_m": 313}
    monkeypatch.setattr(setting_up, "_asked", lambda: answers)
    init(tmp_path)
    place = tomllib.loads((tmp_path / NAME / "site.toml").read_text())["place"]
    assert place == {"name": "Jilin", "latitude_deg": 43.8, "elevation_m": 313}


def test_a_setting_that_is_none_and_a_name_that_is_none(tmp_path: Path) -> None:
    wrong = followup("gft", "init", NAME, "--state", tmp_path, "--set", "place.lattitude_deg=1")
    assert (wrong.status, wrong.complaint) == (2, "there is no setting place.lattitude_deg")
    assert not (tmp_path / NAME).exists()
    assert followup("gft", "init", "jilin", "--state", tmp_path).status == 2
    assert (
        followup("gft", "init", NAME, "--state", tmp_path, "--indi", "host:").complaint
        == "'host:' is no address"
    )


def test_a_file_that_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    init(tmp_path)
    path = tmp_path / NAME / "site.toml"
    path.write_text(path.read_text() + "latitude 43\n")
    before = path.read_text()
    answer = followup("gft", "init", NAME, "--state", tmp_path)
    assert answer.status == 2
    assert f"line {len(before.splitlines())}" in answer.complaint
    checked = followup("gft", "check", NAME, "--state", tmp_path)
    assert checked.status == 1
    assert checked.out.startswith("FAIL     settings")
    assert path.read_text() == before


def test_no_telescope_is_checked_that_is_not_set_up(tmp_path: Path) -> None:
    answer = followup("gft", "check", NAME, "--state", tmp_path)
    assert (answer.status, "is not set up" in answer.complaint) == (2, True)
    assert f"followup gft init {NAME} --state {tmp_path}" in answer.hint


def test_what_is_no_enrolment(tmp_path: Path) -> None:
    init(tmp_path)
    answer = followup("gft", "init", NAME, "--state", tmp_path, "--enrolment", tmp_path)
    assert "is not an enrolment" in answer.complaint
    assert not (tmp_path / NAME / "password").exists()
