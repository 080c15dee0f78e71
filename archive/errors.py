"""What can go wrong with the archive, told to an operator."""

from __future__ import annotations

from followup.errors import FollowupError


class ArchiveError(FollowupError):
    """Base class of the archive's errors."""


class ArchiveAbsentError(ArchiveError):
    """There is no archive at that place."""


class ArchiveVersionError(ArchiveError):
    """The archive's tables are not those of this program."""


class ArchiveTooNewError(ArchiveVersionError):
    """A newer program has migrated the archive."""


class ArchiveUnavailableError(ArchiveError):
    """The database does not answer, or is locked, or lost the connection: worth trying again."""


class ArchiveFullError(ArchiveError):
    """The database or the file store has no space left: worth trying again when there is."""


class UnstorableError(ArchiveError):
    """What was given breaks a rule of the archive's tables; trying again does not help."""


class UnknownCampaignError(ArchiveError):
    """The archive holds nothing about that campaign."""


class NoClosingError(ArchiveError):
    """The archive holds no closing packet of that campaign."""


class DatasetError(ArchiveError):
    """A dataset cannot be stored: a file of it is missing or no regular file, or it is another campaign's."""


class DatasetConflictError(DatasetError):
    """Another content is archived under that dataset's name, and what is archived never changes."""
