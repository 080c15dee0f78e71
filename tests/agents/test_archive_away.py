"""The archive's database is killed, locked or full in mid-campaign: the science centre waits, and says so."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from followup.campaign import What
from messaging.journal import Journal
from tests.agents.test_resume import check_complete
from tests.agents.world import CAMPAIGN, World, alert, until
from tests.archive import postgresql
from voevent.kinds import Kind, ReceiptOutcome

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("plain")]


@pytest.fixture
def database() -> Iterator[postgresql.Server]:
    programs = postgresql.programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with postgresql.server(programs) as server:
        with psycopg.connect(host=str(server.folder), user="followup", dbname="postgres") as connection:
            connection.autocommit = True
            connection.execute("CREATE DATABASE archive")
        yield server


async def interim(world: World) -> list[str]:
    """Packets of the telescope that the science centre has, and has not archived."""

    def look(reader: Any) -> list[str]:
        ours = [p for p in reader.packets(CAMPAIGN) if p.kind != Kind.RECEIPT and not p.received]
        said = {p.id.ivorn: {receipt.outcome for receipt in reader.receipts(p.id)} for p in ours}
        return [
            ivorn
            for ivorn, outcomes in said.items()
            if ReceiptOutcome.RECEIVED in outcomes and not any(outcome.final for outcome in outcomes)
        ]

    return await Journal.read(world.gft.journal, look)


async def some_interim(world: World, count: int) -> None:
    while len(await interim(world)) < count:  # noqa: ASYNC110 - in another site's journal
        await asyncio.sleep(0.05)


def complaints(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR and words in r.getMessage()]


async def over(world: World) -> None:
    assert (await world.gft.runner.ended()).name == "Closed"
    assert (await world.csc.runner.ended()).name == "Closed"
    await check_complete(world)


async def test_the_database_server_is_killed(
    whole_world: World, database: postgresql.Server, caplog: pytest.LogCaptureFixture
) -> None:
    world, csc = whole_world, whole_world.csc
    await csc.stop()
    world.archive_url = f"postgresql://followup@/archive?host={database.folder}"
    await csc.start()
    await world.trigger(alert())
    await world.gft.noted(What.EXPOSED)
    database.kill()
    await some_interim(world, 2)
    await until(lambda: csc.agent.archivist.trouble)
    standing = await csc.agent.standing()
    assert "cannot be used" in standing["waits"]["the archive"]
    assert standing["archive_behind"] > 0
    assert len(complaints(caplog, "waiting for the archive")) <= 2, "it is said once, not at every try"

    # The science centre dies, too, and is back first.
    await csc.kill()
    await csc.start()
    await until(lambda: csc.agent.archivist.trouble)
    await world.gft.noted(What.UPLOADED, dataset="t1")
    await some_interim(world, 3)
    await asyncio.to_thread(database.start)
    await over(world)
    assert await interim(world) == []
    assert (await csc.agent.standing()) == {"waits": {}, "archive_behind": 0}
    assert any("can be used again" in record.getMessage() for record in caplog.records)


async def test_the_disk_of_the_database_is_full(whole_world: World, caplog: pytest.LogCaptureFixture) -> None:
    world, csc = whole_world, whole_world.csc
    pages = 1

    def limit(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(csc.archive._engine, "checkout", limit)
    await world.trigger(alert())
    await until(lambda: csc.agent.archivist.trouble)
    assert "no space left" in csc.agent.archivist.trouble
    await some_interim(world, 1)
    with sqlite3.connect(csc.folder / "archive.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        pages = 2**30
        await some_interim(world, 3)
        other.execute("COMMIT")
    other.close()
    await over(world)
    assert len(complaints(caplog, "waiting for the archive")) <= 3
