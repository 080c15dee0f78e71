"""Real agents at work while the Prefect server is absent, frozen or killed, and what it can do to them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.prefect import Answers, Prefect, until

pytestmark = pytest.mark.integration

IN_TIME_S = 5.0
"""From the trigger's commit to the first command: a call to a server that does not answer takes longer."""


class Sites:
    """All sites in one process (`tests.flows.sites`)."""

    def __init__(self, folder: Path, api_url: str) -> None:
        folder.mkdir()
        self._log = (folder / "sites.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.flows.sites", str(folder), api_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._answers = Answers(self._process)
        self._answers.expect("ready")

    def trigger(self, burst: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{burst}\n")
        self._process.stdin.flush()

    def moved(self, burst: str) -> None:
        said = self._answers.expect("moved")
        assert said["moved"] == burst
        assert said["seconds"] < IN_TIME_S

    def stopped(self, burst: str) -> list[str]:
        """What the devices were told by the time the campaign was over."""
        said = self._answers.expect("stopped")
        assert said["stopped"] == burst
        commands: list[str] = said["commands"]
        assert self._answers.expect("over") == {"over": burst, "outcome": "aborted", "settled": True}
        return commands

    def over(self, burst: str) -> None:
        assert self._answers.expect("over") == {"over": burst, "outcome": "completed", "settled": True}

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            assert self._process.wait(timeout=60.0) == 0
        finally:
            self._process.kill()
            self._process.wait()
            self._answers.close()
            self._log.close()


@pytest.fixture
def sites(prefect: Prefect, tmp_path: Path) -> Iterator[Sites]:
    sites = Sites(tmp_path / "sites", prefect.api_url)
    yield sites
    sites.close()


def shown(prefect: Prefect, burst: str) -> set[tuple[str, str]]:
    """Flow runs of a burst: flow, and name of the state."""
    return {(prefect.flow_of(r)["name"], r["state"]["name"]) for r in prefect.runs(f"{burst} · gft-spm")}


def all_shown(prefect: Prefect, burst: str) -> bool:
    return shown(prefect, burst) >= {("observe", "Closed"), ("follow-up", "Closed")}


def open_runs(prefect: Prefect) -> list[str]:
    states = {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING", "CANCELLING", "PAUSED"]}}
    found = prefect.ask("/flow_runs/filter", flow_runs={"state": states})
    return [run["name"] for run in found if not run["name"].startswith("csc-ftp")]


@pytest.mark.timeout(600)
def test_campaigns_go_on(prefect: Prefect, sites: Sites) -> None:
    # Absent: nobody has ever heard of it.
    sites.trigger("sb26112201")
    sites.moved("sb26112201")
    sites.over("sb26112201")
    prefect.start()
    until(lambda: all_shown(prefect, "sb26112201"))

    # Frozen while a campaign is under way, and thawed after its end.
    sites.trigger("sb26112202")
    until(lambda: prefect.runs("sb26112202 · gft-spm"))
    with prefect.frozen():
        sites.moved("sb26112202")
        sites.over("sb26112202")
    until(lambda: all_shown(prefect, "sb26112202"))

    # Killed before a campaign, and back after its end.
    prefect.kill()
    sites.trigger("sb26112203")
    sites.moved("sb26112203")
    sites.over("sb26112203")
    prefect.start()
    until(lambda: all_shown(prefect, "sb26112203"))
    until(lambda: not open_runs(prefect))
    notes = [
        artifact["data"]
        for run in prefect.runs("sb26112203 · gft-spm")
        for key, artifact in prefect.artifacts(run).items()
        if "note-on-this-run" in key
    ]
    assert notes
    assert all("Prefect could not be reached" in note and "sb26112203" in note for note in notes)

    # There, and a person cancels the run while an exposure is under way.
    sites.trigger("sb26112204 stuck")
    sites.moved("sb26112204")
    [run] = until(
        lambda: [r for r in prefect.runs("sb26112204 · gft-spm") if prefect.flow_of(r)["name"] == "observe"]
    )
    assert run["name"] == "sb26112204 · gft-spm · DRILL"
    prefect.set_state(run, "CANCELLING")
    commands = sites.stopped("sb26112204")
    assert commands.index("camera.abort", commands.index("camera.expose")) > 0
    assert "mount.stop" in commands
    until(lambda: {("observe", "Aborted"), ("follow-up", "Aborted")} <= shown(prefect, "sb26112204"))
