"""The flow `trigger`: what a person asked for in the form, on its way to the science centre's agent."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import State, StateType

from followup.errors import FollowupError

Triggering = Callable[[Mapping[str, Any]], Awaitable[Sequence[Mapping[str, str]]]]

current: ContextVar[Triggering] = ContextVar("triggering")
"""Who triggers as the flow called next wants it: flow parameters are for people, and must be JSON."""


@flow(
    name="trigger",
    description=(
        "A burst advocate triggers telescopes. The science centre's agent checks what was filled in and "
        "does the same as `followup trigger` does."
    ),
    flow_run_name="trigger {burst} ({what})",
    persist_result=False,
    validate_parameters=False,
)
async def trigger(
    *,
    burst: str,
    ra_deg: float,
    dec_deg: float,
    error_arcmin: float,
    trigger_time: str,
    telescopes: Sequence[str],
    what: str,
    who: str,
) -> State[Any]:
    """Trigger as the form says; a form that cannot be obeyed ends as Refused, with the reason."""
    wanted = {
        "burst": burst,
        "ra_deg": ra_deg,
        "dec_deg": dec_deg,
        "error_arcmin": error_arcmin,
        "trigger_time": trigger_time,
        "telescopes": list(telescopes),
        "what": what,
        "who": who,
    }
    logger = get_run_logger()
    try:
        made = await current.get()(wanted)
    except FollowupError as error:
        said = f"{error}" + (f" ({error.hint})" if error.hint else "")
        logger.log(logging.ERROR, "%s: %s", burst, said)
        return State(type=StateType.FAILED, name="Refused", message=said)
    rows = [
        {"campaign": one["campaign"], "trigger": one["ivorn"] or f"nothing sent: {one['reason']}"}
        for one in made
    ]
    for row in rows:
        logger.info("%s: %s", row["campaign"], row["trigger"])
    await acreate_table_artifact(table=rows, key="triggered", description=f"What {who} triggered")
    sent = [one["campaign"] for one in made if one["ivorn"]]
    if not sent:
        return State(type=StateType.COMPLETED, name="Nothing new", message=rows[0]["trigger"] if rows else "")
    return State(type=StateType.COMPLETED, name="Triggered", message=f"triggered by {who}: {', '.join(sent)}")
