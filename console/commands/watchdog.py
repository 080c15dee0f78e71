"""``followup gft watchdog``: the process that makes a telescope safe when its agent does not."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from console import log
from console.commands.options import LogFormat, LogOption, StateOption, VerboseOption, state_of
from console.errors import explained
from console.settings import SETTINGS
from console.state import watchdog_lock
from console.tenure import HeldError, held
from followup.errors import ConfigurationError
from followup.names import check_telescope


def watchdog(
    name: Annotated[str, typer.Argument(help="The telescope, gft-NAME.")],
    state: StateOption,
    log_format: LogOption = LogFormat.TEXT,
    verbose: VerboseOption = False,
) -> None:
    """Watch over a telescope until Ctrl-C, beside its agent: park and close when the agent does not.

    It has its own connection to the INDI server, and looks for itself at weather, Sun, power and disk. It
    acts when conditions are unsafe and nobody closes, or when the agent has died or hangs while the telescope
    is open. As long as nothing is wrong it touches nothing. While a person has taken the telescope over it
    closes once before bad weather, and for nothing else.
    """
    with explained():
        from console.run_watchdog import run_watchdog  # noqa: PLC0415

        try:
            folder = state_of(state).telescope(check_telescope(name))
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
        if not (folder / SETTINGS).is_file():
            raise ConfigurationError(
                f"{name} is not set up: {folder / SETTINGS} does not exist", hint="is --state right?"
            )
        try:
            with held(watchdog_lock(folder)):
                logs = folder / "watchdog"
                logs.mkdir(mode=0o700, exist_ok=True)
                log.set_up(logs, as_json=log_format is LogFormat.JSON, verbose=verbose)
                asyncio.run(run_watchdog(folder))
        except HeldError as error:
            raise ConfigurationError(
                f"a watchdog of {name} runs already (process {error.pid})", hint="one is enough"
            ) from error
