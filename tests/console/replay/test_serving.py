"""Replays ordered and scheduled in Prefect: a real server, a real process that serves them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.console.cli import child
from tests.flows.prefect import Prefect, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

KEPT = Path(__file__).parent / "bundles"
LIGHT = "small-light.tar.zst"


@pytest.fixture
def prefect(tmp_path: Path) -> Any:
    prefect = Prefect(tmp_path / "prefect")
    try:
        prefect.start()
        yield prefect
    finally:
        prefect.close()


def ended(prefect: Prefect, run: dict[str, Any]) -> dict[str, Any]:
    """The state in which a run ends."""

    def look() -> dict[str, Any] | None:
        state: dict[str, Any] = prefect.read(f"/flow_runs/{run['id']}")["state"]
        return state if state["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None

    return until(look, 240.0)


def test_replays_are_ordered_and_scheduled_in_prefect(prefect: Prefect, tmp_path: Path) -> None:
    nights = tmp_path / "nights"
    nights.mkdir()
    shutil.copy(KEPT / LIGHT, nights)
    url = prefect.api_url.removesuffix("/api")
    with child("serve-replays", nights, "--prefect", url):
        form = until(lambda: prefect.read("/deployments/name/replay/bundles"))
        assert form["parameter_openapi_schema"]["properties"]["bundle"]["enum"] == ["", LIGHT]
        create = f"/deployments/{form['id']}/create_flow_run"
        assert "../x" in prefect.refusal(create, parameters={"bundle": "../x"})

        run = prefect.ask(create)
        # What people schedule stays, though the deployment changes with what is in the folder.
        weekly = {"schedule": {"cron": "0 12 * * 1", "timezone": "UTC"}, "active": True}
        prefect.change(f"/deployments/{form['id']}", schedules=[weekly])
        state = ended(prefect, run)
        assert (state["type"], state["name"]) == ("COMPLETED", "As recorded"), state
        artifacts = prefect.artifacts(run)
        [verdict] = [found for key, found in artifacts.items() if key.endswith("verdict")]
        said = {row["what"]: row["verdict"] for row in json.loads(verdict["data"])}
        assert said["closing"] in {"as then", "within bounds"}
        assert said["dataset logs"]
        tasks = until(lambda: prefect.settled_tasks(run))
        assert {task["state"]["type"] for task in tasks.values()} == {"COMPLETED"}
        assert len(tasks) == 2

        shutil.copy(nights / LIGHT, nights / "zz.tar.zst")
        broken = nights / "broken.tar.zst"
        broken.write_bytes((KEPT / LIGHT).read_bytes()[:9000])

        def both() -> dict[str, Any] | None:
            found = prefect.read("/deployments/name/replay/bundles")
            listed = found["parameter_openapi_schema"]["properties"]["bundle"]["enum"]
            return found if listed == ["", "broken.tar.zst", LIGHT, "zz.tar.zst"] else None

        assert len(until(both)["schedules"]) == 1
        state = ended(prefect, prefect.ask(create, parameters={"bundle": "broken.tar.zst"}))
        assert (state["type"], state["name"]) == ("FAILED", "Cannot be replayed"), state
        assert "broken.tar.zst: it is cut off" in state["message"]
        [pool] = prefect.ask("/work_pools/filter")
        assert (pool["name"], pool["status"]) == ("replay", "READY")
