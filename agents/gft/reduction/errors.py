"""What can go wrong between a raw frame and a magnitude."""

from __future__ import annotations

from followup.errors import FollowupError


class ReductionError(FollowupError):
    """A frame, a set of calibration frames or a folder of products cannot be reduced as it is."""


class UnsolvedError(ReductionError):
    """The stars of a frame and of the catalogue do not fit together: clouds, a wrong field, no focus."""
