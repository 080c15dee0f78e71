"""The SQLite file of a journal: opening it, its schema's version, and what its errors mean."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from followup.clock import Clock
from messaging import tables
from messaging.errors import JournalError, JournalUnavailableError
from messaging.reader import Reader
from messaging.transaction import Transaction

T = TypeVar("T")

Work = Callable[[Transaction], Any]
"""Something to do in a transaction."""

Result = tuple[Any, BaseException | None]
"""What a work gave, or how it failed."""

_BUSY_TIMEOUT_MS = 10_000

_FAULTS = (sa.exc.DBAPIError, sqlite3.Error)
"""What a statement raises that went by SQLAlchemy, and one that stood ready."""

_PASSING = ("disk is full", "readonly", "unable to open", "locked", "disk I/O error")
"""What SQLite says when a person, or time, can mend it."""


class Store:
    """The file with one connection for writing, and one for reading in each thread that asks.

    SQLite is told to flush its log to the disk at each commit (``synchronous=FULL``): what was committed
    survives a power cut.
    """

    def __init__(self, path: Path, *, wall: Clock, max_packet_bytes: int) -> None:
        self.path = path
        self._wall = wall
        self._max_packet_bytes = max_packet_bytes
        self._writing = self._engine(query_only=False)
        self._reading = self._engine(query_only=True)
        # Taking one from the engine's pool and giving it back costs more than most questions.
        self._reader = threading.local()
        self._readers: list[sa.Connection] = []
        try:
            self._prepare()
            self._connection = self._writing.connect()
        except (sa.exc.DatabaseError, JournalError) as error:
            self.close()
            raise self.explain(error) from error

    def transact(self, works: Sequence[Work]) -> list[Result]:
        """Do all works in one commit, each in a savepoint: one that fails takes nothing with it.

        Raises
        ------
        JournalError
            When nothing could be committed.
        """
        try:
            with _transaction(self._connection, "BEGIN IMMEDIATE"):
                return [self._one(work) for work in works]
        except _FAULTS as error:
            raise self.explain(error) from error

    def query(self, query: Callable[[Reader], T]) -> T:
        """Ask something on a connection that cannot write."""
        try:
            connection: sa.Connection | None = getattr(self._reader, "connection", None)
            if connection is None:
                connection = self._reader.connection = self._reading.connect()
                self._readers.append(connection)
            with _transaction(connection, "BEGIN"):
                return query(Reader(connection))
        except _FAULTS as error:
            raise self.explain(error) from error

    def close(self) -> None:
        """Close all connections; nobody may be using one."""
        connection: sa.Connection | None = getattr(self, "_connection", None)
        for each in (connection, *self._readers):
            if each is not None:
                each.close()
        self._writing.dispose()
        self._reading.dispose()

    def explain(self, error: Exception) -> JournalError:
        """Say what a database error means to an operator."""
        if isinstance(error, JournalError):
            return error
        text = str(error.orig) if isinstance(error, sa.exc.DBAPIError) else str(error)
        hints = {
            "disk is full": "free some space; nothing is half done, and what was not committed comes again",
            "readonly": "give the agent's user the right to write there",
            "unable to open": "create the folder and give the agent's user the right to write there",
            "locked": "another process holds the journal: is a second agent of this site running?",
            "not a database": "this is not a journal; move it away or name another state folder",
            "malformed": "the file is damaged: restore it from a copy, and check the disk",
        }
        hint = next((hint for sign, hint in hints.items() if sign in text), "")
        kind = JournalUnavailableError if any(sign in text for sign in _PASSING) else JournalError
        return kind(f"journal {self.path}: {text}", hint=hint)

    def _one(self, work: Work) -> Result:
        transaction = Transaction(
            self._connection, now=self._wall.now(), max_packet_bytes=self._max_packet_bytes
        )
        driver = transaction.driver
        # Not `begin_nested`: it compiles its statements anew each time, which costs more than the work.
        driver.execute("SAVEPOINT work")
        try:
            result = work(transaction)
        except Exception as error:  # its own caller gets it, whatever it is
            if not driver.in_transaction:
                # SQLite has rolled back everything (disk full): there is no commit to go on with.
                raise
            driver.execute("ROLLBACK TO work")
            driver.execute("RELEASE work")
            if isinstance(error, _FAULTS):
                return None, self.explain(error)
            return None, error
        driver.execute("RELEASE work")
        return result, None

    def _prepare(self) -> None:
        with self._writing.begin() as connection:
            found = connection.scalar(sa.text("PRAGMA user_version"))
            if found == tables.SCHEMA_VERSION:
                return
            if found and found < tables.SCHEMA_VERSION:
                for version in range(found, tables.SCHEMA_VERSION):
                    for step in tables.MIGRATIONS[version]:
                        connection.execute(step)
            elif found:
                raise JournalError(
                    f"journal {self.path} was written by another version of this program "
                    f"(schema {found}, this one reads {tables.SCHEMA_VERSION})",
                    hint="run the version of the program that wrote it, or a newer one",
                )
            else:
                tables.metadata.create_all(connection, checkfirst=False)
            connection.execute(sa.text(f"PRAGMA user_version = {tables.SCHEMA_VERSION}"))

    def _engine(self, *, query_only: bool) -> sa.Engine:
        engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(self.path)),
            connect_args={"check_same_thread": False},
            poolclass=sa.pool.QueuePool,
        )

        @sa.event.listens_for(engine, "connect")
        def configure(connection: Any, _record: Any) -> None:
            # The driver must not begin transactions by itself: savepoints would not work.
            connection.isolation_level = None
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
            if query_only:
                connection.execute("PRAGMA query_only = ON")
                return
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")

        @sa.event.listens_for(engine, "begin")
        def begin_explicitly(connection: sa.Connection) -> None:
            driver: Any = connection.connection.dbapi_connection
            if not driver.in_transaction:
                driver.execute("BEGIN IMMEDIATE")

        return engine


@contextlib.contextmanager
def _transaction(connection: sa.Connection, begin: str) -> Iterator[None]:
    """Begin a transaction, and commit it at the end or undo it.

    SQLAlchemy joins it with the first statement that it is given. Most works give it none, and to have it
    begin and commit costs more than they do.
    """
    driver: Any = connection.connection.dbapi_connection
    driver.execute(begin)
    try:
        yield
        if connection.in_transaction():
            connection.commit()
        else:
            driver.commit()
    except BaseException:
        # A commit that failed has left the transaction open.
        connection.rollback()
        driver.rollback()
        raise
