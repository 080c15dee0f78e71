"""Rules for all tests: unit tests open no socket, integration tests stay on this machine, none leaves things.

Warnings are errors by pyproject.toml, and sockets are blocked by it (Unix ones excepted: an event loop wakes
itself with a pair of them).
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.leftovers import Leftovers

LOOPBACK = ["127.0.0.1", "::1", "localhost"]

_LONGEST = {"flows": 0, "console": 1, "agents": 2}
"""Folders of tests by how long their files take, the longest first."""

leftovers = Leftovers()


def shared(*parts: str) -> Path:
    """Material shared between projects, beside this one: skips the test where it is absent."""
    path = Path(__file__).parents[2].joinpath("shared", *parts)
    if not path.exists():
        pytest.skip(f"{path.name} of the shared material is not here", allow_module_level=True)
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Files that take minutes are begun first: no worker is left alone with one in the end.
    items.sort(
        key=lambda item: _LONGEST.get(item.path.relative_to(Path(__file__).parent).parts[0], len(_LONGEST))
    )
    # What a wider fixture of an integration test does is done while that test is set up, under its rule.
    for item in items:
        if item.get_closest_marker("integration"):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))


class FixtureWatch:
    """Watches what fixtures start that outlive a test.

    A plugin of its own: pytest does not show a conftest the fixtures of the whole session.
    """

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        if fixturedef.scope == "function":
            return (yield)
        watching = leftovers.lasting(fixturedef)
        next(watching)
        try:
            return (yield)
        finally:
            next(watching, None)

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        leftovers.over(fixturedef)


def pytest_configure(config: pytest.Config) -> None:
    leftovers.install()
    config.pluginmanager.register(FixtureWatch())


def pytest_unconfigure() -> None:
    leftovers.uninstall()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup() -> Generator[None]:
    leftovers.begin()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None]:
    yield
    if left := leftovers.end():
        pytest.fail("left behind: " + "; ".join(left), pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if strays := leftovers.strays():
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"processes of this run are still there: {'; '.join(strays)}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
