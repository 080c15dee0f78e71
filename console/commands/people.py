"""``followup gft hold``, ``resume``, ``abort``, ``park``, ``takeover``, ``giveback``: people in charge."""

from __future__ import annotations

import asyncio
import getpass
import socket
from typing import Annotated, Any

import typer

from console.commands.options import StateOption, state_of
from console.control import ask
from console.errors import FAILED, explained, say_error
from console.screen import say
from console.state import State, agent_lock
from console.tenure import holder
from followup.errors import ConfigurationError
from followup.names import CampaignName, check_telescope

_OBEYED_S = 60.0
_PARKED_S = 900.0
"""A mount and a dome take their time; the order is in force long before."""

NameArgument = Annotated[str, typer.Argument(help="The telescope, gft-NAME; its agent runs.")]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why; it is recorded, and the science centre is told.")
]
AsOption = Annotated[
    str, typer.Option("--as", help="Who you are, when the login does not tell.", show_default="your login")
]


def register(app: typer.Typer) -> None:
    """Add the commands to ``followup gft``."""
    for made in (hold, resume, abort, park, takeover, giveback):
        app.command()(made)


def hold(
    name: NameArgument,
    state: StateOption,
    reason: ReasonOption,
    at_once: Annotated[
        bool, typer.Option("--now", help="End an exposure in progress; it is taken again later.")
    ] = False,
    who: AsOption = "",
) -> None:
    """Have a telescope begin nothing more until `followup gft resume`. An exposure in progress ends.

    Triggers are still answered and planned, results and data still sent. It stays held when its agent is
    started again. Campaigns go on afterwards with what they have time for.
    """
    _order(state_of(state), name, "hold", who, reason=reason, at_once=at_once)


def resume(name: NameArgument, state: StateOption, reason: ReasonOption = "", who: AsOption = "") -> None:
    """End a hold or a park: the telescope goes on with what there is to observe, when it is safe."""
    _order(state_of(state), name, "resume", who, reason=reason)


def park(name: NameArgument, state: StateOption, reason: ReasonOption, who: AsOption = "") -> None:
    """Hold at once, park the mount and close the dome; `followup gft resume` ends it.

    Exit status 1: it is held, but it could not be parked and closed.
    """
    _order(state_of(state), name, "park", who, timeout_s=_PARKED_S, reason=reason)


def takeover(
    name: NameArgument,
    state: StateOption,
    reason: ReasonOption,
    first_park: Annotated[
        bool,
        typer.Option("--park/--no-park", help="Park and close first; otherwise it is stopped where it is."),
    ] = False,
    who: AsOption = "",
) -> None:
    """Take the devices in hand: the agent stops, and commands nothing until `followup gft giveback`.

    Before you go near the telescope. The weather is still watched: the dome is closed once, and no more,
    when it turns bad. It stays taken over when its agent is started again.
    """
    _order(state_of(state), name, "takeover", who, timeout_s=_PARKED_S, reason=reason, park=first_park)


def giveback(name: NameArgument, state: StateOption, reason: ReasonOption = "", who: AsOption = "") -> None:
    """Give the devices back to the agent: it goes on when nobody holds the telescope and it is safe."""
    _order(state_of(state), name, "giveback", who, reason=reason)


def abort(
    campaign: Annotated[str, typer.Argument(help="The campaign, BURST.gft-NAME.")],
    state: StateOption,
    reason: ReasonOption,
    who: AsOption = "",
) -> None:
    """End a campaign here, at its telescope: it stops at once, sends what it has, and closes it as aborted.

    `followup cancel` does it from the science centre. Exit status 1: the telescope did not say that it is
    at rest.
    """
    with explained():
        where = state_of(state)
        try:
            name = CampaignName.parse(campaign).telescope
        except ValueError as error:
            raise ConfigurationError(str(error), hint="followup gft status NAME lists those open") from error
        answer = _asked(
            where,
            name,
            "abort",
            who=who,
            timeout_s=_OBEYED_S,
            arguments={"reason": reason, "campaign": campaign},
        )
        stopped_s = answer["stopped_after_s"]
        if stopped_s is None:
            say_error(
                f"{campaign} is aborted, but {name} is not known to be at rest", "look at the telescope"
            )
            raise typer.Exit(FAILED)
        say(f"{campaign} is aborted; {name} was at rest after {stopped_s:.2f} s")


def _order(
    where: State, name: str, order: str, who: str, *, timeout_s: float = _OBEYED_S, **arguments: Any
) -> None:
    with explained():
        answer = _asked(where, check(name), order, who=who, timeout_s=timeout_s, arguments=arguments)
        if "trouble" in answer:
            say_error(answer["trouble"], "look at the telescope")
            raise typer.Exit(FAILED)
        say(f"{name} is {answer['in_force'] or 'free: it goes on when there is something, and it is safe'}")


def _asked(
    where: State, name: str, order: str, *, who: str, timeout_s: float, arguments: dict[str, Any]
) -> dict[str, Any]:
    folder = where.telescope(name)
    login = getpass.getuser()
    by = {"name": who or login, "login": login, "host": socket.gethostname()}
    try:
        answer: dict[str, Any] = asyncio.run(ask(folder, order, timeout_s=timeout_s, **by, **arguments))
    except ConfigurationError as error:
        pid = holder(agent_lock(folder))
        if pid is None:
            raise ConfigurationError(
                f"no agent of {name} runs: nothing moves it, and nothing can be ordered",
                hint=f"{error.hint}; a hold that was in force is still",
            ) from error
        raise ConfigurationError(
            f"the agent of {name} (process {pid}) is starting, and does not listen yet",
            hint="again in a moment; kill it if it must not move anything",
        ) from error
    return answer


def check(name: str) -> str:
    """Return a telescope's name.

    Raises
    ------
    ConfigurationError
        When it is not one.
    """
    try:
        return check_telescope(name)
    except ValueError as error:
        raise ConfigurationError(str(error), hint="followup csc telescopes lists those enrolled") from error
