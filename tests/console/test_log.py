"""What of an agent's log goes where."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import log


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def speak() -> None:
    logging.getLogger("agents.csc.service").info("archived", extra={"event": "dataset.archived", "files": 3})
    logging.getLogger("slixmpp.xmlstream").error("Traceback: the library's view")
    logging.getLogger("asyncio").error("an exception that nobody took")
    logging.getLogger("paramiko.transport").info("Connected (version 2.0, client OpenSSH)")


def in_file(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_people_see_our_own_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = log.set_up(tmp_path, as_json=False, verbose=False)
    speak()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=3)[2:] for line in lines] == [
        ["INFO", "archived"],
        ["ERROR", "an exception that nobody took"],
    ]
    # Nothing is lost: the file has the libraries' complaints, but not their routine.
    assert [line["message"] for line in in_file(path)] == [
        "archived",
        "Traceback: the library's view",
        "an exception that nobody took",
    ]


def test_verbose_shows_the_libraries_complaints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(tmp_path, as_json=False, verbose=True)
    speak()
    assert "the library's view" in capsys.readouterr().out


def test_json_lines_have_the_records_own_fields(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(tmp_path, as_json=True, verbose=False)
    speak()
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (first["event"], first["files"], first["message"]) == ("dataset.archived", 3, "archived")
    assert first["time"].endswith("+00:00")
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        logging.getLogger("console.x").exception("it broke")
    assert "ZeroDivisionError" in json.loads(capsys.readouterr().out)["traceback"]
