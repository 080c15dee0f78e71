"""The flow `observe`: one campaign at its telescope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.show import show, step

STEPS = {
    "answer": step("answer the trigger"),
    "plan": step("plan the night"),
    "wait": step("wait for the epoch"),
    "slew": step("slew"),
    "expose": step("expose"),
    "reduce": step("reduce and measure"),
    "report": step("report a result"),
    "upload": step("upload a dataset"),
    "stop": step("stop the telescope"),
    "close": step("close the campaign"),
}


@flow(
    name="observe",
    description=(
        "A telescope follows up one burst: it answers the trigger, plans, and for each task of the plan "
        "slews, exposes, reduces on site, reports and uploads; then it closes the campaign. "
        "Cancelling this run stops the telescope and closes the campaign as aborted."
    ),
    flow_run_name="{campaign}",
    persist_result=False,
)
async def observe(campaign: str, facts: Mapping[str, str]) -> State[Any]:  # noqa: ARG001 - shown to people
    """Show a telescope's campaign."""
    return await show(STEPS)
