"""Drills as a telescope's process has them: the camera that shows the source, and the command."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial
from typing import Any

from agents.gft.drill.exercise import Drill
from agents.gft.drill.source import DrillCamera
from agents.gft.service import TelescopeAgent
from console.control import Command
from console.settings import TelescopeSettings


def drill_commands(
    agent: TelescopeAgent, camera: DrillCamera, config: TelescopeSettings
) -> Mapping[str, Command]:
    """Give what `followup gft drill` asks an agent."""
    drill = Drill(agent.bench, agent, camera, config.drill.terms(), random.Random())  # noqa: S311 - a place
    return {"drill": partial(_hold, drill)}


async def _hold(drill: Drill, arguments: dict[str, Any]) -> dict[str, Any]:
    report = await drill.hold(str(arguments["who"]))
    return report.data()
