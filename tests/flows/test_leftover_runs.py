"""No flow run is left open for ever: not by agents that are killed, nor by outages of the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.prefect import Agent, Prefect, until

pytestmark = pytest.mark.integration

START = Callable[..., Agent]


@pytest.fixture
def start(started: Prefect, tmp_path: Path) -> Iterator[START]:
    """Start the agent of a site, over the folder of the one before it."""
    agents = []

    def start(site: str = "gft-spm", **facts: Any) -> Agent:
        agents.append(Agent(tmp_path / site, site, started.api_url, **facts))
        return agents[-1]

    yield start
    for agent in agents:
        agent.close()


def open_runs(prefect: Prefect, *sites: str) -> list[str]:
    tags = {"all_": [f"site:{site}" for site in sites]} if sites else None
    states = {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING", "CANCELLING", "PAUSED"]}}
    found = prefect.ask("/flow_runs/filter", flow_runs={"state": states} | ({"tags": tags} if tags else {}))
    return [run["name"] for run in found]


def test_a_successor_says_so_and_ends_the_run_of_the_killed(prefect: Prefect, start: START) -> None:
    about = {"tags": ["sb26112201", "gft-spm"]}
    others = start("gft-lasilla")
    others.follow("of another site", tags=["sb26112201", "gft-lasilla"])
    agent = start()
    agent.follow("a campaign", **about)
    agent.tell("a campaign", "begin", "slew:t1", "slew")
    agent.follow("one that is over", tags=["sb26112202", "gft-spm"])
    killed, over = prefect.run("a campaign", "Running"), prefect.run("one that is over", "Running")
    until(lambda: "slew" in prefect.tasks(killed))
    prefect.run("of another site", "Running")
    agent.kill()

    later = start()
    later.follow("a campaign", **about)
    successor = prefect.run("a campaign (goes on)", "Running")
    killed = prefect.run("a campaign", "Crashed")
    assert f"the agent was killed; run a campaign (goes on) ({successor['id']})" in killed["state"]["message"]
    steps = until(lambda: prefect.settled_tasks(killed))
    assert steps["slew"]["state"]["type"] == "CRASHED"
    note = until(lambda: prefect.artifacts(successor))
    [said] = [artifact["data"] for key, artifact in note.items() if "note-on-this-run" in key]
    assert f"goes on from a campaign ({killed['id']})" in said
    # Nobody goes on with the other one: its campaign had ended, only Prefect had not heard of it.
    over = prefect.run("one that is over", "Crashed")
    assert "the ledger has how it ended" in over["state"]["message"]
    assert open_runs(prefect, "gft-spm") == ["a campaign (goes on)"]
    assert prefect.run("of another site")["state"]["name"] == "Running", "it is another site's"

    later.tell("a campaign", "finish", state="interrupted", name="Interrupted", message="the agent was ended")
    later.settle()
    later.close()
    last = start()
    last.follow("a campaign", **about)
    assert until(lambda: [r for r in prefect.runs("a campaign (goes on)") if r["state"]["name"] == "Running"])
    last.tell("a campaign", "finish", state="completed", name="Closed", message="")
    last.settle()
    assert open_runs(prefect, "gft-spm") == []


def test_runs_cancelled_while_their_agent_is_away(prefect: Prefect, start: START) -> None:
    agent = start()
    names = ("CANCELLING", "CANCELLED")
    for name in names:
        agent.follow(name, tags=[name, "gft-spm"])
    runs = {name: prefect.run(name, "Running") for name in names}
    for name, run in runs.items():
        agent.remembers(run["id"])
        prefect.set_state(run, name)
    agent.kill()
    later = start()
    for name in names:
        later.follow(name, tags=[name, "gft-spm"])
    said = [later.answer("cancelled") for _ in names]
    assert {answer["cancelled"] for answer in said} == set(names)
    assert all("cancelled in Prefect while its agent was away" in answer["why"] for answer in said)
    for name in names:
        later.tell(name, "finish", state="cancelled", name="Aborted", message="the telescope is stopped")
    later.settle()
    until(lambda: not open_runs(prefect, "gft-spm"))
    assert {prefect.run(name)["state"]["type"] for name in names} == {"CANCELLED"}
    assert later.silent(), "it is told once"


def test_a_site_that_never_comes_back(prefect: Prefect, start: START) -> None:
    # Agents of a real site keep the automation that is there; the test wants one with less patience.
    for automation in prefect.ask("/automations/filter"):
        prefect.delete(f"/automations/{automation['id']}")
    agent = start("gft-gone", silence_s=10.0)
    until(lambda: prefect.ask("/automations/filter"))
    agent.follow("the last words", tags=["sb26112203", "gft-gone"])
    agent.remembers(prefect.run("the last words", "Running")["id"])
    agent.kill()
    run = prefect.run("the last words", "Crashed")
    assert "said nothing for" in run["state"]["message"]
    # Its agent is back after all.
    later = start("gft-gone")
    later.follow("the last words", tags=["sb26112203", "gft-gone"])
    until(lambda: "goes on with it" in prefect.run("the last words")["state"]["message"])
    for automation in prefect.ask("/automations/filter"):
        prefect.delete(f"/automations/{automation['id']}")


def test_a_run_that_ended_while_the_server_was_away(prefect: Prefect, start: START) -> None:
    """And its agent ended, too, before the server was back."""
    about = {"tags": ["sb26112205", "gft-spm"]}
    agent = start()
    agent.follow("ended unheard", **about)
    agent.remembers(prefect.run("ended unheard", "Running")["id"])
    prefect.kill()
    agent.tell("ended unheard", "finish", state="completed", name="Closed", message="2 of 2 tasks observed")
    agent.follow("never heard of", tags=["sb26112206", "gft-spm"])
    agent.tell("never heard of", "finish", state="completed", name="Declined", message="too low")
    agent.remembers("too low")
    agent.kill()
    prefect.start()
    later = start()
    run = prefect.run("ended unheard", "Closed")
    assert run["state"]["type"] == "COMPLETED"
    assert run["state"]["message"].startswith("2 of 2 tasks observed (said later")
    later.follow("the next", tags=["sb26112207", "gft-spm"])
    following = prefect.run("the next", "Running")
    artifacts = until(lambda: prefect.artifacts(following))
    [note] = [artifact["data"] for key, artifact in artifacts.items() if "note-on-this-run" in key]
    assert "Prefect could not be reached from" in note
    assert "- never heard of: begun" in note
    assert "Declined: too low" in note
    assert "the ledger" in note


def test_what_is_remembered_may_be_lost(prefect: Prefect, start: START, tmp_path: Path) -> None:
    agent = start()
    agent.follow("of a lost book", tags=["sb26112208", "gft-spm"])
    prefect.run("of a lost book", "Running")
    agent.kill()
    (tmp_path / "gft-spm" / "prefect" / "told.json").write_bytes(b"\x00damaged")
    later = start()
    later.follow("of a lost book", tags=["sb26112208", "gft-spm"])
    assert "goes on with it" in prefect.run("of a lost book", "Crashed")["state"]["message"]
