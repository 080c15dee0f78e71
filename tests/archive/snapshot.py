"""All that an archive tells, to be compared with what another tells."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from archive import Archive, database
from archive.tables import Base


def told(archive: Archive) -> dict[str, Any]:
    """The answers to all questions."""
    names = [campaign.name for campaign in archive.campaigns()]
    return {
        "bursts": archive.bursts(),
        "campaigns": archive.campaigns(),
        "packets": archive.packets(),
        "ledgers": {name: archive.ledger(name) for name in names},
        "photometry": {name: archive.photometry(name) for name in names},
        "sed": {name: archive.sed(name) for name in names},
        "decisions": {name: archive.decisions(name) for name in names},
        "datasets": {name: archive.datasets(name) for name in names},
        "files": archive.files(),
    }


def rows(archive: Archive) -> dict[str, list[str]]:
    """The content of all tables."""
    with database.reading(archive._engine) as connection:
        return {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(select(table)))
            for table in Base.metadata.sorted_tables
        }
