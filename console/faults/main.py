"""One run of ``followup faults``, from an empty folder to the exit status."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from console.faults import show
from console.faults.campaigns import Campaigns
from console.faults.flow_runs import left_open
from console.faults.run import Report, Round, Run
from console.faults.selection import chosen
from console.faults.stage import staged
from console.screen import screen
from console.settings import SETTINGS
from console.state import State
from followup.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultsSettings:
    """What a run is asked to do.

    Attributes
    ----------
    together, telescopes
        Bursts followed at once, and by how many telescopes.
    all_servers
        Whether Prefect and PostgreSQL take part.
    state
        Folder for everything; None for a temporary one, removed in the end unless `keep`.
    """

    rounds: int
    seed: int
    only: tuple[str, ...]
    together: int
    telescopes: int
    all_servers: bool
    state: Path | None
    keep: bool
    json_file: Path | None
    table_file: Path | None


async def run_faults(settings: FaultsSettings) -> bool:
    """Strike, judge, print; tell whether all is well.

    Raises
    ------
    ConfigurationError
        When what is asked for cannot be done.
    """
    for file in (settings.json_file, settings.table_file):
        if file and (file.is_dir() or not os.access(file.absolute().parent, os.W_OK)):
            raise ConfigurationError(
                f"nothing can be written to {file}",
                hint="give --json and --table a file in a folder that exists and that you may write to",
            )
    console = screen()
    with _folder(settings) as root:
        report = await _interruptible(_run(settings, State(root)))
    if report is None:
        console.print("stopped")
        return False
    show.say(report, console)
    if settings.json_file is not None:
        text = json.dumps({"seed": settings.seed, **report.document()}, indent=1, default=str)
        await asyncio.to_thread(settings.json_file.write_text, text + "\n", "utf-8")
    if settings.table_file is not None:
        await asyncio.to_thread(
            settings.table_file.write_text, show.markdown(report, seed=settings.seed), "utf-8"
        )
    return report.good


async def _run(settings: FaultsSettings, state: State) -> Report:
    console = screen()
    rng = np.random.default_rng(settings.seed)
    faults = chosen(rng, rounds=settings.rounds, only=settings.only, all_servers=settings.all_servers)
    with show.progress(console) as bar:
        task = bar.add_task("setting the stage", total=len(faults))

        def told(one: Round) -> None:
            text = f"{one.fault}, {one.where}" + (f": {one.outcome}" if one.outcome else "")
            bar.update(task, advance=1, description=text)
            if bar.disable:
                console.print(text, markup=False)

        async with staged(
            state, seed=settings.seed, telescopes=settings.telescopes, all_servers=settings.all_servers
        ) as stage:
            bar.update(task, description="an undisturbed campaign")
            campaigns = Campaigns(stage=stage, together=settings.together)
            await campaigns.undisturbed()
            report = await Run(stage, campaigns, faults, rng=rng, told=told).play()
            if stage.servers.prefect is not None:
                bar.update(task, description="what Prefect shows in the end")
                # Those who came back end what they left; only then it is seen what is left for good.
                report.notes += await left_open(stage.servers.prefect, watched=True)
                await stage.rest()
                report.notes += await left_open(stage.servers.prefect, watched=False)
            return report


async def _interruptible(work: Coroutine[object, object, Report]) -> Report | None:
    """Await it; None when a signal asked to end."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None


@contextlib.contextmanager
def _folder(settings: FaultsSettings) -> Iterator[Path]:
    if settings.state is not None:
        root = settings.state.expanduser()
        if (root / "csc" / SETTINGS).exists():
            raise ConfigurationError(
                f"{root} holds a state already", hint="give another --state, or delete that folder"
            )
        yield root
    elif settings.keep:
        root = Path(tempfile.mkdtemp(prefix="followup-faults-"))
        screen().print(f"everything is kept in {root}")
        yield root
    else:
        with tempfile.TemporaryDirectory(prefix="followup-faults-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
