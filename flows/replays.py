"""Replays that people order or schedule in the browser: a deployment of ``followup serve-replays``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.flow_engine import run_flow_async

from flows.channel import Channel, current
from flows.pool import Pool
from flows.replay import replay
from flows.served import Offer, Served
from followup.steering import ReplayDesk

NAME = "bundles"
"""Name of the deployment; with the flow's: ``replay/bundles``."""
_POOL = "Replays recorded campaigns, one after the other: online while `followup serve-replays` runs."
_DESCRIPTION = """\
Replay recorded campaigns: a party's real agent answers what was said then, and what it does is compared with
what was done. Press **Run → Quick run** for all bundles, **Custom run** for one of them, or add a schedule.

A run ends as *As recorded*, or as *Not as recorded*; its artifacts have the verdicts.
"""
_DEFAULTS = {"bundle": "", "speed": "max"}
"""What stands in fields that nobody fills in."""


class Replays:
    """Serves replays.

    Parameters
    ----------
    site
        Name of the work pool.
    """

    def __init__(self, site: str, desk: ReplayDesk) -> None:
        self._desk = desk
        offer = Offer(
            flow=replay, name=NAME, description=_DESCRIPTION, pool_description=_POOL, tags=("replay",)
        )
        self._served = Served(Pool(site), offer, schema=self._schema, run=self._run)

    async def keep(self, there: Callable[[], Awaitable[None]]) -> None:
        """Do so for ever."""
        await self._served.keep(there)

    async def _schema(self) -> dict[str, Any]:
        return schema(await asyncio.to_thread(self._desk.bundles), self._desk.parties)

    async def _run(self, taken: FlowRun) -> None:
        story = self._desk.begin({**_DEFAULTS, "against": self._desk.parties[0], **taken.parameters})
        channel = Channel(story, started=lambda _: ())
        token = current.set(channel)
        try:
            shown = {"campaign": story.name, "facts": dict(story.parameters)}
            await run_flow_async(replay, flow_run=taken, parameters=shown, return_type="state")
        finally:
            current.reset(token)
            if channel.shown is None:
                story.on_cancel("nobody sees it any more: it will begin anew")


def schema(bundles: Sequence[str], parties: Sequence[str]) -> dict[str, Any]:
    """Describe the form's fields (OpenAPI): the browser and the server check by it what is filled in."""
    fields: dict[str, dict[str, Any]] = {
        "bundle": {
            "title": "Bundle",
            "description": "Left empty: all of them, one after the other.",
            "type": "string",
            "enum": ["", *bundles],
            "default": _DEFAULTS["bundle"],
        },
        "against": {
            "title": "Against",
            "description": "Whose agent is under test; the others are played from the record.",
            "type": "string",
            "enum": list(parties),
            "default": parties[0],
        },
        "speed": {
            "title": "Speed",
            "description": "How many times faster than then, or 'max': as fast as the agent answers.",
            "type": "string",
            "pattern": r"^(max|\d+(\.\d+)?)$",
            "default": _DEFAULTS["speed"],
        },
    }
    for position, field in enumerate(fields.values()):
        field["position"] = position
    return {
        "title": "Parameters",
        "type": "object",
        "properties": fields,
        "required": [],
        "definitions": {},
    }
