"""The flow `focus`: one focus run of a telescope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.show import show, step

STEPS = {
    "slew": step("slew"),
    "expose": step("expose over positions of the focuser"),
}


@flow(
    name="focus",
    description=(
        "A telescope finds its focus: short exposures at several positions of the focuser, the size of the "
        "stars, a hyperbola through the sizes, and to its minimum."
    ),
    flow_run_name="{campaign}",
    persist_result=False,
)
async def focus(campaign: str, facts: Mapping[str, str]) -> State[Any]:  # noqa: ARG001 - shown to people
    """Show a focus run."""
    return await show(STEPS)
