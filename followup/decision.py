"""Decisions: why something was done, or not, with the rule and the values that it was based on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from voevent.kinds import Decided


@dataclass(frozen=True, kw_only=True, slots=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Decision:
    """One step of reasoning, with the values it was based on."""

    rule: str
    text: str
    values: Mapping[str, str] = field(default_factory=dict)

    def at(self, now: datetime) -> Decided:
        """Date it."""
        return Decided(time=now, rule=self.rule, text=self.text, values=dict(self.values))


_DECIDED = TypeAdapter(Decided)


def entry_of(decisions: Iterable[Decision], now: datetime) -> list[dict[str, Any]]:
    """Date decisions, and give them in JSON's types: what a journal's entry carries as ``decisions``."""
    return [_DECIDED.dump_python(decision.at(now), mode="json") for decision in decisions]


def decided(data: Mapping[str, Any]) -> list[Decided]:
    """Read what `entry_of` gave from a journal's entry; nothing when it carries none.

    Raises
    ------
    ValueError
        When they are not decisions.
    """
    return [_DECIDED.validate_python(each) for each in data.get("decisions", ())]


def rows_of(decisions: Iterable[Decided]) -> tuple[dict[str, str], ...]:
    """Lay decisions out as a table for people, in order of time."""
    return tuple(
        {
            "time (UTC)": f"{each.time.astimezone(UTC):%m-%d %H:%M:%S}",
            "rule": each.rule,
            "decision": each.text,
            "values": ", ".join(f"{key} {value}" for key, value in sorted(each.values.items())),
        }
        for each in sorted(decisions, key=lambda each: each.time)
    )
