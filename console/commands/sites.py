"""``followup csc``, ``followup gft``, ``followup relay``: the sites' agents, and who belongs to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from console import log, settings
from console.commands.options import (
    JsonOption,
    LogFormat,
    LogOption,
    StateOption,
    VerboseOption,
    command,
    print_json,
    state_of,
)
from console.control import ask
from console.enrolment import admit_telescope, enrolled, install_enrolment, revoke_telescope
from console.errors import explained
from console.screen import say
from console.servers import DOMAIN, ports_of
from console.settings import SETTINGS
from console.site_key import fingerprint, public_key
from console.state import State, agent_lock
from console.tenure import HeldError, held
from deploy.prosody import Prosody
from followup.errors import ConfigurationError, FollowupError
from followup.names import CSC, RELAY, check_telescope

_PATIENCE_S = 5.0
"""An agent that says nothing for so long is called silent."""

csc = typer.Typer(
    no_args_is_help=True, help="The science centre: run its agent, admit and revoke telescopes."
)
gft = typer.Typer(no_args_is_help=True, help="A telescope: set up its folder, run its agent.")
relay = typer.Typer(no_args_is_help=True, help="The relay: run its agent.")


@csc.command("run")
def csc_run(
    state: StateOption, log_format: LogOption = LogFormat.TEXT, verbose: VerboseOption = False
) -> None:
    """Be the science centre until Ctrl-C: trigger telescopes, follow campaigns, archive everything.

    It may be ended or killed at any time: campaigns go on, and it takes them up again when it is back. When
    the XMPP server or the relay is away, it waits for them.
    """
    with explained():
        from console.run_csc import run_csc  # noqa: PLC0415 - each agent loads only what it needs

        _run(state_of(state).csc, run_csc, log_format, verbose)


@relay.command("run")
def relay_run(
    state: StateOption, log_format: LogOption = LogFormat.TEXT, verbose: VerboseOption = False
) -> None:
    """Be the relay until Ctrl-C: take custody of packets, publish them, hold the SFTP store.

    It may be ended or killed at any time: what it took custody of is in its journal.
    """
    with explained():
        from console.run_relay import run_relay  # noqa: PLC0415

        _run(state_of(state).relay, run_relay, log_format, verbose)


@gft.command("run")
def gft_run(
    name: Annotated[str, typer.Argument(help="The telescope, gft-NAME.")],
    state: StateOption,
    log_format: LogOption = LogFormat.TEXT,
    verbose: VerboseOption = False,
) -> None:
    """Be a telescope until Ctrl-C: answer triggers, observe, reduce, report, upload.

    The first time it tabulates the coming nights and takes calibration frames, some minutes; triggers wait
    meanwhile. It may be ended or killed at any time: its campaigns go on from its journal.
    """
    with explained():
        from console.run_gft import run_gft  # noqa: PLC0415

        _run(_telescope(state_of(state), name), run_gft, log_format, verbose)


@gft.command("simulate")
def gft_simulate(
    name: Annotated[str, typer.Argument(help="The telescope, gft-NAME; it must be enrolled.")],
    state: StateOption,
    model: Annotated[
        str, typer.Option(help="Which known telescope it imitates; the same name by default.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Seed of the simulated sky.")] = 1,
    enrolment: Annotated[
        Path | None, typer.Option(help="The enrolment; by default the one made in this state folder.")
    ] = None,
) -> None:
    """Set up a telescope's folder with simulated devices, from its enrolment.

    Known models: gft-spm (San Pedro Mártir, 1.3 m, griz), gft-jilin, gft-xinglong, gft-lasilla. The
    telescope must be enrolled: `followup csc admit gft-NAME`. On another computer than the science centre's,
    `followup gft init gft-NAME` comes first: it makes the key that is to be admitted.
    """
    with explained():
        from console.simulation import empty_sky, write_sky  # noqa: PLC0415
        from simulators.sites import known_telescope  # noqa: PLC0415

        where = state_of(state)
        folder = _telescope(where, name)
        known_telescope(model or name)
        _check_not_real(folder)
        content: dict[str, Any] = {"model": model or name, "devices": "simulated"}
        if enrolment is None:  # beside its science centre, whose Prefect shows it as well
            content |= {"prefect": settings.content(where.csc).get("prefect", {})}
        install_enrolment(enrolment or where.enrolments / name, folder, content)
        write_sky(folder, empty_sky(seed))
        say(f"{folder} is set up. Run it: {command(where, f'gft run {name}')}")


def _check_not_real(folder: Path) -> None:
    """Keep the settings of a telescope with devices from being overwritten."""
    if (folder / SETTINGS).is_file() and "mount" in settings.content(folder).get("indi", {}):
        raise ConfigurationError(
            f"{folder / SETTINGS} is that of a telescope with devices over INDI",
            hint="simulate another one, or remove that file first",
        )


@csc.command("admit")
def csc_admit(
    name: Annotated[str, typer.Argument(help="The telescope, gft-NAME.")],
    state: StateOption,
    key: Annotated[
        Path | None,
        typer.Option(
            help="Public key that the telescope's computer has sent (id_ed25519.pub); left out for a "
            "telescope on this computer."
        ),
    ] = None,
) -> None:
    """Enrol a telescope: make its account, topic and directory, let its key in, and write what it needs.

    The key is made where the telescope's agent runs, by `followup gft init`, and only its public half comes
    here. The enrolment is a folder that goes back; it holds a password and no private key. Admitting a
    telescope again gives it a new password, and lets in this key and no other. Agents that run learn of it
    by themselves.
    """
    with explained():
        where = state_of(state)
        prosody = _prosody(where)
        public = public_key(key) if key is not None else ""
        folder = asyncio.run(admit_telescope(where, prosody, name, key=public))
        say(f"{name} is enrolled.")
        if key is None:
            say(
                f"Its key is on this computer, in {where.telescope(name)}. To simulate it here: "
                f"{command(where, f'gft simulate {name}')}"
            )
        else:
            say(
                f"The key admitted is {fingerprint(public)}: does the telescope's computer show the same?\n"
                f"Send this folder back to the telescope: {folder}\n"
                f"There: followup gft init {name} --enrolment {name}/"
            )


@csc.command("revoke")
def csc_revoke(
    name: Annotated[str, typer.Argument(help="The telescope, gft-NAME.")], state: StateOption
) -> None:
    """End a telescope's account, key and membership at once. Its data stay.

    `followup csc admit` lets it in again, with a new password.
    """
    with explained():
        where = state_of(state)
        asyncio.run(revoke_telescope(where, _prosody(where), name))
        say(f"{name} is revoked.")


@csc.command("telescopes")
def csc_telescopes(state: StateOption, as_json: JsonOption = False) -> None:
    """List the telescopes enrolled here."""
    with explained():
        names = enrolled(state_of(state).csc)
        if as_json:
            print_json(list(names))
        else:
            say("\n".join(names) or "none yet: followup csc admit gft-NAME")


def _prosody(where: State) -> Prosody:
    """Return the embedded Prosody of a state, to make accounts on, whether it runs or not."""
    if not (where.servers / "prosody").is_dir():
        raise ConfigurationError(
            f"{where.root} has no embedded XMPP server",
            hint="followup up makes one; a site with its own server: see deploy/README.md",
        )
    tls = where.servers / "tls"
    return Prosody.embedded(
        where.servers / "prosody",
        domain=DOMAIN,
        port=ports_of(where).xmpp,
        certificate=tls / "server.pem",
        key=tls / "server.key",
    )


def _telescope(where: State, name: str) -> Path:
    try:
        return where.telescope(check_telescope(name))
    except ValueError as error:
        raise ConfigurationError(str(error), hint="followup csc telescopes lists those enrolled") from error


def _run(
    folder: Path,
    agent: Callable[[Path], Coroutine[Any, Any, None]],
    log_format: LogFormat,
    verbose: bool,
) -> None:
    site = folder.name
    if not (folder / SETTINGS).is_file():
        is_telescope = site not in {CSC, RELAY}
        made_by = f"gft init {site} makes" if is_telescope else "up makes"
        raise ConfigurationError(
            f"{site} is not set up: {folder / SETTINGS} does not exist",
            hint=f"followup {made_by} it; or is --state right?",
        )
    try:
        with held(agent_lock(folder)):
            log.set_up(folder, as_json=log_format is LogFormat.JSON, verbose=verbose)
            asyncio.run(agent(folder))
    except HeldError as error:
        said = f"the agent of {site} runs already on {folder} (process {error.pid})"
        if _hangs(folder):
            raise ConfigurationError(
                f"{said}, and has not answered for {_PATIENCE_S:.0f} s",
                hint=f"if it hangs: kill -9 {error.pid} ends it and loses nothing; then start this one again",
            ) from error
        raise ConfigurationError(
            said, hint="one agent of each name: end that one first, or leave it to its work"
        ) from error


def _hangs(folder: Path) -> bool:
    """Whether the agent in a folder listens for commands but answers none."""
    try:
        asyncio.run(ask(folder, "status", timeout_s=_PATIENCE_S))
    except ConfigurationError:  # it is starting, or ending
        return False
    except FollowupError:
        return True
    return False
