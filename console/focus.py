"""A telescope's focus as its agent's process has it: kept by itself, and found when a command asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from agents.gft.bench import Bench
from agents.gft.focusing.duty import FocusDuty
from console.control import Command
from console.settings import TelescopeSettings
from followup.errors import ConfigurationError


def focus_duty(bench: Bench, config: TelescopeSettings) -> FocusDuty | None:
    """Return what keeps the telescope in focus; None for one without a focuser, or that is not to be focused.

    Raises
    ------
    ConfigurationError
        When it is to be focused, and cannot be.
    """
    focuser, wanted = bench.observatory.telescope.focuser, config.focus
    if not wanted.step:
        return None
    if focuser is None:
        raise ConfigurationError(
            "[focus] stands in site.toml, but the telescope has no focuser",
            hint="name it in [indi] focuser, or take [focus] out",
        )
    if wanted.filter and wanted.filter not in bench.instrument.filters:
        raise ConfigurationError(
            f"[focus] filter: the telescope has no filter {wanted.filter}",
            hint=f"it has {', '.join(bench.instrument.filters)}",
        )
    return FocusDuty(bench, focuser, wanted.terms())


def focus_commands(duty: FocusDuty | None) -> Mapping[str, Command]:
    """Give what `followup gft focus` asks an agent."""
    return {"focus": partial(_focus, duty)}


async def _focus(duty: FocusDuty | None, arguments: dict[str, Any]) -> dict[str, Any]:
    if duty is None:
        raise ConfigurationError(
            "this telescope is not focused by its agent",
            hint="a focuser, and a section [focus] with its step, in site.toml (docs/operating.md)",
        )
    return await duty.by_hand(str(arguments["who"]))
