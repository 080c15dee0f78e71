"""Options that many commands take."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from console.state import State, default_state

StateOption = Annotated[
    Path,
    typer.Option(
        "--state",
        help="Folder of everything: one folder a site, and one for the embedded servers.",
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
    LogFormat, typer.Option("--log", help="Log on standard output for people or as JSON lines.")
]
PrefectOption = Annotated[
    str,
    typer.Option(
        "--prefect", help="Where the work is shown: 'embedded', 'none', or the URL of your Prefect server."
    ),
]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Log more.")]


def state_of(path: Path) -> State:
    """Return the state in a folder."""
    return State(path.expanduser())


def print_json(document: Any) -> None:
    """Print JSON on standard output, unadorned."""
    print(json.dumps(document, indent=1, default=str, ensure_ascii=False))


def screen() -> Console:
    """Return the console for people; it drops colours by itself where there are none."""
    return Console(highlight=False)
