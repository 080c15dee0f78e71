"""Drills that an earlier process of the agent began: they end, for nobody shows their source any more."""

from __future__ import annotations

from collections.abc import Mapping

from agents.gft.bench import Bench
from agents.gft.closing import LOGS
from followup.campaign import CampaignState, What
from messaging.transaction import Transaction
from voevent.identity import author_ivorn
from voevent.kinds import Outcome

_REASON = "the agent ended during the drill"


async def end_drills(bench: Bench, states: Mapping[str, CampaignState]) -> None:
    """Stop the campaigns that the telescope triggered itself, in the journal and in their states.

    Parameters
    ----------
    states
        Of the open campaigns, none of which has been taken up again.
    """
    ours = f"{author_ivorn(bench.author.authority, bench.name)}#"
    drills = {
        name: state
        for name, state in states.items()
        if state.trigger is not None
        and state.trigger.ivorn.startswith(ours)
        and not (state.stopped or state.closing or LOGS in state.attempts)
    }
    if not drills:
        return
    data, now = {"outcome": Outcome.ABORTED, "reason": _REASON}, bench.sky.now()

    def work(transaction: Transaction) -> None:
        for name in drills:
            transaction.note(name, What.STOPPED, data, time=now)

    await bench.journal.write(work)
    for state in drills.values():
        state.apply(What.STOPPED, data)
