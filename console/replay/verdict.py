"""The verdict of a replay: the conversation then and now, side by side, and whether it will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from console.replay.difference import Difference
from console.replay.parties import Party


class Sameness(StrEnum):
    """How a packet or a decision compares with the recorded one."""

    SAME = "same"
    """Equal in all that is compared."""
    WITHIN = "within"
    """Different in what may differ, and no more than it may."""
    DIFFERS = "differs"
    """Different in what must be equal, or by more than it may."""
    MISSING = "missing"
    """It was said then, and is not now."""
    EXTRA = "extra"
    """It is said now, and was not then."""

    @property
    def good(self) -> bool:
        """Whether it will do."""
        return self in {Sameness.SAME, Sameness.WITHIN}


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A packet, a decision or a dataset, then and now.

    Attributes
    ----------
    what
        What it is, for people.
    then_s, now_s
        When it was said, in seconds of the sky's clock after the first trigger; None when it was not.
    """

    what: str
    sameness: Sameness
    then_s: float | None = None
    now_s: float | None = None
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a replay showed.

    Attributes
    ----------
    against
        The party that was under test.
    packets, decisions, datasets
        Line by line.
    faults
        Rules that were broken on the way, whatever was recorded.
    digest
        SHA-256 of all that was replayed and is not time-stamped: that of another replay of the same campaign
        with the same program is the same.
    reduction_s, wall_s
        How long the image processing took, and all of it.
    """

    campaign: str
    against: Party
    packets: tuple[Line, ...]
    decisions: tuple[Line, ...]
    datasets: tuple[Line, ...]
    faults: tuple[str, ...]
    digest: str
    reduction_s: float
    wall_s: float

    @property
    def good(self) -> bool:
        """Whether the party under test did as recorded."""
        return not self.faults and all(line.sameness.good for line in self.lines)

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines."""
        return (*self.packets, *self.decisions, *self.datasets)

    def to_data(self) -> dict[str, Any]:
        """Give it for scripts."""
        return {**asdict(self), "good": self.good}


def sameness(found: Sequence[Difference]) -> Sameness:
    """Tell what differences amount to."""
    if not found:
        return Sameness.SAME
    return Sameness.WITHIN if all(each.allowed for each in found) else Sameness.DIFFERS
