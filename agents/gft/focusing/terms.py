"""How and when a telescope is focused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class FocusTerms:
    """The site's wishes.

    Attributes
    ----------
    step
        Of the focuser, between two positions of a run.
    points
        Positions of a run, around where the focuser stands.
    exposure_s
        At each of them.
    backlash
        Steps by which a position is passed on the way down, so that all are reached from below.
    filter
        Through which; the first of the telescope when empty.
    min_stars
        Fewer tell nothing.
    after_degrees
        A run is due when the tube's temperature has changed so much since the last one.
    """

    step: int
    points: int = 9
    exposure_s: float = 3.0
    backlash: int = 0
    filter: str = ""
    min_stars: int = 5
    after_degrees: float = 2.0
