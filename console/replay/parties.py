"""Who can be under test in a replay."""

from __future__ import annotations

from enum import StrEnum


class Party(StrEnum):
    """A site whose agent is the real one; the others are played from the record."""

    GFT = "gft"
    """The telescope."""
    CSC = "csc"
    """The science centre."""
    RELAY = "relay"
    """The relay, with its store."""


class Against(StrEnum):
    """Who is asked to be under test."""

    GFT = "gft"
    """The telescope."""
    CSC = "csc"
    """The science centre."""
    RELAY = "relay"
    """The relay."""
    ALL = "all"
    """Each in turn."""

    @property
    def parties(self) -> tuple[Party, ...]:
        """Those who are, in turn."""
        return tuple(Party) if self is Against.ALL else (Party(self.value),)
