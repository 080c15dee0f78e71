"""``followup replay``: an archived campaign, played again to an agent under test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from archive.bundle.container import SUFFIX
from console.commands.options import JsonOption, StateOption, print_json, state_of
from console.commands.reading import opened_archive
from console.errors import FAILED, explained
from console.screen import screen
from console.servers import NONE
from followup.errors import ConfigurationError

_MAX = "max"
_FASTEST = 2000.0


class Against(StrEnum):
    """Who is under test."""

    GFT = "gft"


def replay(
    what: Annotated[
        str, typer.Argument(help="A bundle, or an archived campaign (BURST.gft-NAME).", show_default=False)
    ] = "",
    *,
    state: StateOption,
    against: Annotated[
        Against, typer.Option(help="Who is under test; the others are played from the record.")
    ] = Against.GFT,
    suite: Annotated[
        Path | None, typer.Option(help="Replay every bundle in this folder instead, one after the other.")
    ] = None,
    speed: Annotated[
        str, typer.Option(help="How many times faster than then, or 'max': as fast as the agent answers.")
    ] = _MAX,
    work: Annotated[
        Path | None, typer.Option(help="Empty folder to work in, which is kept; else a temporary one.")
    ] = None,
    prefect: Annotated[
        str, typer.Option("--prefect", help="URL of the Prefect server that shows it, or 'none'.")
    ] = NONE,
    everything: Annotated[bool, typer.Option("--everything", help="Tell allowed differences, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Play a recorded campaign again to an agent, and compare what it does with what was done.

    The telescope's agent is the real one, on servers of its own that nothing leads out of; the science centre
    and the relay speak from the record, and the devices give the recorded frames. Exit status 0: as recorded,
    or different only in what may differ; 1: it differs; 2: it cannot be replayed.

    - `followup replay sb26112201.gft-spm`
    - `followup replay last-night.tar.zst --speed 60 --json`
    - `followup replay --suite nights/`
    """
    with explained():
        from console.replay.playing import replay_bundle  # noqa: PLC0415 - it loads a telescope's agent
        from console.replay.showing import show_verdict  # noqa: PLC0415
        from console.replay.showing_prefect import shown_in  # noqa: PLC0415

        replayed = {Against.GFT: replay_bundle}[against]
        rate = _rate(speed)
        found = []
        with shown_in(prefect) as runner:
            for name in _named(what, suite):
                with _bundle(name, state) as bundle:
                    verdict = replayed(bundle, speed=rate, work=work, runner=runner)
                found.append(verdict)
                if not as_json:
                    show_verdict(verdict, screen(), everything=everything, brief=suite is not None)
        if as_json:
            print_json([verdict.to_data() for verdict in found] if suite else found[0].to_data())
        if not all(verdict.good for verdict in found):
            raise typer.Exit(FAILED)


def _named(what: str, suite: Path | None) -> list[str]:
    """Tell what is to be replayed, in order."""
    if suite is None:
        if not what:
            raise ConfigurationError("nothing is named to be replayed", hint="give a bundle or a campaign")
        return [what]
    if what:
        raise ConfigurationError(f"{what} and a suite: one of the two", hint="leave one away")
    found = sorted(str(path) for path in suite.glob(f"*{SUFFIX}"))
    if not found:
        raise ConfigurationError(f"{suite} holds no bundle", hint="followup export CAMPAIGN FILE writes one")
    return found


@contextmanager
def _bundle(what: str, state: Path) -> Iterator[Path]:
    """Give the bundle of that name, or one of the archived campaign of that name."""
    path = Path(what)
    if path.is_file() or what.endswith(SUFFIX):
        yield path
        return
    from console.replay.playing import bundle_of  # noqa: PLC0415 - the same

    with opened_archive(state_of(state)) as held, bundle_of(held, what) as made:
        yield made


def _rate(speed: str) -> float | None:
    if speed == _MAX:
        return None
    try:
        rate = float(speed)
    except ValueError:
        rate = 0.0
    if not 0.0 < rate <= _FASTEST:
        raise ConfigurationError(
            f"--speed {speed!r} is neither 'max' nor a number up to {_FASTEST:g}", hint="--speed 60"
        )
    return rate
