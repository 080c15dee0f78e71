"""``followup serve-replays``: replays that are ordered and scheduled in Prefect."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.errors import explained
from console.replay.parties import Against
from console.replay.speed import rate_of
from console.replay.suite import bundles_in
from console.screen import say
from followup.story import Runner

if TYPE_CHECKING:
    from console.replay.verdict import Verdict


def serve_replays(
    folder: Annotated[Path, typer.Argument(help="Folder of the bundles.", show_default=False)],
    *,
    prefect: Annotated[str, typer.Option("--prefect", help="URL of the Prefect server.", show_default=False)],
) -> None:
    """Have people replay a folder's bundles from Prefect's pages: on order, and by schedules.

    Prefect then has the deployment `replay/bundles`, in which a bundle, or all of them, a party and a speed
    can be chosen; schedules are added there, too. Each run ends as recorded, or as not recorded, with the
    verdicts as its artifacts. The folder is looked at again all the time: what `followup export CAMPAIGN
    --to-suite FOLDER` adds is replayed with the next run. Ctrl-C ends it, after the bundle that is being
    played.

    - `followup serve-replays nights/ --prefect http://127.0.0.1:4200`
    """
    with explained():
        from console.replay.playing import replay_against  # noqa: PLC0415 - it loads the agents
        from console.replay.serving import ReplayService  # noqa: PLC0415
        from console.replay.showing_prefect import kept_in  # noqa: PLC0415

        def play(path: Path, against: str, speed: str, runner: Runner) -> Sequence[Verdict]:
            return replay_against(path, Against(against), speed=rate_of(speed), runner=runner)

        bundles_in(folder)
        service = ReplayService(folder, [str(party) for party in Against], play)
        try:
            with kept_in(prefect) as runner:
                runner.serve_replays(service)
                say(f"{folder}: served as replay/bundles at {prefect}")
                asyncio.run(_until_told())
        finally:
            service.close()


async def _until_told() -> None:
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    await ending.wait()
