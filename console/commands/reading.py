"""Opening the science centre's archive for commands that only read it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from archive.archive import Archive
from console import settings
from console.state import State, archive_files, archive_url


@contextlib.contextmanager
def opened_archive(where: State) -> Iterator[Archive]:
    """Open the archive of a state's science centre."""
    config = settings.read(settings.CscSettings, where.csc)
    url = archive_url(where.csc, config.archive_url)
    with Archive.open(url, archive_files(where.csc), migrate=False) as archive:
        yield archive
