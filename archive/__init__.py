"""The science archive of the CSC: packets, campaigns and data, on SQLite or PostgreSQL.

Here live the tables and their migrations, the ingest of packets, the file store and the queries. The
archive asks nobody for the time and sends nothing anywhere.
"""

from archive.archive import Archive
from archive.errors import (
    ArchiveAbsentError,
    ArchiveError,
    ArchiveFullError,
    ArchiveTooNewError,
    ArchiveUnavailableError,
    ArchiveVersionError,
    DatasetConflictError,
    DatasetError,
    NoClosingError,
    UnknownCampaignError,
    UnstorableError,
)
from archive.records import Cone, Direction

__all__ = [
    "Archive",
    "ArchiveAbsentError",
    "ArchiveError",
    "ArchiveFullError",
    "ArchiveTooNewError",
    "ArchiveUnavailableError",
    "ArchiveVersionError",
    "Cone",
    "DatasetConflictError",
    "DatasetError",
    "Direction",
    "NoClosingError",
    "UnknownCampaignError",
    "UnstorableError",
]
