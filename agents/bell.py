"""A bell: those who listen hear every ring that comes after they began to listen."""

from __future__ import annotations

import asyncio


class Bell:
    """Wakes all who wait, without losing a ring between looking and waiting.

    Listen first, then look, then wait: ``heard = bell.listen(); look(); await heard``.
    """

    def __init__(self) -> None:
        self._next: asyncio.Future[None] | None = None

    def listen(self) -> asyncio.Future[None]:
        """Return what is done at the next ring."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        return self._next

    def ring(self) -> None:
        """Wake all who listen."""
        if self._next is not None and not self._next.done():
            self._next.set_result(None)
        self._next = None
