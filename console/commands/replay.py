"""``followup replay``: an archived campaign, played again to an agent under test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archive.bundle.container import SUFFIX
from console.commands.options import JsonOption, StateOption, print_json, state_of
from console.commands.reading import opened_archive
from console.errors import FAILED, explained
from console.replay.parties import Against
from console.replay.shift import shift_of
from console.replay.speed import MAX, rate_of
from console.replay.suite import bundles_in, replay_each
from console.replay.whatif.supposition import Supposition
from console.screen import screen
from console.servers import NONE
from console.termination import terminated_orderly
from followup.errors import ConfigurationError

if TYPE_CHECKING:
    from console.replay.verdict import Verdict
    from console.replay.whatif.comparison import Comparison

_WHAT_IF = "What if: the same trigger, simulated devices, a comparison instead of a verdict"
_HISTORY = "Bursts of history: real alerts, a sky of published photometry, simulated devices"
_TELESCOPE = "gft-spm"


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
    ] = MAX,
    strategy: Annotated[
        Path | None, typer.Option(help="What if: follow these strategies.", rich_help_panel=_WHAT_IF)
    ] = None,
    site: Annotated[
        Path | None,
        typer.Option(help="What if: at the site of this site.toml or site.json.", rich_help_panel=_WHAT_IF),
    ] = None,
    weather: Annotated[
        Path | None, typer.Option(help="What if: in this weather (CSV).", rich_help_panel=_WHAT_IF)
    ] = None,
    shift: Annotated[
        str, typer.Option(help="What if: so much later, e.g. 6h or -90m.", rich_help_panel=_WHAT_IF)
    ] = "",
    lightcurve: Annotated[
        Path | None,
        typer.Option(
            help="Published photometry; then WHAT is a burst's alerts, a file or a folder.",
            rich_help_panel=_HISTORY,
        ),
    ] = None,
    telescope: Annotated[
        str, typer.Option(help="Which known telescope observes it.", rich_help_panel=_HISTORY)
    ] = _TELESCOPE,
    ebv: Annotated[
        float | None,
        typer.Option(
            help="E(B-V) of the Galaxy (scale of Schlegel et al. 1998), for points corrected for it.",
            min=0.0,
            rich_help_panel=_HISTORY,
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the light curve into this PNG file.", rich_help_panel=_HISTORY)
    ] = None,
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

    The agent under test is the real one, on servers of its own that nothing leads out of; the others speak
    from the record, and the telescope's devices give the recorded frames. Exit status 0: as recorded, or
    different only in what may differ; 1: it differs; 2: it cannot be replayed. `--against all` puts the
    telescope, the science centre and the relay to the test in turn.

    - `followup replay sb26112201.gft-spm`
    - `followup replay last-night.tar.zst --speed 60 --json`
    - `followup replay --suite nights/ --against all`

    With other strategies, another site, other weather or another time it is compared what would have been
    observed with what was, under a sky made of the record; the exit status is then 0 whatever came of it, and
    1 only when the agent broke a rule on the way.

    - `followup replay last-night.tar.zst --strategy deeper.toml --shift 6h`

    With published photometry a burst of history is observed at its real time, as a known telescope would have
    seen it, and what is recovered is compared with what was published; the exit status is that of a what-if.

    - `followup replay alerts-of-080319B/ --lightcurve 080319B_mag.txt --plot 080319B.png`
    """
    with explained(), terminated_orderly():
        supposed = Supposition(
            strategy=strategy, site=site, weather=weather, shift=shift_of(shift) if shift else None
        )
        if lightcurve is not None:
            if suite is not None or against is not Against.GFT:
                raise ConfigurationError(
                    "a light curve is that of one burst, for a telescope",
                    hint="leave --suite and --against away",
                )
            [alerts] = _named(what, None)
            _observe(
                Path(alerts),
                lightcurve,
                supposed,
                telescope=telescope,
                ebv=ebv,
                plot=plot,
                speed=rate_of(speed),
                work=work,
                prefect=prefect,
                as_json=as_json,
            )
            return
        if ebv is not None or plot is not None or telescope != _TELESCOPE:
            raise ConfigurationError(
                "--telescope, --ebv and --plot are about a burst of history", hint="give --lightcurve, too"
            )
        if supposed:
            if against is not Against.GFT:
                raise ConfigurationError(
                    f"a what-if is about a telescope, not about {against}", hint="leave --against away"
                )
            _suppose(
                what,
                suite,
                supposed,
                state,
                speed=rate_of(speed),
                work=work,
                prefect=prefect,
                as_json=as_json,
            )
            return
        from console.replay.playing import replay_against  # noqa: PLC0415 - it loads much
        from console.replay.showing import show_verdict  # noqa: PLC0415
        from console.replay.showing_prefect import shown_in  # noqa: PLC0415
        from console.replay.showing_suite import show_suite, status_of, suite_data  # noqa: PLC0415

        names, rate = _named(what, suite), rate_of(speed)
        with shown_in(prefect) as runner:
            if suite is not None:

                def play(bundle: Path) -> list[Verdict]:
                    own = None if work is None else work / bundle.name.removesuffix(SUFFIX)
                    return replay_against(bundle, against, speed=rate, work=own, runner=runner)

                played = replay_each(map(Path, names), play)
                outcomes = list(played) if as_json else show_suite(played, screen(), everything=everything)
                if as_json:
                    print_json(suite_data(outcomes))
                raise typer.Exit(status_of(outcomes))
            with _bundle(names[0], state) as bundle:
                verdicts = replay_against(bundle, against, speed=rate, work=work, runner=runner)
        if as_json:
            found = [verdict.to_data() for verdict in verdicts]
            print_json(found if len(found) > 1 else found[0])
        else:
            for verdict in verdicts:
                show_verdict(verdict, screen(), everything=everything)
        if not all(verdict.good for verdict in verdicts):
            raise typer.Exit(FAILED)


def _suppose(
    what: str,
    suite: Path | None,
    supposed: Supposition,
    state: Path,
    *,
    speed: float | None,
    work: Path | None,
    prefect: str,
    as_json: bool,
) -> None:
    """Tell what would have been, of one campaign or of each in a suite."""
    from console.replay.showing_prefect import shown_in  # noqa: PLC0415 - as above
    from console.replay.whatif.playing import what_if  # noqa: PLC0415
    from console.replay.whatif.showing import show_comparison  # noqa: PLC0415
    from console.replay.whatif.suite import show_suite, status_of, suite_data, suppose_each  # noqa: PLC0415

    names = _named(what, suite)
    with shown_in(prefect) as runner:
        if suite is not None:

            def play(bundle: Path) -> Comparison:
                own = None if work is None else work / bundle.name.removesuffix(SUFFIX)
                return what_if(bundle, supposed, speed=speed, work=own, runner=runner)

            played = suppose_each(map(Path, names), play)
            outcomes = list(played) if as_json else show_suite(played, screen())
            if as_json:
                print_json(suite_data(outcomes))
            raise typer.Exit(status_of(outcomes))
        with _bundle(names[0], state) as bundle:
            found = what_if(bundle, supposed, speed=speed, work=work, runner=runner)
    if as_json:
        print_json(found.to_data())
    else:
        show_comparison(found, screen())
    if found.faults:
        raise typer.Exit(FAILED)


def _observe(
    alerts: Path,
    lightcurve: Path,
    supposed: Supposition,
    *,
    telescope: str,
    ebv: float | None,
    plot: Path | None,
    speed: float | None,
    work: Path | None,
    prefect: str,
    as_json: bool,
) -> None:
    """Observe a burst of history."""
    from console.replay.history.playing import observe_history  # noqa: PLC0415 - as above
    from console.replay.history.showing import show_history  # noqa: PLC0415
    from console.replay.showing_prefect import shown_in  # noqa: PLC0415

    if plot is not None and not plot.absolute().parent.is_dir():
        raise ConfigurationError(
            f"there is no folder {plot.absolute().parent}", hint="name another for --plot"
        )
    with shown_in(prefect) as runner:
        seen = observe_history(
            alerts,
            lightcurve,
            telescope=telescope,
            supposed=supposed,
            reddening=ebv,
            speed=speed,
            work=work,
            runner=runner,
        )
    if plot is not None:
        plot.write_bytes(seen.picture)
    if as_json:
        print_json(seen.comparison.to_data())
    else:
        show_history(seen.comparison, screen())
    if not seen.comparison.good:
        raise typer.Exit(FAILED)


def _named(what: str, suite: Path | None) -> list[str]:
    """Tell what is to be replayed, in order."""
    if suite is None:
        if not what:
            raise ConfigurationError("nothing is named to be replayed", hint="give a bundle or a campaign")
        return [what]
    if what:
        raise ConfigurationError(f"{what} and a suite: one of the two", hint="leave one away")
    return [str(path) for path in bundles_in(suite)]


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
