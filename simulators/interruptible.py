"""Waiting that can be cut short."""

from __future__ import annotations

import asyncio

from followup.clock import Clock


async def interrupted(clock: Clock, seconds: float, event: asyncio.Event) -> bool:
    """Sleep so long on a clock; return early, with True, when the event comes first."""
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({sleeping, waiting}, return_when=asyncio.FIRST_COMPLETED)
        return event.is_set()
    finally:
        for each in (sleeping, waiting):
            each.cancel()
        await asyncio.gather(sleeping, waiting, return_exceptions=True)
