"""Flows show what agents tell, and hold nothing of the work: read from the sources, Prefect not imported."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AGENT_OF_FLOW = {"observe": "gft", "follow_up": "csc", "relay": "ftp_relay"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def steps_shown(flow: str) -> set[str]:
    """Kinds of steps that a flow has tasks for."""
    for node in tree(ROOT / "flows" / f"{flow}.py").body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            return {ast.literal_eval(key) for key in node.value.keys if key is not None}
    raise AssertionError("a flow has its steps")


def steps_begun(agent: str) -> set[str]:
    """Kinds of steps that an agent begins: the text before the colon of what may become a step's key."""
    found = set()
    for path in sorted((ROOT / "agents" / agent).glob("*.py")):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.JoinedStr):
                node = node.values[0]  # noqa: PLW2901 - the text that it begins with
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                kind, colon, rest = node.value.partition(":")
                if colon and not rest and kind.isalpha() and kind.islower():
                    found.add(kind)
    return found


@pytest.mark.parametrize("flow", AGENT_OF_FLOW)
def test_a_flow_is_one_sentence(flow: str) -> None:
    [function] = [n for n in tree(ROOT / "flows" / f"{flow}.py").body if isinstance(n, ast.AsyncFunctionDef)]
    docstring, statement = function.body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(statement, ast.Return)


@pytest.mark.parametrize("flow", AGENT_OF_FLOW)
def test_every_step_that_an_agent_begins_can_be_shown(flow: str) -> None:
    assert steps_begun(AGENT_OF_FLOW[flow]) == steps_shown(flow)


@pytest.mark.parametrize("path", sorted((ROOT / "flows").glob("*.py")), ids=lambda path: path.stem)
def test_flows_know_stories_and_prefect_only(path: Path) -> None:
    known = {"flows", "prefect", "httpx", *sys.stdlib_module_names}
    others = {name for name in imported(tree(path)) if name.split(".")[0] not in known}
    assert others <= {"followup.story", "followup.clock", "followup.steering", "followup.errors"}
