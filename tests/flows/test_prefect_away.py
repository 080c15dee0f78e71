"""With the Prefect server away, the work does not notice, and what happened is shown later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.prefect import Agent, Prefect, until

pytestmark = pytest.mark.integration


@pytest.fixture
def agent(prefect: Prefect, tmp_path: Path) -> Iterator[Agent]:
    agent = Agent(tmp_path / "gft-spm", "gft-spm", prefect.api_url)
    yield agent
    agent.close()


def test_absent_at_first_and_killed_later(prefect: Prefect, agent: Agent) -> None:
    told = agent.follow("before the server")
    assert told["seconds"] < 0.05
    agent.tell("before the server", "begin", "slew:t1", "slew")
    agent.tell("before the server", "end", "slew:t1")
    agent.tell("before the server", "finish", state="completed", name="Closed", message="long ago")
    assert agent.settle(0.5)["settled"] < 2.0, "there is nothing to wait for"

    prefect.start()
    run = prefect.run("before the server", "Closed")
    assert until(lambda: prefect.settled_tasks(run))["slew"]["state"]["name"] == "Completed"

    agent.follow("through an outage")
    agent.tell("through an outage", "begin", "slew:t1", "slew")
    begun = prefect.run("through an outage", "Running")
    # What is said of a task reaches the server by itself, a little later.
    until(lambda: prefect.tasks(begun).get("slew"))
    prefect.kill()
    assert agent.follow("in the outage")["seconds"] < 0.05
    for step, title in (("slew:t1", "expose once"), ("expose:t1-r", "expose again")):
        agent.tell("through an outage", "end", step)
        agent.tell("through an outage", "begin", "expose:t1-r", title)
    agent.tell("through an outage", "finish", state="failed", name="Failed", message="the shutter is stuck")
    agent.tell("in the outage", "finish", state="completed", name="Declined", message="too low")
    prefect.start()

    prefect.run("in the outage", "Declined")

    def look() -> list[dict[str, Any]] | None:
        runs = prefect.runs("through an outage")
        ended = all(run["state"]["type"] in {"FAILED", "CRASHED"} for run in runs)
        return runs if ended and runs[-1]["state"]["name"] == "Failed" else None

    *lost, shown = until(look)
    assert shown["state"]["message"] == "the shutter is stuck"
    tasks = until(lambda: prefect.settled_tasks(shown))
    assert {name: task["state"]["name"] for name, task in tasks.items()} == {
        "slew": "Completed",
        "expose once": "Completed",
        "expose again": "Failed",
    }
    if lost:
        assert "shown again" in shown["name"]
    for run in lost:
        assert run["state"]["type"] == "CRASHED"
        assert "another run" in run["state"]["message"]
    assert agent.settle()["settled"] < 30.0
    assert agent.silent(), "an outage cancels nothing"
