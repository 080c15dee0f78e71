"""The connection to the archive's database, and what its errors mean to an operator.

SQLite and PostgreSQL are alike here but for what this module sets per connection.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from archive.errors import (
    ArchiveAbsentError,
    ArchiveError,
    ArchiveFullError,
    ArchiveUnavailableError,
    UnstorableError,
)

BUSY_TIMEOUT_S = 15.0
"""How long to wait for another process to finish writing."""

_WRITING = "followup_writing"
_FULL = ("disk is full", "53100", "No space left")
_UNREADABLE = ("file is not a database", "malformed")

_WAL_TRIES = 100
_WAL_WAIT_S = 0.05


def parse_url(text: str) -> URL:
    """Read a database URL; a ``sqlite:///PATH`` or a ``postgresql://…`` one.

    Raises
    ------
    ArchiveError
        When it is neither.
    """
    hint = "write sqlite:///PATH/archive.sqlite or postgresql://USER@HOST/DATABASE"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        # The text may hold a password: say nothing of it.
        raise ArchiveError("the archive's URL cannot be read", hint=hint) from error
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}:
        return url.set(drivername="sqlite+pysqlite")
    raise ArchiveError(f"{shown(url)} is not an archive's URL", hint=hint)


def shown(url: URL) -> str:
    """Spell a URL for people, without its password."""
    return url.render_as_string(hide_password=True)


def connect(url: URL, *, create: bool) -> Engine:
    """Prepare an engine; nothing is opened yet, but for the folder of a new SQLite file.

    Raises
    ------
    ArchiveAbsentError
        When the SQLite file is absent and `create` false.
    ArchiveError
        When its folder cannot be made.
    """
    if url.get_backend_name() == "postgresql":
        return _connect_postgresql(url)
    path = Path(str(url.database))
    if not create and not path.is_file():
        raise ArchiveAbsentError(
            f"there is no archive at {path}", hint="has the CSC agent run with this state?"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveError(
            f"the archive's folder {path.parent} cannot be made: {error.strerror}",
            hint="choose a folder that you may write to",
        ) from error
    return _connect_sqlite(url)


def _connect_sqlite(url: URL) -> Engine:
    # The driver's own transactions begin late and do not cover DDL; `_begin` does both itself.
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None},
        pool_reset_on_return="rollback",
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
        cursor = connection.cursor()
        # WAL lets other processes read while the CSC agent writes.
        _use_wal(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A reader that turns writer in mid-transaction cannot wait for its turn: writers take theirs at once.
        writing = connection.get_execution_options().get(_WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _connect_postgresql(url: URL) -> Engine:
    arguments: dict[str, Any] = {}
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = 10
    if "options" not in url.query:
        arguments["options"] = "-c statement_timeout=60000 -c lock_timeout=30000"
    return create_engine(url, connect_args=arguments, pool_pre_ping=True)


@contextmanager
def writing(engine: Engine) -> Generator[Connection]:
    """One transaction that changes the archive.

    Raises
    ------
    ArchiveError
        One of its subclasses, for whatever the database says.
    """
    with _translated(engine), engine.execution_options(**{_WRITING: True}).begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """One transaction that sees a single state of the archive, whatever is written meanwhile.

    Raises
    ------
    ArchiveError
        One of its subclasses, for whatever the database says.
    """
    options: dict[str, Any] = {}
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with _translated(engine), engine.execution_options(**options).begin() as connection:
        yield connection


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Switch to WAL; another process that does so at the same moment is waited for.

    SQLite does not wait by itself here: the switch wants the whole file, and its busy timeout does not apply.
    """
    for _ in range(_WAL_TRIES):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(_WAL_WAIT_S)
        else:
            return
    cursor.execute("PRAGMA journal_mode = WAL")


@contextmanager
def _translated(engine: Engine) -> Generator[None]:
    try:
        yield
    except DBAPIError as error:
        raise _translate(error, shown(engine.url)) from error
    except PoolTimeoutError as error:
        raise ArchiveUnavailableError(
            f"the archive {shown(engine.url)} is used by too many threads at once", hint="try again"
        ) from error
    except StatementError as error:
        raise UnstorableError(f"the archive cannot hold this: {error.orig}") from error


def _translate(error: DBAPIError, where: str) -> ArchiveError:
    # PostgreSQL's details repeat the row, packet and all: its first line says enough.
    primary = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    text = " ".join((primary or str(error.orig)).split())
    code = str(getattr(error.orig, "sqlstate", "") or "")
    if any(mark in text or mark == code for mark in _FULL):
        return ArchiveFullError(f"no space left for the archive {where}", hint="make room; nothing was lost")
    if any(mark in text for mark in _UNREADABLE):
        return ArchiveError(
            f"{where} is not an archive: {text}", hint="restore it from a backup, or choose another file"
        )
    if isinstance(error, IntegrityError | DataError):
        return UnstorableError(
            f"the archive's rules forbid it: {text}", hint="who wrote it must write it again, correctly"
        )
    if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
        return ArchiveUnavailableError(
            f"the archive {where} cannot be used: {text}",
            hint="is its server up, may this user use it, is another process writing?",
        )
    return ArchiveError(f"the archive {where} refused a statement: {text}")
