"""What stands between the telescope and harm: the watchdog, and the word on its power."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from console.preflight.finding import Finding, failed, passed, skipped, warned
from console.preflight.subject import Subject
from console.state import watchdog_lock
from console.tenure import holder


async def safety(subject: Subject) -> AsyncIterator[Finding]:
    """Look for a watchdog, and whether power is said to be lost."""
    flag = subject.folder / subject.config.safety.power_lost_file
    if await asyncio.to_thread(flag.exists):
        yield failed(
            "power",
            f"power is lost, says {flag}",
            "the telescope stays shut until that file goes: is power back?",
        )
    else:
        yield passed("power", f"nobody says that it is lost ({flag} is not there)")
    if subject.indi is None:
        yield skipped("watchdog", "simulated devices end with their agent")
        return
    pid = await asyncio.to_thread(holder, watchdog_lock(subject.folder))
    if pid is None:
        yield warned(
            "watchdog",
            "none runs: nobody closes the dome when the agent dies or hangs",
            f"followup gft watchdog {subject.config.name}, or its service (deploy/README.md)",
        )
    else:
        yield passed("watchdog", f"it runs (process {pid})")
