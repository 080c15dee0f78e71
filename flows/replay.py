"""The flow `replay`: an archived campaign played again to an agent under test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.show import show, step

STEPS = {
    "play": step("play the record"),
    "judge": step("compare with the record"),
}


@flow(
    name="replay",
    description=(
        "A recorded campaign is played again to an agent under test, on servers of its own; what the agent "
        "says is compared with what was said then."
    ),
    flow_run_name="{campaign}",
    persist_result=False,
)
async def replay(campaign: str, facts: Mapping[str, str]) -> State[Any]:  # noqa: ARG001 - shown to people
    """Show a replay."""
    return await show(STEPS)
