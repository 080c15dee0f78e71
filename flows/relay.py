"""The flow `relay`: a watch of the relay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.show import show, step

STEPS = {
    "custody": step("keep a packet until its final receipt"),
    "dataset": step("keep a dataset until it is archived"),
}


@flow(
    name="relay",
    description=(
        "The relay's watch: each packet a telescope hands over is in custody from the relay's receipt until "
        "the science centre's final one; each dataset until it is archived."
    ),
    flow_run_name="{campaign}",
    persist_result=False,
)
async def relay(campaign: str, facts: Mapping[str, str]) -> State[Any]:  # noqa: ARG001 - shown to people
    """Show a watch of the relay."""
    return await show(STEPS)
