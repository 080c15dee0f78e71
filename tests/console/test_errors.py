"""How a command ends that cannot do what it was asked."""

from __future__ import annotations

import errno

import pytest
import typer

from console.errors import Complaint, explained, say_error
from deploy.errors import ProgramMissingError
from followup.errors import ConfigurationError
from voevent.errors import HostileError


@pytest.mark.parametrize(
    ("error", "line", "hint"),
    [
        (ConfigurationError("no port", hint="take one"), "no port", "take one"),
        (ConfigurationError("[bold] is no name"), "[bold] is no name", ""),
        (ProgramMissingError("prosody", "prosody"), "the program prosody is not installed", "apt-get"),
        (HostileError("it has a DTD"), "it has a DTD", "mend"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "/x: No space left on device", "make room"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x: Permission denied", "may write"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error", "look at the path"),
    ],
)
def test_errors_of_ours_are_one_line_and_a_hint(
    error: Exception, line: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, explained():
        raise error
    assert ended.value.exit_code == 2
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == f"error: {line}"
    assert bool(hint) == bool(rest)
    assert all(hint in one and one.startswith("  → ") for one in rest)


def test_a_defect_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError), explained():
        _ = 1 // 0


def test_a_reader_that_left_is_no_error_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BrokenPipeError), explained():
        raise BrokenPipeError
    assert capsys.readouterr().err == ""


def test_long_lines_are_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    say_error("x" * 300, "y" * 300)
    assert capsys.readouterr().err.splitlines() == ["error: " + "x" * 300, "  → " + "y" * 300]


def test_a_complaint_is_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    say_error("first", "")
    say_error("port 80 is taken: by another", "take port 81")
    said = "a line before\n" + capsys.readouterr().err + "a line after\n"
    assert Complaint.found_in(said) == Complaint("port 80 is taken: by another", "take port 81")


@pytest.mark.parametrize(
    ("said", "message"), [("", "it gave no reason"), ("a\nTypeError: b\n\n", "TypeError: b")]
)
def test_who_does_not_complain_in_our_form_is_quoted(said: str, message: str) -> None:
    assert Complaint.found_in(said) == Complaint(message, "")
