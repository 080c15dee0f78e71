"""What people may ask a telescope's running agent for: to hold, to go on, to stop; and how it stands."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from agents.gft.command import Command, NotParkedError
from agents.gft.live import live
from agents.gft.orders import InForce, Person
from agents.gft.service import TelescopeAgent
from console.agent import Site, standing
from console.control import Command as Answering
from flows.runner import PrefectRunner


def commands_of_people(site: Site, agent: TelescopeAgent) -> Mapping[str, Answering]:
    """Give what `followup gft status`, `hold` and the others like it ask for."""
    command = agent.command

    async def hold(arguments: dict[str, Any]) -> dict[str, Any]:
        by, reason = _given(arguments)
        return _told(await command.hold(by, reason, at_once=arguments["at_once"]))

    async def resume(arguments: dict[str, Any]) -> dict[str, Any]:
        return _told(await command.resume(*_given(arguments)))

    async def abort(arguments: dict[str, Any]) -> dict[str, Any]:
        return {"stopped_after_s": await command.abort(arguments["campaign"], *_given(arguments))}

    async def park(arguments: dict[str, Any]) -> dict[str, Any]:
        return await _made_safe(command, command.park(*_given(arguments)))

    async def takeover(arguments: dict[str, Any]) -> dict[str, Any]:
        by, reason = _given(arguments)
        return await _made_safe(command, command.take_over(by, reason, park=arguments["park"]))

    async def giveback(arguments: dict[str, Any]) -> dict[str, Any]:
        return _told(await command.give_back(*_given(arguments)))

    async def look(_: dict[str, Any]) -> dict[str, Any]:
        return {
            **await live(agent.bench, command),
            "safety": agent.safety.standing(),
            "reaches": {**await standing(site), "prefect": _prefect(site)},
        }

    return {
        "live": look,
        "hold": hold,
        "resume": resume,
        "abort": abort,
        "park": park,
        "takeover": takeover,
        "giveback": giveback,
    }


def show_in_prefect(site: Site, agent: TelescopeAgent) -> None:
    """Have the telescope shown as a work pool that people can pause, if its work is shown in Prefect."""
    if isinstance(site.runner, PrefectRunner):
        site.runner.held_by_pool(agent.command)


def _prefect(site: Site) -> str:
    if not isinstance(site.runner, PrefectRunner):
        return "none"
    return "away" if site.runner.away else "there"


def _given(arguments: dict[str, Any]) -> tuple[Person, str]:
    by = Person(name=arguments["name"], login=arguments["login"], host=arguments["host"])
    return by, arguments["reason"]


async def _made_safe(command: Command, obeying: Awaitable[InForce]) -> dict[str, Any]:
    """Tell what is in force, also when the telescope could not be parked and closed."""
    try:
        return _told(await obeying)
    except NotParkedError as error:
        return _told(command.in_force) | {"trouble": str(error)}


def _told(in_force: InForce) -> dict[str, Any]:
    return {"in_force": str(in_force)}
