"""Runs of a site that never comes back: the server itself ends them.

Each run gives a sign of life to the server as long as its agent lives. What says nothing any more for long is
marked as crashed by an automation, which needs nobody but the server.
"""

from __future__ import annotations

from datetime import timedelta

from prefect.automations import AutomationCore, EventTrigger, Posture
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.events import ResourceSpecification

NAME = "followup: end runs whose agent fell silent"


async def watch_for_silence(client: PrefectClient, silence: timedelta) -> None:
    """Have the server end runs of any site that say nothing for so long; what is set up already is kept."""
    if await client.read_automations_by_name(NAME):
        return
    minutes = silence.total_seconds() / 60
    automation = AutomationCore(
        name=NAME,
        description="Kept by the agents of followup. An agent that comes back goes on in another run.",
        trigger=EventTrigger(
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            match_related=ResourceSpecification(
                {"prefect.resource.id": ["prefect.tag.site:*"], "prefect.resource.role": ["tag"]}
            ),
            after={"prefect.flow-run.Pending", "prefect.flow-run.Running", "prefect.flow-run.heartbeat"},
            # Any other word of the run is a sign of life, too: a change of its state, with whatever name.
            expect={"prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=silence,
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed",
                state=StateType.CRASHED,
                force=False,
                message=f"its agent has said nothing for {minutes:g} minutes: killed, or cut off",
            )
        ],
    )
    await client.create_automation(automation)
