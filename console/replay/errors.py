"""Why a replay cannot be."""

from __future__ import annotations

from followup.errors import FollowupError


class ReplayError(FollowupError):
    """A campaign cannot be replayed."""


class ReplayRefusedError(ReplayError):
    """A replay might have reached something real: a server, a telescope, an archive."""
