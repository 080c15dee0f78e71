"""The few statements of each packet's way: written with SQLAlchemy, compiled once, run by the driver itself.

To execute one through SQLAlchemy takes several times as long as SQLite takes for it, and a packet needs about
twenty of them. So these are compiled when the module is loaded; the types of their columns still convert what
goes in and what comes out. Everything else goes through SQLAlchemy's connection, in the same transaction.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

_DIALECT = SQLiteDialect_pysqlite(paramstyle="qmark")

_Convert = Callable[[Any], Any]


class Prepared:
    """A statement that stands ready.

    Parameters
    ----------
    statement
        Its parameters are those of its `sqlalchemy.bindparam`; of an INSERT also the columns named next.
    columns
        Columns that an INSERT takes by name.
    """

    def __init__(self, statement: sa.Executable, *columns: str) -> None:
        compiled: Any = statement.compile(dialect=_DIALECT, column_keys=columns or None)  # type: ignore[attr-defined]
        self._sql = str(compiled)
        binds = [compiled.binds[name] for name in compiled.positiontup or ()]
        # What the statement itself says (a state, a number) stands in its place already.
        self._values = [None if bind.required else _converted(bind.value, _into(bind.type)) for bind in binds]
        self._takes: list[tuple[int, str, _Convert | None]] = [
            (place, bind.key, _into(bind.type)) for place, bind in enumerate(binds) if bind.required
        ]
        selected: Sequence[Any] = tuple(getattr(statement, "exported_columns", ()))
        self._gives: list[tuple[int, _Convert]] = [
            (place, convert)
            for place, column in enumerate(selected)
            if (convert := _out_of(column.type)) is not None
        ]
        self._row = _row_of([column.key for column in selected])

    def run(self, connection: sqlite3.Connection, values: Mapping[str, Any]) -> int:
        """Change something; gives the number of rows concerned."""
        return connection.execute(self._sql, self._bound(values)).rowcount

    def run_each(self, connection: sqlite3.Connection, many: Iterable[Mapping[str, Any]]) -> None:
        """Change something once for each of many values."""
        connection.executemany(self._sql, [self._bound(values) for values in many])

    def rows(self, connection: sqlite3.Connection, values: Mapping[str, Any]) -> list[Any]:
        """Ask, or change and have something returned; gives named tuples."""
        return [self._read(row) for row in connection.execute(self._sql, self._bound(values)).fetchall()]

    def row(self, connection: sqlite3.Connection, values: Mapping[str, Any]) -> Any | None:
        """Give the first row, None when there is none."""
        rows = connection.execute(self._sql, self._bound(values)).fetchall()
        return self._read(rows[0]) if rows else None

    def value(self, connection: sqlite3.Connection, values: Mapping[str, Any]) -> Any | None:
        """Give the first column of the first row, None when there is none."""
        row = self.row(connection, values)
        return None if row is None else row[0]

    def _bound(self, values: Mapping[str, Any]) -> list[Any]:
        bound = self._values.copy()
        for place, name, convert in self._takes:
            bound[place] = _converted(values[name], convert)
        return bound

    def _read(self, row: tuple[Any, ...]) -> Any:
        cells = list(row)
        for place, convert in self._gives:
            cells[place] = convert(cells[place])
        return self._row(cells)


def _converted(value: Any, convert: _Convert | None) -> Any:
    return value if convert is None else convert(value)


def _row_of(names: Sequence[str]) -> Callable[[Iterable[Any]], Any]:
    """Return what makes a row of a statement's columns, known only when it is compiled."""
    make: Callable[[Iterable[Any]], Any] = namedtuple("Row", names)._make  # type: ignore[attr-defined]  # noqa: PYI024
    return make


def _into(type_: sa.types.TypeEngine[Any]) -> _Convert | None:
    convert: _Convert | None = type_.dialect_impl(_DIALECT).bind_processor(_DIALECT)
    return convert


def _out_of(type_: sa.types.TypeEngine[Any]) -> _Convert | None:
    convert: _Convert | None = type_.dialect_impl(_DIALECT).result_processor(_DIALECT, None)
    return convert
