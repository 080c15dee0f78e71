"""``followup gft check``: the preflight, line by line."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated, Any, Self

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

from console import log
from console.commands.options import JsonOption, StateOption, command, print_json, state_of
from console.errors import FAILED, explained
from console.preflight.finding import Finding, Verdict
from console.screen import screen
from console.settings import SETTINGS
from followup.errors import ConfigurationError
from followup.names import check_telescope

_STYLES = {
    Verdict.PASS: "green",
    Verdict.WARNING: "yellow",
    Verdict.FAIL: "bold red",
    Verdict.SKIPPED: "dim",
}
_WORD, _NAME = 8, 16
"""Widths of the first two columns."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(gft_check)


def gft_check(
    name: Annotated[str, typer.Argument(help="The telescope, gft-NAME.")],
    state: StateOption,
    *,
    only: Annotated[
        list[str] | None, typer.Option(help="Make only this check, and read the settings (may be repeated).")
    ] = None,
    exposure: Annotated[
        float, typer.Option(min=0.001, max=600.0, help="Length of the test exposure, in seconds.")
    ] = 2.0,
    no_exposure: Annotated[bool, typer.Option("--no-exposure", help="Make no test exposure.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look by day whether all is there that a night needs: one line each, and what to do.

    Settings, strategies, reference stars, calibration frames, disk, clock, XMPP login and topic, an upload
    that is cut and resumed, Prefect, every device with its properties, fresh weather, a test exposure.

    Nothing is moved, opened or cooled; devices that are not connected are connected. A telescope whose agent
    runs is not disturbed: its devices are left out. The test exposure is of the sky where the mount tracks
    already, and then it is tried to solve it; else it is dark.

    Exit status: 0 all well or warnings only, 1 something failed.
    """
    with explained():
        from console.preflight.run import CHECKS, preflight  # noqa: PLC0415 - loads what an agent loads

        log.silence()
        where = state_of(state)
        try:
            folder = where.telescope(check_telescope(name))
        except ValueError as error:
            raise ConfigurationError(str(error), hint="followup gft init gft-NAME") from error
        if not (folder / SETTINGS).is_file():
            raise ConfigurationError(
                f"{name} is not set up: {folder / SETTINGS} does not exist",
                hint=f"{command(where, f'gft init {name}')}; or is --state right?",
            )
        if unknown := set(only or ()) - set(CHECKS):
            raise ConfigurationError(
                f"there is no check {', '.join(sorted(unknown))}", hint=f"there are {', '.join(CHECKS)}"
            )
        shown = _Shown(screen(), quiet=as_json)
        exposure_s = None if no_exposure else exposure

        async def look() -> None:
            with shown:
                async for finding in preflight(
                    folder, only=only or (), exposure_s=exposure_s, begins=shown.begins
                ):
                    shown.add(finding)

        asyncio.run(look())
        if as_json:
            print_json(_document(name, shown.findings))
        else:
            shown.close()
        if any(finding.verdict is Verdict.FAIL for finding in shown.findings):
            raise typer.Exit(FAILED)


class _Shown:
    """The lines found so far; on a terminal, also what is being looked at."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self.findings: list[Finding] = []
        self._console = console
        self._quiet = quiet
        self._status: Status | None = None
        if console.is_terminal and not quiet:
            self._status = console.status("")

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def begins(self, name: str) -> None:
        if self._status is not None:
            self._status.update(f"{name} …")

    def add(self, finding: Finding) -> None:
        self.findings.append(finding)
        if self._quiet:
            return
        word = "FAIL" if finding.verdict is Verdict.FAIL else finding.verdict.value
        line = Text.assemble(
            (f"{word:<{_WORD}} ", _STYLES[finding.verdict]),
            f"{finding.check.replace('_', ' '):<{_NAME}}",
            finding.said,
        )
        self._console.print(line, soft_wrap=True)
        if finding.advice:
            advice = f"{'':<{_WORD + 1}}{'':<{_NAME}}→ {finding.advice}"
            self._console.print(Text(advice), soft_wrap=True)

    def close(self) -> None:
        """Count."""
        counted = Counter(finding.verdict for finding in self.findings)
        words = {Verdict.PASS: "passed", Verdict.WARNING: "to be looked at", Verdict.FAIL: "FAILED"}
        said = ", ".join(f"{counted[verdict]} {word}" for verdict, word in words.items() if counted[verdict])
        style = _STYLES[Verdict.FAIL if counted[Verdict.FAIL] else Verdict.PASS]
        self._console.print(Text(f"\n{said}", style=style))


def _document(name: str, findings: list[Finding]) -> dict[str, Any]:
    worst = next(
        (
            verdict
            for verdict in (Verdict.FAIL, Verdict.WARNING)
            if any(f.verdict is verdict for f in findings)
        ),
        Verdict.PASS,
    )
    lines = [
        {"check": f.check, "verdict": f.verdict, "said": f.said, "advice": f.advice, "values": dict(f.values)}
        for f in findings
    ]
    return {"telescope": name, "verdict": worst, "checks": lines}
