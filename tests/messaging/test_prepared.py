"""Statements that stand ready say the same as SQLAlchemy does, on the same connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from messaging import tables
from messaging.prepared import Prepared
from messaging.records import OutgoingState

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, unique=True),
    sa.Column("good", sa.Boolean),
    sa.Column("time", tables.UtcTime),
    sa.Column("data", sa.JSON),
    sa.Column("raw", sa.LargeBinary),
)
START = datetime(2026, 11, 22, 6, 0, 0, 123456, tzinfo=UTC)
THING = {"name": "a", "good": True, "time": START, "data": {"deep": [1, None]}, "raw": b"\x00\xff"}

INSERT = Prepared(
    insert(things).on_conflict_do_nothing(index_elements=["name"]).returning(things.c.id),
    *("name", "good", "time", "data", "raw"),
)
FIND = Prepared(sa.select(things).where(things.c.name == sa.bindparam("name")))
RENAME = Prepared(
    sa.update(things).where(things.c.name == sa.bindparam("old")).values(name=sa.bindparam("new"), good=False)
)


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        yield connection
    engine.dispose()


@pytest.fixture
def driver(connection: sa.Connection) -> Any:
    return connection.connection.dbapi_connection


def test_values_go_in_and_come_out_as_their_types_say(connection: sa.Connection, driver: Any) -> None:
    row = INSERT.value(driver, THING)
    assert row == 1
    [found] = FIND.rows(driver, {"name": "a"})
    assert found._asdict() == {"id": 1, **THING}
    by_sqlalchemy = connection.execute(sa.select(things)).one()
    assert dict(by_sqlalchemy._mapping) == found._asdict()


def test_what_sqlalchemy_wrote_is_read_alike(connection: sa.Connection, driver: Any) -> None:
    connection.execute(sa.insert(things).values(THING | {"time": None, "good": None}))
    found = FIND.row(driver, {"name": "a"})
    assert (found.time, found.good, found.data) == (None, None, {"deep": [1, None]})


def test_nothing_found_is_none_and_nothing_changed_is_none(driver: Any) -> None:
    assert FIND.row(driver, {"name": "a"}) is None
    assert FIND.value(driver, {"name": "a"}) is None
    assert FIND.rows(driver, {"name": "a"}) == []
    assert RENAME.run(driver, {"old": "a", "new": "b"}) == 0
    INSERT.value(driver, THING)
    assert INSERT.value(driver, THING) is None, "the name is taken"


def test_one_change_for_each_of_many(driver: Any) -> None:
    for name in "abc":
        INSERT.value(driver, THING | {"name": name})
    RENAME.run_each(driver, [{"old": name, "new": name * 2} for name in "ac"])
    assert FIND.value(driver, {"name": "aa"}) == 1
    assert FIND.row(driver, {"name": "cc"}).good is False
    assert RENAME.run(driver, {"old": "b", "new": "z"}) == 1


@pytest.mark.parametrize("left_out", ["name", "time"])
def test_a_value_that_is_left_out_is_an_error(driver: Any, left_out: str) -> None:
    with pytest.raises(KeyError, match=left_out):
        INSERT.value(driver, {name: value for name, value in THING.items() if name != left_out})


def test_a_naive_time_is_an_error(driver: Any) -> None:
    with pytest.raises(TypeError):
        INSERT.value(driver, THING | {"time": START.replace(tzinfo=None)})


def test_the_index_of_what_is_pending_is_used(tmp_path: Any) -> None:
    """It is not for a state that is a parameter, and then every packet ever sent would be looked at."""
    from messaging import outbox  # noqa: PLC0415 - its statements are looked into

    engine = sa.create_engine(f"sqlite:///{tmp_path / 'journal'}")
    tables.metadata.create_all(engine)
    engine.dispose()
    with sqlite3.connect(tmp_path / "journal") as connection:
        for statement in (outbox._AGENDA, outbox._WAITING, outbox._DUE):
            values = dict.fromkeys(("way", "name"), "x") | {
                "now": START,
                "since": START - timedelta(seconds=1),
                "acknowledged": True,
                "also_again": True,
                "limit": 5,
            }
            bound = statement._bound(values)
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement._sql}", bound).fetchall()
            assert any("outgoing_in_line" in row[3] for row in plan), plan
            assert OutgoingState.PENDING.value not in bound
    connection.close()
