"""What every command has in common: help that teaches, colours that go, completion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from console.app import app
from tests.console.cli import followup


def commands() -> Iterator[tuple[str, ...]]:
    def below(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield path
        for name, found in getattr(command, "commands", {}).items():
            if not found.hidden:
                yield from below(found, (*path, name))

    yield from below(typer.main.get_command(app), ())


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
@pytest.mark.parametrize("columns", [80, 160])
def test_help_teaches_and_fits(words: tuple[str, ...], columns: int) -> None:
    answer = followup(*words, "--help", columns=columns)
    assert answer.status == 0
    assert answer.err == ""
    lines = answer.out.splitlines()
    assert max(map(len, lines)) <= columns
    said = " ".join(answer.out.partition("╭")[0].split())
    assert len(said) > len("Usage: followup") + 40
    # Neither the source's markup nor its line breaks come through.
    assert not re.search(r"``|\[/?bold\]|\[/\]|\*\*", answer.out)


def test_nothing_given_is_answered_with_help() -> None:
    answer = followup()
    assert answer.status == 2
    assert "followup demo" in answer.out + answer.err


def test_help_of_an_option_that_is_misspelt_names_it() -> None:
    answer = followup("campaigns", "--stat", "x")
    assert answer.status == 2
    assert "--stat" in answer.err


def test_colours_are_for_terminals_that_want_them() -> None:
    plain = followup("--help")
    assert "\x1b" not in plain.out
    error = followup("show", "x.gft-spm", "--state", "/nowhere")
    assert "\x1b" not in error.err


def test_completion_of_commands() -> None:
    answer = followup(_FOLLOWUP_COMPLETE="complete_bash", COMP_WORDS="followup csc ", COMP_CWORD="2")
    assert answer.status == 0
    assert set(answer.out.split()) == {"run", "admit", "revoke", "telescopes"}
