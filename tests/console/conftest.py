"""What tests of the console share."""

from __future__ import annotations

import pytest

from console.state import State
from tests.console.centre import make_centre


@pytest.fixture(scope="session")
def centre(tmp_path_factory: pytest.TempPathFactory) -> State:
    """Give a state that is only read: two campaigns of one burst are in its archive, no agent runs."""
    return make_centre(tmp_path_factory.mktemp("centre"))
