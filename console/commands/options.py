"""Options that many commands take."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from console.state import State, default_state

StateOption = Annotated[
    Path,
    typer.Option(
        "--state",
        help="Folder in which everything lies: one folder a site, and one for the servers.",
        envvar="FOLLOWUP_STATE",
        default_factory=default_state,
        show_default="followup in the user's state folder",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


class LogFormat(StrEnum):
    """How an agent logs on standard output."""

    TEXT = "text"
    JSON = "json"


LogOption = Annotated[
    LogFormat,
    typer.Option(
        "--log",
        help="Log on standard output for people, or as JSON lines, as `log.jsonl` in the site's folder is.",
    ),
]
PrefectOption = Annotated[
    str,
    typer.Option(
        "--prefect", help="Where the work is shown: 'embedded', 'none', or the URL of your Prefect server."
    ),
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", help="Log more, and show what libraries complain of.")
]


def state_of(path: Path) -> State:
    """Return the state in a folder."""
    return State(path.expanduser())


def print_json(document: Any) -> None:
    """Print JSON on standard output, unadorned."""
    print(json.dumps(document, indent=1, default=str, ensure_ascii=False))


def command(where: State, words: str) -> str:
    """Spell a command of this program so that it finds this state again."""
    usual = Path(os.environ.get("FOLLOWUP_STATE") or default_state()).expanduser()
    return f"followup {words}" if where.root == usual else f"followup {words} --state {where.root}"
