"""Whose turn it is to have the telescope: one at a time, the more important first, and who waits is seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agents.bell import Bell


@dataclass(eq=False, slots=True)
class _Waiter:
    user: str
    priority: int
    gives_way: bool

    @property
    def rank(self) -> tuple[bool, int]:
        """The higher, the sooner: who gives way comes after everybody else."""
        return not self.gives_way, self.priority


class Turns:
    """The order in which the telescope is had.

    Attributes
    ----------
    user
        Who has it; empty when nobody does.
    """

    def __init__(self) -> None:
        self.user = ""
        self._reserved: list[str] = []
        self._taken = False
        self._waiting: list[_Waiter] = []
        self._changes = Bell()
        self._give_way: Callable[[], None] | None = None

    @property
    def reserved_for(self) -> str:
        """Who gets it next, whoever asks meanwhile; empty when nobody in particular."""
        return self._reserved[-1] if self._reserved else ""

    @property
    def waiting(self) -> tuple[str, ...]:
        """Who waits, in the order in which they will get it."""
        # A sort is stable: among equals it is first come, first served.
        order = sorted(self._waiting, key=lambda waiter: waiter.rank, reverse=True)
        first = [waiter for waiter in order if waiter.user == self.reserved_for]
        return tuple(waiter.user for waiter in [*first, *(w for w in order if w not in first)])

    @property
    def taken(self) -> bool:
        """Whether anybody has it."""
        return self._taken

    def busy_for(self, user: str) -> bool:
        """Whether somebody has the telescope who does not give way, or it is reserved for another one."""
        return (self._taken and self._give_way is None) or self.reserved_for not in {"", user}

    def reserve(self, user: str) -> None:
        """Have somebody get it next, and nobody else before `release`; until then earlier ones stand back."""
        self.release(user)
        self._reserved.append(user)

    def release(self, user: str) -> None:
        """Let others go first, if it was reserved for this one."""
        if user in self._reserved:
            self._reserved.remove(user)
            self._changes.ring()

    @asynccontextmanager
    async def turn(
        self, user: str, *, priority: int = 0, give_way: Callable[[], None] | None = None
    ) -> AsyncIterator[None]:
        """Have it to oneself.

        Parameters
        ----------
        priority
            The higher, the sooner; among equals it is first come, first served.
        give_way
            What makes this user end at once when another one asks; None for one who is waited for. While
            others wait it is not had at all.
        """
        waiter = _Waiter(user, priority, gives_way=give_way is not None)
        self._waiting.append(waiter)
        try:
            if self._give_way is not None:
                self._give_way()
            while True:
                heard = self._changes.listen()
                if self._is_next(waiter):
                    break
                await asyncio.shield(heard)
        finally:
            self._waiting.remove(waiter)
            self._changes.ring()
        self._taken, self.user, self._give_way = True, user, give_way
        try:
            yield
        finally:
            self._taken, self.user, self._give_way = False, "", None
            self._changes.ring()

    def _is_next(self, waiter: _Waiter) -> bool:
        if self._taken or self.reserved_for not in {"", waiter.user}:
            return False
        before = self._waiting[: self._waiting.index(waiter)]
        after = self._waiting[self._waiting.index(waiter) + 1 :]
        if self.reserved_for == waiter.user:
            return all(other.user != waiter.user for other in before)
        return all(other.rank < waiter.rank for other in before) and all(
            other.rank <= waiter.rank for other in after
        )
