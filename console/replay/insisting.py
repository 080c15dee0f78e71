"""Saying something until it is dealt with: again when nothing comes of it, but not for ever."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from console.replay.errors import ReplayError
from messaging.session import Envelope, SessionDownError

log = logging.getLogger(__name__)

_AGAIN_S = 10.0
"""What is not dealt with is said again (wall clock)."""
_TIMES = 6


async def insist(
    envelope: Envelope,
    send: Callable[[Envelope], Awaitable[None]],
    dealt_with: Callable[[float], Awaitable[bool]],
) -> None:
    """Say something until the party under test has dealt with it.

    Parameters
    ----------
    dealt_with
        Waits for so many seconds (wall clock) at most until it has; tells whether it has.

    Raises
    ------
    ReplayError
        When it does not.
    """
    for _ in range(_TIMES):
        try:
            await send(envelope)
        except SessionDownError as error:
            log.warning("it is said again: %s", error)
        if await dealt_with(_AGAIN_S):
            return
    raise ReplayError(f"nothing came of this, nor of what was to follow: {envelope.body}")
