"""What ``followup status`` says in words about each site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.commands.status import _more
from tests.console.cli import followup

GFT = "gft-spm"


def site(**said: Any) -> dict[str, Any]:
    return {"connected": True, "hears": {"csc": True, "csc-ftp": True}, "relayed": 0} | said


def telescope(**said: Any) -> dict[str, Any]:
    return {
        "observing": "", "people": "", "weather": "safe", "campaigns": [], "waits": {}, "given_up": [],
    } | said  # fmt: skip


def centre(**said: Any) -> dict[str, Any]:
    return {"hears": {}, "waits": {}, "undelivered": []} | said


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (site(), ""),
        (site(hears={"csc": False, "csc-ftp": True}, relayed=7), "CSC away, relay holds 7; "),
        (site(hears={"csc": None, "csc-ftp": None}), ""),
        (site(hears={"csc": False, "csc-ftp": False}), "relay away; "),
        (site(connected=False, hears={"csc": None, "csc-ftp": None}), "not connected to the XMPP server; "),
    ],
)
def test_a_telescope_tells_whom_it_cannot_reach(said: dict[str, Any], words: str) -> None:
    assert _more(GFT, said | {"more": telescope()}) == f"{words}idle, weather safe"


def test_a_telescope_tells_what_its_uploads_wait_for() -> None:
    more = telescope(
        observing="sb1.gft-spm",
        campaigns=["sb1.gft-spm"],
        waits={"sb1.gft-spm/t1": "waiting for room on the relay's disk: …"},
        given_up=["sb1.gft-spm/t2"],
    )
    assert _more(GFT, site() | {"more": more}) == (
        "observes sb1.gft-spm, weather safe; open: sb1.gft-spm; "
        "sb1.gft-spm/t1: waiting for room on the relay's disk: …; given up: sb1.gft-spm/t2"
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (centre(), ""),
        (centre(hears={"gft-a": True, "gft-b": False, "gft-c": None}), "hears of gft-a; not of gft-b"),
        (centre(undelivered=["sb1.gft-a/t1"]), "not delivered: sb1.gft-a/t1"),
        (centre(waits={"sb1.gft-a/t1": "disk full"}), "sb1.gft-a/t1: disk full"),
    ],
)
def test_the_centre(more: dict[str, Any], words: str) -> None:
    assert _more("csc", site(hears={"csc-ftp": True}) | {"more": more}) == words


def test_nobody_is_heard_of_while_the_centre_is_not_connected() -> None:
    more = centre(hears={"gft-a": None})
    said = site(connected=False, hears={"csc-ftp": None}) | {"more": more}
    assert _more("csc", said) == "not connected to the XMPP server"


def test_the_relay() -> None:
    said = site(hears={"csc": False}) | {"more": {"in_custody": {"sb1.gft-a": 3}}}
    assert _more("csc-ftp", said) == "CSC away; in custody: sb1.gft-a 3"


def test_a_telescopes_own_machine_shows_the_telescope(tmp_path: Path) -> None:
    folder = tmp_path / GFT
    folder.mkdir()
    (folder / "site.toml").write_text("", encoding="utf-8")
    answer = followup("status", "--state", tmp_path)
    assert answer.status == 0
    assert GFT in answer.out
    assert "its agent is not running" in " ".join(answer.out.split())


def test_a_telescopes_own_computer_has_no_servers_to_be_started(tmp_path: Path) -> None:
    (tmp_path / "gft-spm").mkdir()
    (tmp_path / "gft-spm" / "site.toml").write_text("")
    alone = followup("status", "--state", tmp_path)
    assert (alone.status, "embedded servers" in alone.out) == (0, False)
    (tmp_path / "servers").mkdir()
    assert "embedded servers" in followup("status", "--state", tmp_path).out
