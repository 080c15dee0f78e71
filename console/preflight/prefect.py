"""The Prefect server that shows the work: nothing depends on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.metadata import version

import httpx

from console.preflight.finding import Finding, passed, skipped, warned
from console.preflight.subject import Subject

_PATIENCE_S = 5.0


async def prefect(subject: Subject) -> AsyncIterator[Finding]:
    """Ask the server whether it is well, and which version it is of."""
    url = subject.config.prefect.api_url
    if not url:
        yield skipped("prefect", "none is configured ([prefect] api_url): the work is not shown in one")
        return
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE_S) as client:
            (await client.get(f"{url}/health")).raise_for_status()
            answer = await client.get(f"{url}/admin/version")
            answer.raise_for_status()
            theirs = str(answer.json())
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        why = str(error) or type(error).__name__
        yield warned(
            "prefect",
            f"no Prefect server at {url} ({why}): telescope and packets go on without, the work is not shown",
            "start it, or mend [prefect] api_url: it ends in /api",
        )
        return
    ours = version("prefect")
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        yield warned("prefect", f"{url} is of version {theirs}, ours is {ours}", f"run a server of {ours}")
    else:
        yield passed("prefect", f"{url} answers, version {theirs}")
