"""Decisions then and now, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from console.replay.difference import Difference, timeless


def decided(
    then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> list[tuple[str, Difference | None]]:
    """Compare decisions in their order; what each one was about, and None when they agree."""
    lines: list[tuple[str, Difference | None]] = []
    for a, b in _aligned(then, now):
        rule = str((a or b or {}).get("rule", ""))
        old, new = (str(each.get("text", "")) if each else "not decided" for each in (a, b))
        same = (
            a is not None
            and b is not None
            and a.get("rule") == b.get("rule")
            and timeless(old) == timeless(new)
        )
        if not same:
            lines.append((rule, Difference(what=rule, recorded=old, replayed=new, allowed=False)))
        elif old != new:
            lines.append((rule, Difference(what=rule, recorded=old, replayed=new, allowed=True)))
        else:
            lines.append((rule, None))
    return lines


def _aligned(
    then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]:
    """Put decisions beside each other: one that is new, or is missing, moves no other."""
    old, new = (
        [(one.get("rule"), timeless(str(one.get("text", "")))) for one in each] for each in (then, now)
    )
    for _, i, end_i, j, end_j in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        yield from zip_longest(then[i:end_i], now[j:end_j])
