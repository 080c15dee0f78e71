"""What can be wrong with a journal."""

from __future__ import annotations

from followup.errors import FollowupError


class JournalError(FollowupError):
    """The journal cannot be opened, read or written."""


class JournalUnavailableError(JournalError):
    """The journal cannot be written now (full disk, lock): worth trying again, nothing was half done."""


class PacketTooLargeError(JournalError):
    """A packet of ours is larger than the limit: no server would carry it, so it is not taken in."""


class IdentityTakenError(JournalError):
    """Another packet with other bytes already has this IVORN."""
