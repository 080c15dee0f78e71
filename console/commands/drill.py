"""``followup gft drill``: have a running telescope follow up a source that does not exist."""

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

_PATIENCE_S = 4.0 * 3600.0


def drill(
    name: Annotated[str, typer.Argument(help="The telescope, gft-NAME; its agent runs.")],
    state: StateOption,
    as_json: JsonOption = False,
) -> None:
    """Hold the nightly drill: a fading source is put into the camera's frames, and has to be found.

    The telescope triggers itself, and does what it does for a burst: slew, expose, reduce, report, all of it
    marked and archived as a drill. The report holds what was found against what was put in, and each stage
    against its budget (`[drill]` in site.toml). A burst, a hold or bad weather ends a drill at once.

    Exit status 1: not found, not as bright as it is, or too slow; 2: there can be no drill now.
    """
    with explained():
        folder = state_of(state).telescope(check_telescope(name))
        report = asyncio.run(ask(folder, "drill", timeout_s=_PATIENCE_S, who=getpass.getuser()))
    if as_json:
        print_json(report)
    else:
        say(_told(report))
    raise typer.Exit(0 if report["passed"] else 1)


def _told(report: dict[str, Any]) -> str:
    lines = [f"drill {report['campaign']}, {report['frames']} frames show the source", ""]
    lines += [f"{'stage':<12}{'after alert (s)':>16}{'budget (s)':>12}"]
    for stage in report["stages"]:
        after = "never" if stage["after_s"] is None else f"{stage['after_s']:.2f}"
        late = "" if stage["in_time"] else "  late"
        lines.append(f"{stage['stage']:<12}{after:>16}{stage['budget_s']:>12.1f}{late}")
    if report["measured"]:
        lines += ["", f"{'filter':<8}{'t (s)':>8}{'measured':>16}{'truth':>9}"]
    for point in report["measured"]:
        mag = f"{point['mag']:.2f} +- {point['mag_err']:.2f}"
        wrong = "" if point["agrees"] else "  differs"
        lines.append(f"{point['filter']:<8}{point['t_s']:>8.0f}{mag:>16}{point['truth']:>9.2f}{wrong}")
    lines += ["", *(f"without the source: {why}" for why in report["missed"])]
    found = f"found, {report['off_arcsec']} arcsec off" if report["found"] else "not found"
    passed = "passed" if report["passed"] else "not passed"
    lines.append(f"{passed}: the source was {found}{report['ended'] and '; ' + report['ended']}")
    return "\n".join(lines)
