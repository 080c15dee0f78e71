"""What the Prefect server shows when all is over: no run may go on for ever."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

from deploy.errors import DeployError
from deploy.prefect import PrefectServer
from followup.names import RELAY

_OPEN = ("RUNNING", "PENDING", "CANCELLING", "PAUSED")
_WATCH = f"site:{RELAY}"
_PATIENCE_S = 120.0
_POLL_S = 2.0
_PAGE = 200


async def left_open(server: PrefectServer, *, watched: bool) -> list[str]:
    """Tell which flow runs are open although all campaigns are over; they are given a while.

    Parameters
    ----------
    watched
        Whether the agents are still there: then the relay's watch goes on rightly.
    """
    try:
        await server.ready()
    except DeployError as error:
        return [f"Prefect did not come back: {error}"]
    deadline = time.monotonic() + _PATIENCE_S
    async with httpx.AsyncClient(base_url=server.api_url, timeout=20.0) as client:
        while runs := [run for run in await _open_runs(client) if not (watched and _WATCH in run["tags"])]:
            if time.monotonic() > deadline:
                return [f"flow run {run['name']!r} is left {run['state_name']}" for run in runs]
            await asyncio.sleep(_POLL_S)
    return []


async def _open_runs(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    wanted = {"limit": _PAGE, "flow_runs": {"state": {"type": {"any_": list(_OPEN)}}}}
    answer = await client.post("/flow_runs/filter", json=wanted)
    answer.raise_for_status()
    runs: list[dict[str, Any]] = answer.json()
    return runs
