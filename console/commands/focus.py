"""``followup gft focus``: have a running telescope find its focus."""

from __future__ import annotations

import asyncio
import getpass
from typing import Annotated, Any

import typer

from console.commands.options import JsonOption, StateOption, print_json, state_of
from console.control import ask
from console.errors import explained
from console.screen import say
from followup.names import check_telescope

_PATIENCE_S = 1800.0


def focus(
    name: Annotated[str, typer.Argument(help="The telescope, gft-NAME; its agent runs.")],
    state: StateOption,
    as_json: JsonOption = False,
) -> None:
    """Focus a telescope now: star sizes at several positions of the focuser, and to the best.

    It does so by itself when the night begins and when the temperature has changed (`[focus]` in site.toml);
    a burst interrupts it. Exit status 1: the stars showed no focus, and the focuser is where it was.
    """
    with explained():
        folder = state_of(state).telescope(check_telescope(name))
        result = asyncio.run(ask(folder, "focus", timeout_s=_PATIENCE_S, who=getpass.getuser()))
    if as_json:
        print_json(result)
    else:
        say(_told(result))
    raise typer.Exit(1 if result["problem"] else 0)


def _told(result: dict[str, Any]) -> str:
    lines = [f"{'position':>10}  {'size (px)':>9}  stars"]
    lines += [
        f"{position:>10}  {'-' if size is None else f'{size:.2f}':>9}  {stars:>5}"
        for position, size, stars in result["samples"]
    ]
    if result["problem"]:
        return "\n".join([*lines, f"No focus: {result['problem']}"])
    return "\n".join([*lines, f"In focus at {result['position']}: {result['diameter_px']:.2f} px"])
