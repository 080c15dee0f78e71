"""``followup demo``: a simulated burst, followed up end to end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from console.commands.options import PrefectOption, state_of
from console.errors import FAILED, explained
from console.servers import EMBEDDED
from followup.errors import ConfigurationError


class Devices(StrEnum):
    """What stands for the telescopes' hardware."""

    SIMULATED = "simulated"
    INDI = "indi"


def demo(
    *,
    state: Annotated[
        Path | None,
        typer.Option(help="Folder for everything; by default a new one, state/demo-DATE-TIME."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bursts, the sky and the noise.")] = 1,
    time_scale: Annotated[
        float | None,
        typer.Option(
            min=1.0,
            max=2000.0,
            help="How many times faster sky time runs: 200 by default, 1 with INDI devices.",
            show_default=False,
        ),
    ] = None,
    devices: Annotated[
        Devices, typer.Option(help="Our simulated devices, or INDI drivers: indi-bin's simulators.")
    ] = Devices.SIMULATED,
    telescopes: Annotated[
        str, typer.Option(help="Simulated telescopes, separated by commas.")
    ] = "gft-spm,gft-jilin",
    packet: Annotated[
        Path | None,
        typer.Option(help="A real alert as trigger, or a folder with the alerts of one burst."),
    ] = None,
    bursts: Annotated[int, typer.Option(min=1, max=10, help="Number of bursts at once.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running until Ctrl-C.")] = False,
    prefect: PrefectOption = EMBEDDED,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write a report for scripts to this file.")
    ] = None,
) -> None:
    """Follow up a simulated burst, end to end.

    Starts an XMPP server, a Prefect server, a science centre, a relay and telescopes, each with a folder of
    its own; a burst goes off, the telescopes answer, observe, reduce, report and upload, and everything ends
    in the science centre's archive. It takes about 90 s and 2 GiB of memory; Ctrl-C ends all of it.

    Most bursts would show a 1-m telescope nothing, or not rise at all. The first burst is therefore drawn
    until it can be observed at once by one telescope and never by another (if they stand far enough apart),
    and fades within hours from well seen to an upper limit. Further bursts (`--bursts`) are as they come.

    - `followup demo --keep` leaves everything running, to look around in the Prefect UI and with
      `followup campaigns`, `followup show`, `followup status` (with the same `--state`)
    - `followup demo --packet alert.xml` plays a real alert; a folder plays all alerts of a burst
    - `followup demo --bursts 3`, `followup demo --telescopes gft-spm,gft-lasilla`
    - `followup demo --devices indi` reaches the telescopes' devices through INDI servers and drivers, in real
      time, with a short strategy: some six minutes (Debian and Ubuntu: `apt-get install indi-bin`)

    Exit status 0 only if every packet has its final receipt, every file is archived with the right checksum,
    and every flow run ended as it should.
    """
    with explained():
        # The simulators and the demonstration take a second to load; `followup --help` does not.
        from console.demo import Demo, DemoSettings  # noqa: PLC0415

        over_indi = devices is Devices.INDI
        if over_indi and time_scale not in {None, 1.0}:
            raise ConfigurationError(
                "INDI devices take real time", hint="leave --time-scale away with --devices indi"
            )
        folder = state or Path("state") / f"demo-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        settings = DemoSettings(
            state=state_of(folder),
            seed=seed,
            rate=time_scale or (1.0 if over_indi else 200.0),
            telescopes=tuple(name.strip() for name in telescopes.split(",") if name.strip()),
            packet=packet,
            bursts=bursts,
            keep=keep,
            prefect=prefect,
            json_file=json_file,
            over_indi=over_indi,
        )
        good = asyncio.run(Demo(settings).run())
    if not good:
        raise typer.Exit(FAILED)
