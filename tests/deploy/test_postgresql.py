"""A PostgreSQL of our own: made, killed, started again, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.errors import DeployError, ProgramMissingError
from deploy.postgresql import PostgreSQL

pytestmark = pytest.mark.integration


@pytest.fixture
def folder() -> Iterator[Path]:
    # Directly under /tmp: the path of a socket is short, and PostgreSQL's own user gets there.
    path = Path(tempfile.mkdtemp(prefix="followup-pg-"))
    yield path
    shutil.rmtree(path)


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[PostgreSQL]:
    server = PostgreSQL(folder, database="archive")
    try:
        await server.start()
    except ProgramMissingError as error:
        pytest.skip(str(error))
    try:
        yield server
    finally:
        await server.stop()


def ask(server: PostgreSQL, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


async def test_what_was_committed_survives_a_kill(folder: Path) -> None:
    async with running(folder) as server:
        await asyncio.to_thread(ask, server, "CREATE TABLE kept AS SELECT 7 AS number")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            while server.pid is not None:  # noqa: ASYNC110 - nobody tells when a process has ended
                await asyncio.sleep(0.01)
        await server.start()
        assert await asyncio.to_thread(ask, server, "SELECT number FROM kept") == [(7,)]
    assert server.pid is None


async def test_a_folder_too_deep_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="too long for a socket"):
        await PostgreSQL(tmp_path / ("x" * 80), database="archive").start()
