"""What a telescope would do on an alert: planned from its settings, without its agent or its devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.gft.planning import Planner
from console import settings
from console.equipment import limited
from console.site_papers import strategies_text
from followup.clock import Clock
from followup.decision import Decision
from followup.errors import ConfigurationError, FollowupError
from followup.names import CampaignName
from followup.plan import Acceptance, Plan
from followup.site import Instrument, Site
from followup.strategy import load_strategies
from simulators.sites import known_telescope
from voevent.errors import VOEventError
from voevent.kinds import Trigger, TriggerAction
from voevent.notice import read_notice
from voevent.packet import Packet


@dataclass(frozen=True, kw_only=True, slots=True)
class DryPlan:
    """The answer that the telescope would give, and what it would observe.

    Attributes
    ----------
    picture
        The visibility of the night (PNG); empty when there is nothing to draw.
    """

    trigger: Trigger
    now: datetime
    answer: Acceptance
    plan: Plan | None
    picture: bytes

    @property
    def decisions(self) -> Sequence[Decision]:
        """Why: of the plan, or of the refusal."""
        return self.plan.decisions if self.plan is not None else self.answer.decisions

    def to_data(self) -> dict[str, Any]:
        """Give it in JSON's types."""
        return {
            "campaign": str(CampaignName(self.trigger.burst, self.trigger.telescope)),
            "planned_at": self.now.isoformat(),
            "accepted": self.answer.accepted,
            "reason": self.answer.reason,
            "strategy": self.answer.strategy,
            "tasks": [] if self.plan is None else self.plan.to_data()["tasks"],
            "why_no_tasks": "" if self.plan is None else self.plan.reason,
            "decisions": [
                {"rule": each.rule, "text": each.text, "values": dict(each.values)} for each in self.decisions
            ],
        }


@dataclass(frozen=True, slots=True)
class _At:
    """A clock that stands still."""

    time: datetime

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        raise RuntimeError(f"a clock that stands still does not wait {seconds} s")


async def dry_plan(folder: Path, alert: Packet, at: datetime | None) -> DryPlan:
    """Plan for an alert as the telescope in a folder would, now or at another time.

    Raises
    ------
    FollowupError
        When the alert cannot lead to a trigger, or the settings do not say enough.
    """
    config = settings.read(settings.TelescopeSettings, folder)
    site, instrument = _place(config)
    rules, source = strategies_text(folder, config.strategies_file)
    # All is planned for one moment, however long it takes.
    clock: Clock = _At(at or config.clock().now())
    planner = Planner(
        site=site,
        limits=config.safety,
        instrument=instrument,
        strategies=load_strategies(rules, source=source),
        clock=clock,
    )
    trigger = _trigger(alert, config.name)
    answer = await planner.answer(trigger)
    plan, picture = None, b""
    if answer.accepted:
        campaign = str(CampaignName(trigger.burst, trigger.telescope))
        plan = await planner.plan(trigger, campaign=campaign, now=clock.now())
        picture = await planner.picture(trigger, plan)
    return DryPlan(trigger=trigger, now=clock.now(), answer=answer, plan=plan, picture=picture)


def _place(config: settings.TelescopeSettings) -> tuple[Site, Instrument]:
    indi = config.over_indi()
    if indi is not None:
        return limited(indi.place.site(), config.safety), indi.detector.instrument(config.name)
    model = known_telescope(config.model)
    return limited(model.site, config.safety), model.instrument


def _trigger(alert: Packet, telescope: str) -> Trigger:
    """Make the trigger that the science centre would make of an alert, if it were the first."""
    try:
        notice = read_notice(alert)
    except VOEventError as error:
        raise FollowupError(
            f"the alert cannot be read: {error}", hint="followup packet validate FILE"
        ) from error
    if notice.retraction or notice.position is None:
        why = "takes a burst back" if notice.retraction else "gives no position"
        raise ConfigurationError(f"{alert.ivorn} {why}: there is nothing to plan", hint="give another alert")
    return Trigger(
        burst=notice.burst,
        telescope=telescope,
        action=TriggerAction.OBSERVE,
        revision=0,
        trigger_time=notice.trigger_time,
        position=notice.position,
        instrument=notice.instrument,
        notice=alert.id,
        features=notice.features,
    )
