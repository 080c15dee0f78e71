"""The migrations make the tables that the models describe, on both databases, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from archive import (
    Archive,
    ArchiveAbsentError,
    ArchiveError,
    ArchiveTooNewError,
    ArchiveVersionError,
    database,
)
from archive.tables import Base
from tests.archive.conftest import Databases

EngineOf = Callable[[str], Engine]


def checks(engine: Engine) -> dict[str, set[str]]:
    """Names of the CHECK constraints: autogenerate does not compare these."""
    inspector = inspect(engine)
    return {
        table: {str(check["name"]) for check in inspector.get_check_constraints(table)}
        for table in Base.metadata.tables
    }


def test_models_and_migrated_tables_agree(databases: Databases, engine_of: EngineOf) -> None:
    migrated, created = engine_of(databases.migrated()), engine_of(databases.empty())
    with database.reading(migrated) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        difference: list[Any] = compare_metadata(context, Base.metadata)
    with database.writing(created) as connection:
        Base.metadata.create_all(connection)
    assert difference == []
    assert checks(migrated) == checks(created)
    assert all(checks(migrated)[table] for table in Base.metadata.tables)


def test_opening_twice_keeps_what_is_there(databases: Databases, deliveries: Any, tmp_path: Path) -> None:
    url = databases.empty()
    with Archive.open(url, tmp_path) as archive:
        deliveries[0].into(archive)
    with Archive.open(url, tmp_path) as archive:
        assert len(archive.packets()) == 1


@pytest.mark.parametrize("migrate", [True, False])
def test_a_newer_archive_is_refused_and_left_alone(
    databases: Databases, engine_of: EngineOf, tmp_path: Path, migrate: bool
) -> None:
    url = databases.migrated()
    engine = engine_of(url)
    with database.writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    with pytest.raises(ArchiveTooNewError, match="newer version") as caught:
        Archive.open(url, tmp_path, migrate=migrate)
    assert "update followup" in caught.value.hint
    with database.reading(engine) as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "0999"


def test_readers_neither_create_nor_migrate(
    databases: Databases, engine_of: EngineOf, tmp_path: Path
) -> None:
    url = databases.empty()
    engine = engine_of(url)
    engine.connect().close()  # an empty database, without tables
    with pytest.raises(ArchiveAbsentError, match="no archive"):
        Archive.open(url, tmp_path, migrate=False)
    assert inspect(engine).get_table_names() == []


def test_an_older_archive_is_migrated_by_writers_only(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = databases.migrated()
    with monkeypatch.context() as patch:
        patch.setattr("alembic.script.ScriptDirectory.get_current_head", lambda _self: "0998")
        with pytest.raises(ArchiveVersionError, match="older version") as caught:
            Archive.open(url, tmp_path, migrate=False)
    assert "CSC agent" in caught.value.hint


def test_somebody_elses_database_is_left_alone(
    databases: Databases, engine_of: EngineOf, tmp_path: Path
) -> None:
    url = databases.empty()
    engine = engine_of(url)
    with database.writing(engine) as connection:
        connection.execute(text("CREATE TABLE recipes (name VARCHAR)"))
    with pytest.raises(ArchiveError, match="'recipes'"):
        Archive.open(url, tmp_path)
    assert inspect(engine).get_table_names() == ["recipes"]


def test_a_migration_that_dies_leaves_nothing(
    databases: Databases, engine_of: EngineOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = databases.empty()

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("alembic.operations.Operations.create_index", die)
        with pytest.raises(KeyboardInterrupt):
            Archive.open(url, tmp_path)
    engine = engine_of(url)
    assert inspect(engine).get_table_names() == []
    Archive.open(url, tmp_path).close()
