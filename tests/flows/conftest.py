"""Prefect servers for the tests of flows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.prefect import Prefect


@pytest.fixture
def prefect(tmp_path: Path) -> Iterator[Prefect]:
    """A server of one test's own that is not started yet."""
    prefect = Prefect(tmp_path / "prefect")
    yield prefect
    prefect.close()


@pytest.fixture
def started(prefect: Prefect) -> Prefect:
    """The same, started."""
    prefect.start()
    return prefect
