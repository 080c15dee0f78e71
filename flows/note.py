"""The note on the next run: what happened while the Prefect server was away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from flows.book import Told
from flows.server import Outage

_WORTH_IT = timedelta(minutes=1)
"""A shorter outage is worth a note only if something came to its end meanwhile."""
_WHERE = "Every packet of it is in the ledger: `followup show CAMPAIGN`."


def outage_note(outage: Outage, told: Sequence[Told]) -> str:
    """Tell in Markdown what went on during an outage; empty when nothing did."""
    since, until = outage
    lines = [line for one in told if (line := _line(one, since))]
    if not lines or (until - since < _WORTH_IT and not any(_ended_after(one, since) for one in told)):
        return ""
    heading = (
        f"Prefect could not be reached from {_time(since)} to {_time(until)}. The work went on meanwhile:"
    )
    return "\n".join((heading, "", *lines, "", _WHERE))


def _ended_after(told: Told, since: datetime) -> bool:
    return bool(told.ended_at) and datetime.fromisoformat(told.ended_at) >= since


def _line(told: Told, since: datetime) -> str:
    ended = datetime.fromisoformat(told.ended_at) if told.ended_at else None
    if ended is not None and ended < since:
        return ""
    began = datetime.fromisoformat(told.began_at)
    parts = [f"begun {_time(began)}"] if began >= since else []
    parts.append(f"ended {_time(ended)}: {told.ended}: {told.message}" if ended else "goes on")
    return f"- {told.name}: {'; '.join(parts)}"


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
