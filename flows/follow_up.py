"""The flow `follow-up`: one campaign as the science centre sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.show import show, step

STEPS = {
    "trigger": step("trigger the telescope"),
    "receive": step("receive a packet"),
    "download": step("download and verify a dataset"),
    "close": step("accept the closing"),
}


@flow(
    name="follow-up",
    description=(
        "The science centre follows one campaign: it triggers the telescope, receives its results, "
        "downloads, verifies and archives its data, and accepts the closing once it holds every packet. "
        "Cancelling this run calls the telescope off."
    ),
    flow_run_name="{campaign}",
    persist_result=False,
)
async def follow_up(campaign: str, facts: Mapping[str, str]) -> State[Any]:  # noqa: ARG001 - shown to people
    """Show a campaign at the science centre."""
    return await show(STEPS)
