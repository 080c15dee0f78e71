"""The science archive of the CSC: packets, campaigns and data, on SQLite or PostgreSQL.

Here live the tables and their migrations, the ingest of packets, the file store and the queries. The
archive asks nobody for the time and sends nothing anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from archive.archive import Archive

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


def __getattr__(name: str) -> Any:
    """Load SQLAlchemy and Alembic, which takes half a second, for those only who open an archive."""
    if name != "Archive":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from archive.archive import Archive  # noqa: PLC0415

    return Archive
