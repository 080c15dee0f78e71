"""What a drill plays, and how fast it is to be followed up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Stage(StrEnum):
    """What a telescope comes to in turn; all times count from the alert."""

    RECEIPT = "receipt"
    """The trigger is accepted, and that is committed."""
    SLEW = "slew"
    """The mount is told to move."""
    SHUTTER = "shutter"
    """The camera is told to expose for the first task."""
    PHOTOMETRY = "photometry"
    """The source is measured, and the result is in the outbox."""
    RESULT = "result"
    """The science centre has the result."""


BUDGET: Mapping[Stage, float] = MappingProxyType(
    {Stage.RECEIPT: 1.0, Stage.SLEW: 2.0, Stage.SHUTTER: 120.0, Stage.PHOTOMETRY: 600.0, Stage.RESULT: 630.0}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DrillTerms:
    """The site's wishes.

    Attributes
    ----------
    magnitude, fading
        Of the source: AB one minute after the alert, and the index of its decay.
    error_radius_deg
        Of the position that the trigger gives.
    budget_s
        At most so long after the alert (wall clock).
    at_most_s
        Then a drill that has led to nothing is over.
    """

    magnitude: float = 16.5
    fading: float = 0.8
    error_radius_deg: float = 0.03
    budget_s: Mapping[Stage, float] = field(default_factory=lambda: BUDGET)
    at_most_s: float = 1800.0
