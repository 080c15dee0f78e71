"""``followup faults``: campaigns that must end as if nothing had happened."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from console.errors import FAILED, explained
from console.screen import screen


def faults(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How many faults to strike.")] = 60,
    seed: Annotated[int, typer.Option(help="Seed of the faults, their order and their moments.")] = 1,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only faults whose name or place contains this text; can be given more than once."),
    ] = None,
    show_list: Annotated[bool, typer.Option("--list", help="List the faults and what each shows.")] = False,
    together: Annotated[int, typer.Option(min=1, max=8, help="Bursts that are followed at once.")] = 2,
    telescopes: Annotated[int, typer.Option(min=1, max=2, help="Telescopes that follow each burst.")] = 2,
    all_servers: Annotated[
        bool,
        typer.Option(
            "--all-servers",
            help="With a Prefect server and the archive in PostgreSQL, killed at random moments, too.",
        ),
    ] = False,
    state: Annotated[
        Path | None, typer.Option(help="Folder for everything; by default a temporary one.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Do not remove the temporary folder.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write a report for scripts to this file.")
    ] = None,
    table_file: Annotated[
        Path | None, typer.Option("--table", help="Write the table to this file, as Markdown.")
    ] = None,
) -> None:
    """Kill, cut and corrupt while campaigns go on; tell whether any ended otherwise than undisturbed.

    Starts the embedded servers, a science centre, a relay and small simulated telescopes, each in a
    process of its own under supervision, and follows bursts with them. Meanwhile processes are killed
    (kill -9), connections cut, silenced and spoilt, files damaged: at points named, and at moments drawn from
    the seed. When all campaigns are over, each is examined from outside: journals, archive, every file.

    - `followup faults --list` tells what there is
    - `followup faults --only "kill gft" --rounds 10`, `followup faults --only download`

    Exit status 0 only if nothing was lost, nothing was done twice, nothing is unfinished, and every campaign
    came to the same as one that nothing disturbed.
    """
    with explained():
        # The simulators and the agents' parts take seconds to load; `followup --help` does not.
        from console.faults.catalogue import ALL  # noqa: PLC0415
        from console.faults.main import FaultsSettings, run_faults  # noqa: PLC0415
        from console.faults.show import catalogue_table  # noqa: PLC0415

        if show_list:
            screen().print(catalogue_table(ALL))
            return
        good = asyncio.run(
            run_faults(
                FaultsSettings(
                    rounds=rounds,
                    seed=seed,
                    only=tuple(only or ()),
                    together=together,
                    telescopes=telescopes,
                    all_servers=all_servers,
                    state=state,
                    keep=keep,
                    json_file=json_file,
                    table_file=table_file,
                )
            )
        )
    if not good:
        raise typer.Exit(FAILED)
