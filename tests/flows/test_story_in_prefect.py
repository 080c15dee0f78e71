"""What people see of a story in Prefect, and what they can do to the work."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.flows.prefect import Agent, Prefect, until

pytestmark = pytest.mark.integration
PIXEL = base64.b64encode(b"\x89PNG a picture").decode()


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    prefect = Prefect(tmp_path_factory.mktemp("prefect"))
    try:
        prefect.start()
        yield prefect
    finally:
        prefect.close()


@pytest.fixture(scope="module")
def agent(prefect: Prefect, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    agent = Agent(tmp_path_factory.mktemp("gft-jilin"), "gft-jilin", prefect.api_url)
    yield agent
    agent.close()


@pytest.fixture(scope="module")
def shown(prefect: Prefect, agent: Agent) -> dict[str, Any]:
    """The run of a story with something of everything, after its end."""
    name = "sb26112201 · gft-jilin"
    agent.follow(
        name,
        tags=["sb26112201", "gft-jilin"],
        parameters={"T0": "2026-11-22T07:00:00+00:00", "drill": "true"},
    )
    steps = {
        "slew:t1": ("slew to 95.0 +40.0 {braces}", "completed", "tracking"),
        "expose:t1-r": ("t1: expose 2 × 20 s in r", "skipped", "its time had passed"),
        "reduce:t1-r": ("t1: measure 2 frames in r", "failed", "no star was found"),
        "upload:t1": ("upload t1", "cancelled", "called off"),
    }
    for step, (title, state, message) in steps.items():
        agent.tell(name, "begin", step, title, f"About {step}.")
        agent.tell(name, "say", f"a word on {step}", step=step, level=30)
        agent.tell(name, "end", step, state=state, message=message)
    for number in (1, 2):
        agent.tell(name, "begin", "wait:t1", f"wait, time {number}")
    agent.tell(name, "end", "wait:t1", state="completed", message="it is time")
    agent.tell(name, "begin", "report:t1-r", "report t1-r")
    agent.tell(name, "say", "a word on the whole")
    agent.tell(name, "show", "plan", "Plan", table=[{"task": "t1", "filters": "r g"}])
    agent.tell(name, "show", "visibility", "Visibility tonight", png=PIXEL)
    agent.tell(name, "show", "note", "A note", markdown="all is *well*")
    for done in (0.25, 0.5, 1.0):
        agent.tell(name, "progress", "exposures t1", "exposures of t1", done)
    agent.tell(name, "finish", state="completed", name="Closed", message="2 of 2 tasks observed")
    agent.settle()
    return prefect.run(name, "Closed")


def test_the_run(prefect: Prefect, shown: dict[str, Any]) -> None:
    assert shown["state"]["type"] == "COMPLETED"
    assert shown["state"]["message"] == "2 of 2 tasks observed"
    assert sorted(shown["tags"]) == ["gft-jilin", "sb26112201", "site:gft-jilin"]
    assert shown["parameters"]["facts"] == {"T0": "2026-11-22T07:00:00+00:00", "drill": "true"}
    assert prefect.flow_of(shown)["name"] == "observe"
    assert len(prefect.runs("sb26112201 · gft-jilin")) == 1


def test_the_steps(prefect: Prefect, shown: dict[str, Any]) -> None:
    tasks = until(lambda: prefect.settled_tasks(shown))
    assert {name: (task["state"]["type"], task["state"]["name"]) for name, task in tasks.items()} == {
        "slew to 95.0 +40.0 (braces)": ("COMPLETED", "Completed"),
        "t1: expose 2 × 20 s in r": ("COMPLETED", "Skipped"),
        "t1: measure 2 frames in r": ("FAILED", "Failed"),
        "upload t1": ("CANCELLED", "Cancelled"),
        "wait, time 1": ("COMPLETED", "Completed"),  # ended when it was begun again
        "wait, time 2": ("COMPLETED", "Completed"),
        "report t1-r": ("COMPLETED", "Completed"),  # ended with the whole
    }
    assert tasks["t1: measure 2 frames in r"]["state"]["message"] == "no star was found"
    assert tasks["upload t1"]["state"]["message"] == "called off"


def test_the_logs(prefect: Prefect, shown: dict[str, Any]) -> None:
    def look() -> dict[str, dict[str, Any]] | None:
        lines = {line["message"]: line for line in prefect.logs(shown)}
        return (
            lines
            if {
                f"sb26112201: {text}"
                for text in (
                    "a word on the whole",
                    "a word on upload:t1",
                    "called off",
                    "Closed: 2 of 2 tasks observed",
                )
            }
            <= lines.keys()
            else None
        )

    lines = until(look)
    tasks = prefect.tasks(shown)
    assert lines["sb26112201: a word on the whole"]["task_run_id"] is None
    assert lines["sb26112201: a word on the whole"]["level"] == 20
    assert lines["sb26112201: a word on upload:t1"]["task_run_id"] == tasks["upload t1"]["id"]
    assert lines["sb26112201: a word on upload:t1"]["level"] == 30
    assert lines["sb26112201: Closed: 2 of 2 tasks observed"]["task_run_id"] is None


def test_the_artifacts(prefect: Prefect, shown: dict[str, Any]) -> None:
    artifacts = prefect.artifacts(shown)
    at = "observe-sb26112201-gft-jilin"
    # There may be a note besides, when the server has come up after the story's end.
    artifacts = {key: artifact for key, artifact in artifacts.items() if "note-on-this-run" not in key}
    assert set(artifacts) == {f"{at}-plan", f"{at}-visibility", f"{at}-note", f"{at}-exposures-t1"}
    assert artifacts[f"{at}-plan"]["type"] == "table"
    assert json.loads(artifacts[f"{at}-plan"]["data"]) == [{"task": "t1", "filters": "r g"}]
    assert artifacts[f"{at}-plan"]["description"] == "Plan"
    assert f"](data:image/png;base64,{PIXEL})" in artifacts[f"{at}-visibility"]["data"]
    assert "all is *well*" in artifacts[f"{at}-note"]["data"]
    assert artifacts[f"{at}-exposures-t1"]["type"] == "progress"
    assert float(artifacts[f"{at}-exposures-t1"]["data"]) == 100.0


@pytest.mark.parametrize(
    ("flow", "ending"),
    [
        ("observe", ("failed", "Failed", "FAILED")),
        ("observe", ("interrupted", "Interrupted", "CRASHED")),
        ("follow-up", ("cancelled", "Aborted", "CANCELLED")),
        ("follow-up", ("completed", "Declined", "COMPLETED")),
        ("relay", ("completed", "Relieved", "COMPLETED")),
    ],
)
def test_how_a_run_ends(prefect: Prefect, agent: Agent, flow: str, ending: tuple[str, str, str]) -> None:
    state, name, kind = ending
    story = f"the {flow} that is {name}"
    agent.follow(story, flow=flow)
    agent.tell(story, "finish", state=state, name=name, message="so it ended")
    run = prefect.run(story, name)
    assert (run["state"]["type"], run["state"]["message"]) == (kind, "so it ended")
    assert prefect.flow_of(run)["name"] == flow


@pytest.mark.parametrize("asked", ["CANCELLING", "CANCELLED"])
def test_cancelling_a_run_reaches_the_work(prefect: Prefect, agent: Agent, asked: str) -> None:
    story = f"to be cancelled by {asked}"
    agent.follow(story)
    agent.tell(story, "begin", "expose:t1-r", "expose")
    run = prefect.run(story, "Running")
    assert agent.silent()
    prefect.set_state(run, asked)
    said = agent.answer("cancelled")
    assert said["cancelled"] == story
    assert said["why"] == "the run was cancelled in Prefect"
    assert said["thread"] != "MainThread", "the agent is told in the reader's thread"
    agent.tell(story, "finish", state="cancelled", name="Aborted", message="the telescope is stopped")
    agent.settle()
    run = prefect.run(story)
    assert run["state"]["type"] == "CANCELLED"
    assert until(lambda: prefect.settled_tasks(run))["expose"]["state"]["type"] == "CANCELLED"
    assert agent.silent(), "it is told once"
