"""``followup packet``: looking at packets, good and bad."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.archive.conversation import NOTICE
from tests.console.cli import followup
from voevent.notice import read_notice
from voevent.packet import MAX_PACKET_BYTES, SkyPosition
from voevent.parse import parse

BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]>
<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0" role="test" ivorn="ivo://a/b#c">
<Who/><What><Description>&c;</Description></What></voe:VOEvent>"""

BAD = {
    "not XML": (b"root:x:0:0:root:/root:/bin/bash\n", "not well-formed XML"),
    "empty": (b"", "XML"),
    "not VOEvent": (b"<html><body>404</body></html>", "VOEvent"),
    "too large": (b"<a>" + b" " * MAX_PACKET_BYTES + b"</a>", "more than the limit"),
    "hostile": (BOMB, "DTD"),
    "binary": (bytes(range(256)), "XML"),
}


@pytest.fixture
def notice(tmp_path: Path) -> Path:
    path = tmp_path / "alert.xml"
    path.write_bytes(NOTICE)
    return path


@pytest.mark.parametrize("command", ["show", "validate"])
@pytest.mark.parametrize("kind", BAD)
def test_bad_packets_give_one_line(tmp_path: Path, command: str, kind: str) -> None:
    raw, complaint = BAD[kind]
    path = tmp_path / "bad.xml"
    path.write_bytes(raw)
    answer = followup("packet", command, path)
    assert (answer.status, answer.out) == (2, "")
    assert answer.complaint.startswith(f"{path}: ")
    assert complaint.lower() in answer.complaint.lower()
    assert answer.hint


@pytest.mark.parametrize("command", ["show", "validate"])
def test_no_such_file(tmp_path: Path, command: str) -> None:
    missing, folder = (followup("packet", command, path) for path in (tmp_path / "none.xml", tmp_path))
    assert (missing.status, folder.status) == (2, 2)
    assert missing.complaint == f"{tmp_path / 'none.xml'}: No such file or directory"
    assert folder.complaint == f"{tmp_path}: Is a directory"


def test_show_says_what_an_alert_says(notice: Path) -> None:
    answer = followup("packet", "show", notice)
    assert (answer.status, answer.err) == (0, "")
    assert "ivo://org.svom/fsc#sb26112201_eclairs-wakeup" in answer.out
    assert "leads to no trigger" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_show_in_json_has_the_exact_text(notice: Path) -> None:
    document = json.loads(followup("packet", "show", notice, "--json").out)
    assert document["raw"].encode() == NOTICE
    assert document["role"] == "test"


def test_validate_tells_by_its_status(notice: Path) -> None:
    assert followup("packet", "validate", notice).status == 0
    invalid = notice.with_name("invalid.xml")
    invalid.write_bytes(NOTICE.replace(b'cite="followup"', b'cite="maybe"'))
    answer = followup("packet", "validate", invalid)
    assert answer.status == 1
    assert "is not valid VOEvent 2.0" in answer.out
    document = json.loads(followup("packet", "validate", invalid, "--json").out)
    assert document["valid"] is False
    assert len(document["violations"]) >= 1


BURST_080319B = ["--burst", "grb080319b", "--ra", "217.92", "--dec", "36.30", "--t0", "2008-03-19T06:12:49"]


def test_an_alert_of_which_the_coordinates_are_known_is_written(tmp_path: Path) -> None:
    path = tmp_path / "alert.xml"
    answer = followup("packet", "alert", path, *BURST_080319B, "--error", "2.4", "--after", "41")
    assert (answer.status, answer.err) == (0, "")
    found = read_notice(parse(path.read_bytes()))
    assert answer.out.strip() == found.id.ivorn
    assert (found.burst, found.drill) == ("grb080319b", False)
    assert found.trigger_time == datetime(2008, 3, 19, 6, 12, 49, tzinfo=UTC)
    assert parse(path.read_bytes()).date == datetime(2008, 3, 19, 6, 13, 30, tzinfo=UTC)
    assert found.position == SkyPosition(ra_deg=217.92, dec_deg=36.3, error_radius_deg=0.04)
    assert followup("packet", "validate", path).status == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--t0", "once"], "'once' is not a time"),
        (["--dec", "100"], "declination"),
        (["--burst", "a b"], "'a b'"),
    ],
)
def test_an_alert_that_cannot_be_is_not_written(tmp_path: Path, words: list[str], complaint: str) -> None:
    path = tmp_path / "alert.xml"
    answer = followup("packet", "alert", path, *BURST_080319B, *words)
    assert answer.status == 2
    assert complaint in answer.complaint
    assert answer.hint
    assert not path.exists()
    nowhere = followup("packet", "alert", tmp_path / "no" / "alert.xml", *BURST_080319B)
    assert nowhere.complaint.endswith("alert.xml cannot be written: No such file or directory")
