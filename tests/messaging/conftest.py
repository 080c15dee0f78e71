from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.messaging.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A science centre, a telescope gft-a and a relay, all connected."""
    world = World()
    await world.start()
    yield world
    await world.stop()
