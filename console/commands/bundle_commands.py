"""``followup export`` and ``followup import``: campaigns as files."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from archive.bundle.container import SUFFIX
from archive.bundle.export import Exported, export_campaign
from archive.bundle.importing import import_bundle
from console.commands.options import StateOption, command, state_of
from console.commands.reading import opened_archive
from console.errors import explained
from console.screen import say
from console.state import State
from console.termination import terminated_orderly
from followup.errors import ConfigurationError


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the commands."""
    app.command("export", rich_help_panel=panel)(export)
    app.command("import", rich_help_panel=panel)(import_)


def export(
    campaign: Annotated[str, typer.Argument(help="The campaign, BURST.gft-NAME.")],
    state: StateOption,
    bundle: Annotated[
        Path | None, typer.Argument(help=f"File to write; by default CAMPAIGN{SUFFIX} in this folder.")
    ] = None,
    light: Annotated[
        bool, typer.Option("--light", help="Without frames and pictures: of those only the headers.")
    ] = False,
    to_suite: Annotated[
        Path | None,
        typer.Option("--to-suite", help="Make it a test case: a light bundle in this folder of them."),
    ] = None,
) -> None:
    """Write an archived campaign into one file: every packet, every file, every decision.

    The README in it says how to read it without this program. The same campaign gives the same bytes.

    - `followup export sb26112201.gft-spm`
    - `followup export sb26112201.gft-spm night.tar.zst --light`

    A campaign that ended badly becomes a test case:

    - `followup export sb26112201.gft-spm --to-suite nights/`
    """
    with explained(), terminated_orderly():
        path = bundle or Path(f"{campaign}{SUFFIX}")
        if to_suite is None:
            with opened_archive(state_of(state)) as held:
                made = export_campaign(held, campaign, path, light=light)
        else:
            if bundle is not None:
                raise ConfigurationError(f"{bundle} and a suite: one of the two", hint="leave one away")
            made, light = _made_case(state_of(state), campaign, to_suite), True
        left = f", {len(made.manifest.left_out)} files left out" if light else ""
        say(f"{made.path}: {len(made.manifest.members)} members, {made.size_bytes / 1e6:.2f} MB{left}")
        if to_suite is not None:
            say(f"followup replay --suite {to_suite}")


def _made_case(state: State, campaign: str, suite: Path) -> Exported:
    """Make a test case, which the suite has when it is whole, and can be one; else all is as it was."""
    from console.replay.case import check_case  # noqa: PLC0415 - it loads a telescope's agent

    suite.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=suite) as folder:
        path = Path(folder) / f"{campaign}{SUFFIX}"
        with opened_archive(state) as held:
            made = export_campaign(held, campaign, path, light=True)
        check_case(path)
        return replace(made, path=path.replace(suite / path.name))


def import_(
    bundle: Annotated[Path, typer.Argument(help="The file that `followup export` wrote.")],
    state: StateOption,
) -> None:
    """Take a campaign from a file into the archive, which is made if need be; doing it again changes nothing.

    Every byte is verified first. A bundle that is damaged, or whose campaign the archive holds otherwise, is
    refused, and nothing is changed.

    - `followup import sb26112201.gft-spm.tar.zst`
    """
    with explained():
        where = state_of(state)
        with opened_archive(where, make=True) as held:
            taken = import_bundle(held, bundle)
        say(f"{taken.campaign}: {taken.packets} packets, {taken.datasets} datasets with {taken.files} files")
        if taken.without_files:
            say(f"a light bundle: the files of {', '.join(taken.without_files)} are not in it")
        say(command(where, f"show {taken.campaign}"))
