"""``followup gft status``: how one telescope stands, live."""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.live import Live

from console import set_aside
from console.commands.options import JsonOption, StateOption, command, print_json, state_of
from console.commands.people import check
from console.control import ask
from console.errors import explained
from console.screen import say, screen
from console.state import State, agent_lock
from console.tenure import holder
from console.watching import picture
from followup.errors import ConfigurationError, FollowupError

_EVERY_S = 1.0
_ANSWER_S = 10.0


def telescope_status(
    name: Annotated[str, typer.Argument(help="The telescope, gft-NAME.")],
    state: StateOption,
    once: Annotated[bool, typer.Option("--once", help="Tell once, also on a terminal.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a telescope: who is in charge, what it does, what comes, weather, last frames, whom it reaches.

    On a terminal it goes on until Ctrl-C; in a pipe it tells once. When no agent runs it tells what its
    journal says. All times are UTC.
    """
    with explained():
        where = state_of(state)
        folder = where.telescope(check(name))
        if as_json:
            print_json(_document(folder))
            return
        console = screen()
        if once or not console.is_terminal:
            document = _document(folder)
            console.print(picture(document))
            if "state" not in document:
                _advise(where, folder)
            return
        with Live(console=console, auto_refresh=False) as view, contextlib.suppress(KeyboardInterrupt):
            while True:
                view.update(picture(_document(folder)), refresh=True)
                time.sleep(_EVERY_S)


def _document(folder: Path) -> dict[str, Any]:
    """Ask the agent; without one, the journal."""
    try:
        document: dict[str, Any] = asyncio.run(ask(folder, "live", timeout_s=_ANSWER_S))
    except ConfigurationError:
        return _written(folder)
    except FollowupError as error:
        return _written(folder) | {"state": f"its agent does not answer ({error})"}
    return document


def _written(folder: Path) -> dict[str, Any]:
    from agents.gft.board import board, with_quality  # noqa: PLC0415 - it reads frames, which takes a second

    if not (folder / set_aside.JOURNAL).is_file():
        raise ConfigurationError(
            f"{folder.name} has never run here: {folder / set_aside.JOURNAL} does not exist",
            hint=f"is --state right? followup gft run {folder.name}",
        )
    document = set_aside.look(folder, partial(board, telescope=folder.name))
    return with_quality(document, folder / "data", None)


def _advise(where: State, folder: Path) -> None:
    pid = holder(agent_lock(folder))
    if pid is not None:
        say(f"its agent (process {pid}) is starting; this is what its journal says")
    else:
        say(f"this is what its journal says; start the agent: {command(where, f'gft run {folder.name}')}")
