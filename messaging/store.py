"""The SQLite file of a journal: opening it, its schema's version, and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from followup.clock import Clock
from messaging import tables
from messaging.errors import JournalError
from messaging.reader import Reader
from messaging.transaction import Transaction

T = TypeVar("T")

Work = Callable[[Transaction], Any]
"""Something to do in a transaction."""

Result = tuple[Any, BaseException | None]
"""What a work gave, or how it failed."""

_BUSY_TIMEOUT_MS = 10_000


class Store:
    """The file with one connection for writing and several for reading.

    SQLite is told to flush its log to the disk at each commit (``synchronous=FULL``): what was committed
    survives a power cut.
    """

    def __init__(self, path: Path, *, wall: Clock, max_packet_bytes: int) -> None:
        self.path = path
        self._wall = wall
        self._max_packet_bytes = max_packet_bytes
        self._writing = self._engine("BEGIN IMMEDIATE", query_only=False)
        self._reading = self._engine("BEGIN", query_only=True)
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
            with self._connection.begin():
                return [self._one(work) for work in works]
        except sa.exc.DBAPIError as error:
            raise self.explain(error) from error

    def query(self, query: Callable[[Reader], T]) -> T:
        """Ask something on a connection that cannot write."""
        try:
            with self._reading.begin() as connection:
                return query(Reader(connection))
        except sa.exc.DBAPIError as error:
            raise self.explain(error) from error

    def close(self) -> None:
        """Close all connections."""
        connection: sa.Connection | None = getattr(self, "_connection", None)
        if connection is not None:
            connection.close()
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
        return JournalError(f"journal {self.path}: {text}", hint=hint)

    def _one(self, work: Work) -> Result:
        raw: Any = self._connection.connection.dbapi_connection
        # Not `begin_nested`: it compiles its statements anew each time, which costs more than the work.
        self._connection.exec_driver_sql("SAVEPOINT work")
        try:
            transaction = Transaction(
                self._connection, now=self._wall.now(), max_packet_bytes=self._max_packet_bytes
            )
            result = work(transaction)
        except Exception as error:  # its own caller gets it, whatever it is
            if not raw.in_transaction:
                # SQLite has rolled back everything (disk full): there is no commit to go on with.
                raise
            self._connection.exec_driver_sql("ROLLBACK TO work")
            self._connection.exec_driver_sql("RELEASE work")
            if isinstance(error, sa.exc.DBAPIError):
                return None, self.explain(error)
            return None, error
        self._connection.exec_driver_sql("RELEASE work")
        return result, None

    def _prepare(self) -> None:
        with self._writing.begin() as connection:
            found = connection.scalar(sa.text("PRAGMA user_version"))
            if found == tables.SCHEMA_VERSION:
                return
            if found:
                raise JournalError(
                    f"journal {self.path} was written by another version of this program "
                    f"(schema {found}, this one reads {tables.SCHEMA_VERSION})",
                    hint="run the version of the program that wrote it, or a newer one",
                )
            tables.metadata.create_all(connection, checkfirst=False)
            connection.execute(sa.text(f"PRAGMA user_version = {tables.SCHEMA_VERSION}"))

    def _engine(self, begin: str, *, query_only: bool) -> sa.Engine:
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
            connection.exec_driver_sql(begin)

        return engine
