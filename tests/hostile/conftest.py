"""A real Prosody with a science centre, a relay and a telescope at it; and one more, which is bad."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.hostile.stations import Stations
from tests.messaging.xmpp.conftest import Site, server, site

__all__ = ["server", "site", "stations"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stations(server: Site, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stations]:
    """Three honest sites that talk by way of a real server; they last as long as the module's tests."""
    async with Stations.opened(server, tmp_path_factory.mktemp("stations")) as stations:
        yield stations
    await server.leave()
