"""How soon a trigger is answered from tables, and how long the whole plan takes, both warm."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from benchmarks.table import row
from followup.almanac import Almanac
from followup.limits import Limits
from followup.plan import ALMANAC_AHEAD, first_answer, make_plan
from followup.strategy import default_strategies
from simulators.sites import known_telescope
from voevent.kinds import Trigger, TriggerAction
from voevent.packet import PacketId, SkyPosition

ROUNDS = 30
PLAN_GOAL_MS = 100.0

_TELESCOPE = "gft-spm"
_NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
"""About midnight there."""
_MS = 1000.0


def run() -> list[dict[str, Any]]:
    """Measure; returns rows with name, value, p99, unit, ratio, against and runs."""
    telescope = known_telescope(_TELESCOPE)
    strategies = default_strategies()
    began = time.perf_counter()
    almanac = Almanac.tabulate(telescope.site, _NOW, hours=ALMANAC_AHEAD / timedelta(hours=1) + 1)
    tabulated = time.perf_counter() - began
    answers, plans, used = [], [], []
    for number in range(-1, ROUNDS):
        # Each time another place, as each time another burst; all of them observable at once.
        given = _trigger(80.0 + number)
        answer = partial(
            first_answer,
            given,
            strategies=strategies,
            instrument=telescope.instrument,
            almanac=almanac,
            limits=Limits(),
            now=_NOW,
        )
        plan = partial(
            make_plan,
            given,
            campaign=f"sb26112201.{_TELESCOPE}",
            strategies=strategies,
            site=telescope.site,
            limits=Limits(),
            instrument=telescope.instrument,
            now=_NOW,
        )
        answered, _ = _seconds(answer)
        planned, processor = _seconds(plan)
        if number >= 0:  # what is loaded at the first use is not counted
            answers.append(answered)
            plans.append(planned)
            used.append(processor)
    return [
        row("first answer to a trigger, from the almanac", answers, scale=_MS, unit="ms",
            peer=plans, against="the whole plan"),
        row("whole plan, with astroplan", plans, scale=_MS, unit="ms", goal=PLAN_GOAL_MS),
        row("whole plan, with astroplan, processor time", used, scale=_MS, unit="ms", goal=PLAN_GOAL_MS),
        row("almanac of the coming nights (ahead of time)", [tabulated], unit="s"),
    ]  # fmt: skip


def _seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Time a piece of work: by the wall's clock, and by the processor's."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - used


def _trigger(ra_deg: float) -> Trigger:
    return Trigger(
        burst="sb26112201",
        telescope=_TELESCOPE,
        action=TriggerAction.OBSERVE,
        revision=0,
        trigger_time=_NOW - timedelta(seconds=60),
        position=SkyPosition(ra_deg=ra_deg, dec_deg=20.0, error_radius_deg=0.1),
        instrument="ECLAIRs",
        notice=PacketId(ivorn="ivo://followup/bench#sb26112201_eclairs-wakeup", sha256="0" * 64),
    )
