"""Two bursts that want one telescope: which campaign has it, and what the rules say about another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agents.gft.bench import Bench
from agents.gft.campaign import ObservingCampaign
from agents.gft.observing import exposures_of
from followup.campaign import CampaignState
from followup.decision import Decision
from followup.plan import Acceptance
from followup.schedule import Task, duration_s
from followup.second_burst import Claim, Ruling, Work, judge
from followup.strategy import facts_of
from voevent.kinds import Trigger


@dataclass(frozen=True, kw_only=True, slots=True)
class Contention:
    """What was decided about a second burst."""

    first: str
    ruling: Ruling
    decision: Decision


def contend(
    bench: Bench,
    campaigns: Mapping[str, ObservingCampaign],
    name: str,
    trigger: Trigger,
    acceptance: Acceptance,
    *,
    drill: bool,
    now: datetime,
) -> Contention | None:
    """Judge a burst that could be observed; None when no other campaign has the telescope.

    Parameters
    ----------
    name
        Its campaign, which is not begun.
    """
    turns = bench.observatory.turns
    having = turns.user if turns.user in campaigns else turns.reserved_for
    first = campaigns.get(having)
    if first is None or having == name or first.record.state.stopped is not None:
        return None
    if first.record.trigger is None or acceptance.first_epoch is None:
        return None
    second_claim = _claim(bench, name, trigger, acceptance.strategy, drill=drill, now=now)
    plan = first.agenda.plan
    strategy = plan.strategy if plan else ""
    first_claim = _claim(bench, having, first.record.trigger, strategy, drill=first.record.drill, now=now)
    ruling, decision = judge(
        second_claim,
        first_claim,
        _work(bench, first),
        bench.planner.strategies.second_burst,
        starts=acceptance.first_epoch,
        now=now,
    )
    return Contention(first=having, ruling=ruling, decision=decision)


def claimed_before(states: Mapping[str, CampaignState]) -> list[str]:
    """Campaigns that had been given the telescope when the agent ended, and have not had their turn.

    Parameters
    ----------
    states
        Of the open campaigns, in the order in which they were accepted.
    """
    takers = [state.gave_way_to for state in states.values() if state.gave_way_to]
    return [name for name, state in states.items() if name in takers and not _had_its_turn(state)]


def _had_its_turn(state: CampaignState) -> bool:
    return state.stopped is not None or bool(state.tasks)


def _claim(bench: Bench, name: str, trigger: Trigger, strategy: str, *, drill: bool, now: datetime) -> Claim:
    known = bench.planner.strategies.named(strategy)
    return Claim(
        campaign=name,
        facts=facts_of(trigger, instrument=bench.instrument, now=now),
        strategy=strategy,
        priority=known.priority if known else 0,
        drill=drill,
    )


def _work(bench: Bench, campaign: ObservingCampaign) -> Work:
    state, to_do = campaign.record.state, campaign.agenda.to_do
    detected = campaign.outlook is not None and campaign.outlook.detected
    left_s = _left_s(bench, to_do[0], state) if to_do else 0.0
    return Work(task_left_s=left_s, tasks_left=len(to_do), detected=detected)


def _left_s(bench: Bench, task: Task, state: CampaignState) -> float:
    """Time that a task still takes: in proportion to the exposures that are not taken."""
    exposures = exposures_of(task)
    left = sum(exposure.key not in state.exposed for exposure in exposures)
    whole_s = duration_s(len(task.filters), task.exposure_s, task.count, bench.instrument)
    return whole_s * left / len(exposures)
