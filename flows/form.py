"""The form in which people trigger telescopes, served by the science centre's agent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.flow_engine import run_flow_async

from flows.pool import Pool, ask
from flows.served import Offer, Served
from flows.trigger import current, trigger
from followup.steering import TriggerForm

NAME = "telescopes"
"""Name of the deployment; with the flow's: ``trigger/telescopes``."""
_POOL = "The science centre: online while its agent runs. Paused, it takes no triggers from the form."
_DESCRIPTION = """\
Trigger follow-up telescopes on a burst. Press **Run → Custom run**, fill in the form, and submit: it is
carried out at once. The run ends as *Triggered*, or as *Refused* with the reason; each telescope then has a
run of the flow `observe`, and the science centre one of `follow-up`.

A **drill** is done like the real thing, and every packet of it says that it is one.
"""

_DEFAULTS = {"what": "drill", "error_arcmin": 3.0, "trigger_time": "", "telescopes": []}
"""What stands in fields that nobody fills in."""


class Form:
    """Serves the form.

    Parameters
    ----------
    desk
        Called in `agent`, the loop of the science centre's agent.
    """

    def __init__(self, site: str, desk: TriggerForm, agent: asyncio.AbstractEventLoop) -> None:
        self._desk = desk
        self._agent = agent
        offer = Offer(
            flow=trigger, name=NAME, description=_DESCRIPTION, pool_description=_POOL, tags=("form",)
        )
        self._served = Served(Pool(site), offer, schema=self._schema, run=self._run)

    async def keep(self, there: Callable[[], Awaitable[None]]) -> None:
        """Do so for ever."""
        await self._served.keep(there)

    async def _schema(self) -> dict[str, Any]:
        return schema(await ask(self._agent, self._names))

    async def _names(self) -> tuple[str, ...]:
        return self._desk.telescopes()

    async def _run(self, taken: FlowRun) -> None:
        # The same form, taken up again, triggers once: it is known by when it was asked for.
        asked = taken.created or taken.expected_start_time or datetime.now(UTC)
        token = current.set(partial(self._trigger, asked.astimezone(UTC)))
        try:
            filled_in = {**_DEFAULTS, **taken.parameters}
            await run_flow_async(trigger, flow_run=taken, parameters=filled_in, return_type="state")
        finally:
            current.reset(token)

    async def _trigger(self, asked: datetime, wanted: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
        return await ask(self._agent, partial(self._desk.trigger, wanted, asked))


def schema(telescopes: Sequence[str]) -> dict[str, Any]:
    """Describe the form's fields (OpenAPI): the browser and the server check by it what is filled in."""
    fields: dict[str, dict[str, Any]] = {
        "who": {
            "title": "Your name",
            "description": "Whoever triggers is recorded, and the telescopes are told.",
            "type": "string",
            "minLength": 1,
        },
        "what": {
            "title": "Drill or real",
            "description": "A drill is marked as one in every packet.",
            "type": "string",
            "enum": ["drill", "real"],
            "default": _DEFAULTS["what"],
        },
        "burst": {
            "title": "Name of the burst",
            "description": "Letters, digits, - and _. A name that was triggered before: this refines it.",
            "type": "string",
            "pattern": "^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,46}[A-Za-z0-9])?$",
        },
        "ra_deg": {
            "title": "Right ascension (degrees, ICRS)",
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 360,
        },
        "dec_deg": {
            "title": "Declination (degrees, ICRS)",
            "type": "number",
            "minimum": -90,
            "maximum": 90,
        },
        "error_arcmin": {
            "title": "Error radius (arcmin)",
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 10800,
            "default": _DEFAULTS["error_arcmin"],
        },
        "trigger_time": {
            "title": "T0, the burst's time (UTC)",
            "description": "Like 2026-11-22T03:04:05. Left empty: the time at which this form is submitted.",
            "type": "string",
            "pattern": r"^$|^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$",
            "default": _DEFAULTS["trigger_time"],
        },
        "telescopes": {
            "title": "Telescopes",
            "description": "Left empty: all that are enrolled.",
            "type": "array",
            "items": {"type": "string", "enum": list(telescopes)} if telescopes else {"type": "string"},
            "uniqueItems": True,
            "default": _DEFAULTS["telescopes"],
        },
    }
    for position, field in enumerate(fields.values()):
        field["position"] = position
    return {
        "title": "Parameters",
        "type": "object",
        "properties": fields,
        "required": ["who", "burst", "ra_deg", "dec_deg"],
        "definitions": {},
    }
