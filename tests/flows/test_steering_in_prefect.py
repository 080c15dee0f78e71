"""What people do to telescopes in Prefect: pausing a work pool, triggering from the form, waiting seen."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flows.prefect import Agent, Answers, Prefect, until

pytestmark = pytest.mark.integration


class Steered:
    """A process with an agent that is only held, let go and asked to trigger (`tests.flows.steered`)."""

    def __init__(self, folder: Path, site: str, prefect: Prefect, *, held: bool = False) -> None:
        folder.mkdir(exist_ok=True)
        self._log = (folder / "steered.log").open("ab")
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "tests.flows.steered",
                str(folder), site, prefect.api_url, "held" if held else "free",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )  # fmt: skip
        self.answers = Answers(self._process)
        self.answers.expect("ready")

    def tell(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=30.0)
        finally:
            self._process.kill()
            self._process.wait()
            self.answers.close()
            self._log.close()


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    prefect = Prefect(tmp_path_factory.mktemp("prefect"))
    try:
        prefect.start()
        yield prefect
    finally:
        prefect.close()


def pool(prefect: Prefect, name: str, *, says: str = "", **wanted: Any) -> dict[str, Any]:
    """Wait until a work pool is like that."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] | None = prefect.read(f"/work_pools/{name}")
        like = found is not None and wanted.items() <= found.items() and found["description"].startswith(says)
        return found if like else None

    return until(look)


def test_a_work_pool_stands_for_a_telescope(prefect: Prefect, tmp_path: Path) -> None:
    telescope = Steered(tmp_path, "gft-jilin", prefect)
    try:
        pool(prefect, "gft-jilin", status="READY", is_paused=False, says="nobody holds it")
        [worker] = prefect.ask("/work_pools/gft-jilin/workers/filter")
        assert (worker["name"], worker["status"]) == ("agent of gft-jilin", "ONLINE")
        prefect.change("/work_pools/gft-jilin", is_paused=True)
        said = {"hold": "Prefect UI", "reason": "its work pool was paused"}
        assert telescope.answers.expect("hold") == said
        pool(prefect, "gft-jilin", is_paused=True, says="somebody holds it")
        prefect.change("/work_pools/gft-jilin", is_paused=False)
        assert telescope.answers.expect("let_go")["let_go"] == "Prefect UI"
        pool(prefect, "gft-jilin", is_paused=False, says="nobody holds it")
        # Held on the spot, it is shown as paused, and nobody is told to hold it once more.
        telescope.tell("hold")
        pool(prefect, "gft-jilin", is_paused=True, status="PAUSED")
    finally:
        telescope.close()
    # What people change while no agent runs reaches the next one.
    prefect.change("/work_pools/gft-jilin", is_paused=False)
    telescope = Steered(tmp_path, "gft-jilin", prefect, held=True)
    try:
        assert telescope.answers.expect("let_go")["reason"] == "its work pool was resumed"
        pool(prefect, "gft-jilin", is_paused=False, says="nobody holds it")
    finally:
        telescope.close()


def test_telescopes_are_triggered_from_a_form(prefect: Prefect, tmp_path: Path) -> None:
    centre = Steered(tmp_path, "csc", prefect)
    try:
        form = until(lambda: prefect.read("/deployments/name/trigger/telescopes"))
        assert form["parameter_openapi_schema"]["properties"]["telescopes"]["items"]["enum"] == [
            "gft-jilin",
            "gft-spm",
        ]
        run = f"/deployments/{form['id']}/create_flow_run"
        wrong = {"who": "Ana", "burst": "sb1", "ra_deg": 400.0, "dec_deg": 1.0}
        assert "400.0 is greater than or equal to the maximum of 360" in prefect.refusal(
            run, parameters=wrong
        )
        given = {"who": "Ana", "burst": "sb1", "ra_deg": 40.5, "dec_deg": 1.0, "telescopes": ["gft-spm"]}
        made = prefect.ask(run, parameters=given)
        said = centre.answers.expect("wanted")
        assert given.items() <= said["wanted"].items()
        assert said["wanted"]["what"] == "drill", "what nobody fills in is harmless"
        assert datetime.fromisoformat(said["asked"]) == datetime.fromisoformat(made["created"])
        ended = prefect.run("trigger sb1 (drill)", "Triggered")
        assert ended["id"] == made["id"]
        assert ended["state"]["message"] == "triggered by Ana: sb1.gft-spm"
        [table] = prefect.artifacts(ended).values()
        assert "sb1.gft-spm" in table["data"]
        prefect.ask(run, parameters={**given, "burst": "none", "what": "real"})
        assert centre.answers.expect("wanted")["wanted"]["what"] == "real"
        refused = prefect.run("trigger none (real)", "Refused")
        assert (refused["state"]["type"], refused["state"]["message"]) == (
            "FAILED",
            "no such burst (wait for one)",
        )
    finally:
        centre.close()


def test_a_run_that_waits_for_its_epoch_is_scheduled(prefect: Prefect, tmp_path: Path) -> None:
    agent = Agent(tmp_path, "gft-spm", prefect.api_url)
    name, epoch = "sb2 · gft-spm", datetime.now(UTC) + timedelta(hours=1)
    awaiting = f"Awaiting {epoch:%H:%M} UTC"
    try:
        agent.follow(name)
        agent.tell(name, "begin", "wait:t2-1", "wait for t2", "Task t2 begins then.", until=epoch.isoformat())
        agent.tell(name, "begin", "reduce:t1-r", "t1: measure")
        run = prefect.run(name, awaiting)
        assert (run["state"]["type"], run["state"]["message"]) == ("SCHEDULED", "Task t2 begins then.")
        assert datetime.fromisoformat(run["next_scheduled_start_time"]) == epoch
        # What goes on beside is shown all the same.
        until(lambda: "t1: measure" in prefect.tasks(run))
        agent.tell(name, "end", "wait:t2-1")
        assert prefect.run(name, "Running")["state"]["type"] == "RUNNING"
        agent.tell(name, "begin", "wait:t3-2", "wait for t3", until=epoch.isoformat())
        prefect.set_state(prefect.run(name, awaiting), "CANCELLED")
        assert agent.answer("cancelled")["why"] == "the run was cancelled in Prefect"
        agent.tell(name, "end", "wait:t3-2")
        agent.tell(name, "finish", state="cancelled", name="Aborted", message="the telescope is stopped")
        agent.settle()
        assert prefect.run(name)["state"]["type"] == "CANCELLED"
    finally:
        agent.close()
