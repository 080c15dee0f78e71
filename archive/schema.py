"""Bringing the archive's tables to the form that this program knows, from code.

The migrations are package data in ``archive/migrations``; each runs in one transaction with its version,
so that a kill in mid-migration leaves the archive as it was.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from archive.database import reading, shown, writing
from archive.errors import ArchiveAbsentError, ArchiveError, ArchiveTooNewError, ArchiveVersionError

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_KEY = 0x666F6C6C6F777570
"""Advisory lock of PostgreSQL: two processes that start together must not both migrate."""


def migrate(engine: Engine) -> None:
    """Create the tables, or bring older ones up to date; does nothing to current ones.

    Raises
    ------
    ArchiveTooNewError
        When a newer program has migrated them.
    ArchiveError
        When the database holds something else, or cannot be used.
    """
    script = _script()
    with reading(engine) as connection:
        if _revision(connection, script, engine) == script.get_current_head():
            return
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        config = _config()
        config.attributes["connection"] = connection
        # Nothing is left to do if another process did it while this one waited for its turn.
        command.upgrade(config, "head")


def check_current(engine: Engine) -> None:
    """Make sure that the tables are those of this program, and change nothing.

    Raises
    ------
    ArchiveAbsentError
        When there are no tables.
    ArchiveVersionError
        When they are older or newer.
    """
    script = _script()
    with reading(engine) as connection:
        revision = _revision(connection, script, engine)
    if revision is None:
        raise ArchiveAbsentError(
            f"{shown(engine.url)} holds no archive", hint="has the CSC agent run with this database?"
        )
    if revision != script.get_current_head():
        raise ArchiveVersionError(
            f"the archive {shown(engine.url)} is of an older version ({revision})",
            hint="start the CSC agent of this version once: it brings the archive up to date",
        )


def _revision(connection: Connection, script: ScriptDirectory, engine: Engine) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        if strangers := sorted(set(inspect(connection).get_table_names()) - {"alembic_version"}):
            raise ArchiveError(
                f"{shown(engine.url)} is not an archive: it holds the table {strangers[0]!r}",
                hint="give the archive a database of its own",
            )
        return None
    if revision not in {known.revision for known in script.walk_revisions()}:
        raise ArchiveTooNewError(
            f"the archive {shown(engine.url)} is of a newer version ({revision}) than this program",
            hint="update followup on this machine; nothing was changed",
        )
    return revision


def _config() -> Config:
    config = Config()
    # Config interpolates percent signs, which a folder's name may hold.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
