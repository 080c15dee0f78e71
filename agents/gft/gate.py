"""What keeps a telescope from observing: reasons, each with its keeper."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from agents.bell import Bell
from followup.errors import DeviceError

SAFETY, HOLD, HALT, TAKEOVER = "safety", "hold", "halt", "takeover"
"""Keepers: the rules of safety; a person who wants a pause, or wants it at once; one who has the devices."""
LIMITS = "limits"
"""Keeper while a mount that was left to itself is parked."""
PEOPLE = (HOLD, HALT, TAKEOVER)
"""Keepers who are people."""
NOT_SHELTERED = "; NOT SHELTERED: "
"""Before what keeps the telescope from being made safe, behind the reason why it should be."""


class ShutError(DeviceError):
    """What was begun is given up, or not begun, because the gate is shut."""

    def __init__(self, gate: Gate) -> None:
        super().__init__("telescope", f"it may not be used now: {gate}")


class Gate:
    """Stands open while nobody keeps it shut.

    Attributes
    ----------
    changes
        Rings whenever a reason comes, changes or goes.
    """

    def __init__(self) -> None:
        self.changes = Bell()
        self._reasons: dict[str, str] = {}

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why it is shut, by keeper, in the order in which they shut it; empty when it is open."""
        return MappingProxyType(self._reasons)

    def __str__(self) -> str:
        """Tell why it is shut, for people; empty when it is open."""
        return "; ".join(f"{keeper}: {reason}" for keeper, reason in self._reasons.items())

    def shut(self, keeper: str, reason: str) -> None:
        """Shut it; a keeper who has shut it already gives another reason."""
        if self._reasons.get(keeper) != reason:
            self._reasons[keeper] = reason
            self.changes.ring()

    def lift(self, keeper: str) -> None:
        """Take a keeper's reason away, if there is one."""
        if self._reasons.pop(keeper, None) is not None:
            self.changes.ring()

    def shut_by(self, *keepers: str) -> bool:
        """Whether one of these keeps it shut; anybody, when none is named."""
        return not self._reasons.keys().isdisjoint(keepers) if keepers else bool(self._reasons)

    async def free(self, *keepers: str) -> None:
        """Wait until none of these keeps it shut; nobody at all, when none is named."""
        while True:
            heard = self.changes.listen()
            if not self.shut_by(*keepers):
                return
            await asyncio.shield(heard)

    async def shuts(self, *keepers: str) -> None:
        """Wait until one of these keeps it shut; anybody, when none is named."""
        while True:
            heard = self.changes.listen()
            if self.shut_by(*keepers):
                return
            await asyncio.shield(heard)
