"""The pages that people write say what is so: links, commands, the strategies example, keys of the report."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from console.app import app
from followup.strategy import load_strategies

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md"))
)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
BLOCK = re.compile(r"```(?:sh|console)\n(.*?)```", re.DOTALL)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert not [link for link in targets if not (page.parent / link).exists()]


def commands_in(page: Path) -> Iterator[list[str]]:
    for block in BLOCK.findall(page.read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:3] == ["sudo", "-u", "followup"]:
                words = words[3:]
            if words[:1] == ["followup"]:
                rest = words[1:]
                ends = [rest.index(mark) for mark in ("|", ">") if mark in rest]
                yield rest[: min(ends, default=len(rest))]


def complaint(words: list[str]) -> str:
    """What is wrong with a command of an example; empty when it would be understood."""
    command: Any = typer.main.get_command(app)
    context = typer.Context(command, info_name="followup")
    while hasattr(command, "get_command"):
        found = command.get_command(context, words[0]) if words else None
        if found is None:
            return f"no such command: {' '.join(words)}"
        context = typer.Context(found, info_name=words[0], parent=context)
        command, words = found, words[1:]
    known = {option for param in command.get_params(context) for option in getattr(param, "opts", ())}
    unknown = [word for word in words if word.startswith("-") and word.partition("=")[0] not in known]
    return f"no such option of {context.command_path}: {unknown}" if unknown else ""


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "cli.md"], ids=named)
def test_commands_in_examples_exist(page: Path) -> None:
    assert not [said for words in commands_in(page) if (said := complaint(words))]


def test_there_are_examples_to_check() -> None:
    assert len(list(commands_in(ROOT / "README.md"))) > 10
    assert complaint(["csc", "admits", "gft-x"])
    assert complaint(["show", "--colour"])


def test_the_example_of_a_strategy_is_one() -> None:
    page = (ROOT / "docs" / "strategies.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    strategies = load_strategies(next(e for e in examples if "[[rules]]" in e), source="strategies.md")
    assert strategies.default == "prompt"
