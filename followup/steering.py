"""Ports through which an orchestrator lets people steer: hold a telescope, trigger from a form, replay.

The first two are called in the loop of the agent whose they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from followup.story import Story


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """How a telescope stands towards people: whether somebody holds it, and a sentence about it."""

    held: bool
    text: str


class Held(Protocol):
    """A telescope that people hold and let go."""

    async def condition(self) -> Condition:
        """Tell how it stands."""
        ...

    async def hold_for(self, who: str, reason: str) -> None:
        """Have it begin nothing more until it is let go."""
        ...

    async def let_go(self, who: str, reason: str) -> None:
        """End a hold. What else keeps it from observing stays."""
        ...


class TriggerForm(Protocol):
    """The science centre, as a form asks it to trigger telescopes."""

    def telescopes(self) -> tuple[str, ...]:
        """Names of the telescopes that can be triggered now."""
        ...

    async def trigger(self, wanted: Mapping[str, Any], asked: datetime) -> tuple[Mapping[str, str], ...]:
        """Trigger as a person wants it.

        Parameters
        ----------
        wanted
            What was filled in, by field.
        asked
            When (wall clock). The same form, asked again for the same time, changes nothing.

        Returns
        -------
        tuple
            For each telescope: ``campaign``, ``ivorn`` (empty when nothing was sent) and ``reason``.

        Raises
        ------
        FollowupError
            When it cannot be, with what to do about it.
        """
        ...


class ReplayDesk(Protocol):
    """Who replays recorded campaigns when people or schedules want it; may be called from any thread."""

    @property
    def parties(self) -> tuple[str, ...]:
        """Who can be under test; the usual one first."""
        ...

    def bundles(self) -> tuple[str, ...]:
        """Names of the bundles that are there now (blocking)."""
        ...

    def begin(self, wanted: Mapping[str, Any]) -> Story:
        """Begin a replay as somebody wants it, or queue it behind those that go on.

        Parameters
        ----------
        wanted
            ``bundle`` (empty for all), ``against`` and ``speed``, as filled in.

        Returns
        -------
        Story
            Tells of it, to its end.
        """
        ...
