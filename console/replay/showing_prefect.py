"""Showing a replay in Prefect, when a server is named."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.agent import make_runner
from console.servers import NONE, checked_url
from flows.runner import PrefectRunner
from followup.errors import ConfigurationError
from followup.story import PlainRunner, Runner

_USER = "replay"
_ANSWERS_S = 60.0
"""A server that has just been started takes so long, or less, until it answers."""
_SETTLE_S = 60.0
_LOOK_S = 0.5


@contextmanager
def shown_in(prefect: str) -> Iterator[Runner]:
    """Give what shows a replay at that Prefect server; nothing does for ``none``.

    Raises
    ------
    ConfigurationError
        When it is no URL, or no server answers there.
    """
    if prefect == NONE:
        yield PlainRunner()
        return
    with kept_in(prefect) as runner:
        yield runner
        asyncio.run(_settle(runner))


@contextmanager
def kept_in(prefect: str) -> Iterator[PrefectRunner]:
    """Give what speaks to that Prefect server.

    Raises
    ------
    ConfigurationError
        When it is no URL, or no server answers there.
    """
    url = checked_url(prefect)
    _await_server(url)
    with tempfile.TemporaryDirectory(prefix="followup-prefect-", ignore_cleanup_errors=True) as folder:
        runner = make_runner(Path(folder), _USER, f"{url}/api")
        if not isinstance(runner, PrefectRunner):
            raise ConfigurationError(f"{prefect!r} is no Prefect server", hint="a URL: http://HOST:4200")
        try:
            yield runner
        finally:
            runner.close()


def _await_server(url: str) -> None:
    """Wait until a server answers: who asks for a replay to be shown wants to see it."""
    import httpx  # noqa: PLC0415 - a replay that nobody wants to see there starts sooner

    deadline = time.monotonic() + _ANSWERS_S
    while True:
        try:
            httpx.get(f"{url}/api/health", timeout=10.0).raise_for_status()
        except httpx.HTTPError as error:
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"no Prefect server answers at {url}: {error}",
                    hint="is it up? --prefect none goes without",
                ) from error
            time.sleep(_LOOK_S)
        else:
            return


async def _settle(runner: PrefectRunner) -> None:
    """Wait until everything is shown; a server that is away for a moment is waited for."""
    for _ in range(int(_SETTLE_S / _LOOK_S)):
        if not runner.away:
            break
        await asyncio.sleep(_LOOK_S)
    await runner.settle(_SETTLE_S)
