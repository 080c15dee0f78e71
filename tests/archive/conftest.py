"""Databases to run the archive on: SQLite files, and databases of a real PostgreSQL."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from archive import Archive, database
from archive.tables import Base
from tests.archive import postgresql
from tests.archive.conversation import Delivery, whole_conversation

BACKENDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)]


@dataclass(frozen=True, kw_only=True)
class Databases:
    """Makes databases of one kind, and tells their URLs.

    Attributes
    ----------
    empty
        A new one with nothing in it.
    migrated
        A new one with the archive's tables.
    scratch
        One with the archive's tables and nothing in them, used by one test (or example) after the other.
    """

    empty: Callable[[], str]
    migrated: Callable[[], str]
    scratch: Callable[[], str]


@pytest.fixture(scope="session")
def deliveries() -> tuple[Delivery, ...]:
    return whole_conversation()


@pytest.fixture(scope="session")
def postgresql_socket() -> Iterator[Path]:
    programs = postgresql.programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with postgresql.server(programs) as server:
        yield server.folder


@pytest.fixture(scope="session", params=BACKENDS)
def databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    folder = tmp_path_factory.mktemp("databases")
    numbers = itertools.count()
    if request.param == "sqlite":
        template = folder / "template.sqlite"
        Archive.open(f"sqlite:///{template}", folder).close()

        def empty() -> str:
            return f"sqlite:///{folder / f'{next(numbers)}.sqlite'}"

        def migrated() -> str:
            url = empty()
            shutil.copyfile(template, url.removeprefix("sqlite:///"))
            return url

        yield Databases(empty=empty, migrated=migrated, scratch=migrated)
        return

    socket = request.getfixturevalue("postgresql_socket")

    def create(template: str) -> str:
        name = f"{folder.name}_{next(numbers)}"  # the server may outlive this fixture, and see it made again
        with psycopg.connect(host=str(socket), user="followup", dbname="postgres", autocommit=True) as link:
            link.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # type: ignore[arg-type]  # own names
        return f"postgresql://followup@/{name}?host={socket}"

    Archive.open(create("template0"), folder).close()
    template = f"{folder.name}_0"
    used = create(template)
    engine = database.connect(database.parse_url(used), create=True)

    def scratch() -> str:
        # A database is 7 MB of files, and deleting its few rows is ten times as fast as TRUNCATE.
        with database.writing(engine) as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())
        return used

    yield Databases(empty=lambda: create("template0"), migrated=lambda: create(template), scratch=scratch)
    engine.dispose()


@pytest.fixture
def engine_of() -> Iterator[Callable[[str], Engine]]:
    """Engines for a look behind the archive's back; closed after the test."""
    engines = []

    def connect(url: str) -> Engine:
        engines.append(database.connect(database.parse_url(url), create=True))
        return engines[-1]

    yield connect
    for engine in engines:
        engine.dispose()


@pytest.fixture
def archive(databases: Databases, tmp_path: Path) -> Iterator[Archive]:
    """An archive with nothing in it."""
    with Archive.open(databases.scratch(), tmp_path / "files") as opened:
        yield opened


@pytest.fixture(scope="session")
def full(
    databases: Databases, deliveries: tuple[Delivery, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Archive]:
    """An archive that holds the whole conversation; only for reading."""
    with Archive.open(databases.migrated(), tmp_path_factory.mktemp("files")) as opened:
        for delivery in deliveries:
            delivery.into(opened)
        yield opened
