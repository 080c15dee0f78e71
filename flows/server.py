"""Whether the Prefect server answers, asked again and again so that nobody has to wait to find out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

import httpx

from followup.clock import Clock

log = logging.getLogger(__name__)

_ASK_S = 5.0
_PATIENCE_S = 5.0

Outage = tuple[datetime, datetime]
"""From when to when the server was away (wall clock)."""


class ServerWatch:
    """Watches the server.

    Parameters
    ----------
    since
        Since when it has been away, if an earlier process saw it going.
    changed
        Told of every change: since when it has been away, or None and the outage that is over.
    """

    def __init__(
        self,
        api_url: str,
        wall: Clock,
        *,
        since: datetime | None,
        changed: Callable[[datetime | None, Outage | None], None],
    ) -> None:
        self._api_url = api_url
        self._wall = wall
        self._since = since
        self._changed = changed
        self._there = asyncio.Event()
        self._met = False
        self._heard: datetime | None = None

    @property
    def away(self) -> bool:
        """Whether it did not answer when it was asked last."""
        return not self._there.is_set()

    async def there(self) -> None:
        """Return when it answers."""
        await self._there.wait()

    def answers(self) -> None:
        """Hear that it answered someone else: whoever noticed first."""
        self._back()

    async def run(self) -> None:
        """Watch for ever."""
        async with httpx.AsyncClient(timeout=_PATIENCE_S) as client:
            while True:
                asked = self._wall.now()
                try:
                    (await client.get(f"{self._api_url}/health")).raise_for_status()
                except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                    self._gone(asked, error)
                else:
                    self._back()
                    self._heard = asked
                await asyncio.sleep(_ASK_S if self._there.is_set() or self._met else _ASK_S / 5)

    def _gone(self, asked: datetime, error: Exception) -> None:
        if self._since is not None and not self._there.is_set():
            return
        # It went away at some time after its last answer: what ended since then may be known to nobody.
        since = self._since or self._heard or asked
        # One that was never heard of may still be starting: that is no reason to worry.
        level = logging.WARNING if self._met else logging.INFO
        reason = str(error) or type(error).__name__
        log.log(level, "no Prefect server at %s (%s): going on without", self._api_url, reason)
        self._there.clear()
        self._since = since
        self._changed(since, None)

    def _back(self) -> None:
        if self._there.is_set():
            return
        self._there.set()
        outage = None if self._since is None else (self._since, self._wall.now())
        if outage is not None:
            log.log(
                logging.WARNING if self._met else logging.INFO,
                "the Prefect server at %s answers; it was away since %s",
                self._api_url,
                f"{outage[0]:%Y-%m-%d %H:%M:%S} UTC",
            )
        self._met, self._since = True, None
        self._changed(None, outage)
