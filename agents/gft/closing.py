"""The end of a campaign at its telescope: its records are sent, and the closing that lists every packet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from agents.gft import papers
from agents.gft.agenda import Agenda
from agents.gft.bench import Bench
from agents.gft.enclosing import enclose
from agents.gft.record import Record
from agents.gft.sending import Sending
from followup.campaign import CampaignState, What, outcome_of, summaries
from voevent.kinds import Closing, Decided

LOGS = "logs"
"""Name of the dataset with the campaign's records. With it begun, no trigger is taken any more."""

_LOG_LINES = 20_000


async def close(bench: Bench, record: Record, *, agenda: Agenda, sending: Sending, folder: Path) -> None:
    """Send a campaign's records, and say the closing.

    Parameters
    ----------
    folder
        The campaign's.
    """
    state = record.state
    visibility = await agenda.picture()
    if LOGS not in state.attempts:
        write = partial(
            papers.campaign_papers,
            folder,
            lines=await record.log_lines(),
            decisions=_decisions(state),
            visibility=visibility,
            log=await asyncio.to_thread(_agent_log, bench, str(record.name)),
        )
        await bench.disk.outlast(lambda: asyncio.to_thread(write))
        await enclose(bench, record, folder)
    logs = sorted(str(path.relative_to(folder)) for path in (folder / "logs").iterdir() if path.is_file())
    await sending.send(LOGS, logs)
    record.story.begin("close:", "close the campaign", "Summary, and the list of every packet.")
    outcome, reason = outcome_of(state)
    closing = Closing(
        outcome=outcome,
        summary=reason,
        tasks=summaries(state),
        packets=await record.packets(),
        details=_details(bench, state),
        decisions=_decisions(state),
    )
    await record.say(closing, notes={What.CLOSING: {"outcome": outcome, "reason": reason}})


def _decisions(state: CampaignState) -> tuple[Decided, ...]:
    return tuple(sorted(state.decisions.values(), key=lambda each: each.time))


def _details(bench: Bench, state: CampaignState) -> Mapping[str, str]:
    details = {"telescope": bench.name, "datasets": " ".join(sorted(state.archived))}
    if state.first_command_at:
        details["first_command_at"] = state.first_command_at
    return details


def _agent_log(bench: Bench, campaign: str) -> list[str]:
    if bench.log_file is None or not bench.log_file.is_file():
        return []
    lines: deque[str] = deque(maxlen=_LOG_LINES)
    with bench.log_file.open(encoding="utf-8") as file:
        lines.extend(line for line in file if campaign in line)
    return list(lines)
