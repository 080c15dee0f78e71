"""What a demonstration's report says, from the science centre's archive alone."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from archive import Archive
from console.report import faults, report
from console.state import State, archive_files, archive_url
from tests.archive.conversation import JILIN, SPM

RUNS = [{"name": "sb26112201 · gft-jilin", "flow": "observe", "state": "Closed"}]
MANIFESTS = {JILIN: 2}


class Truth:
    def magnitude(self, burst: str, t_s: float, filter_name: str, exposure_s: float) -> float | None:
        assert (burst, filter_name, exposure_s) == ("sb26112201", "r", 30.0)
        return 18.0 if t_s < 100.0 else None


@pytest.fixture
def archive(centre: State) -> Any:
    url = archive_url(centre.csc, "")
    with Archive.open(url, archive_files(centre.csc), migrate=False) as opened:
        yield opened


@pytest.fixture
def document(archive: Archive) -> dict[str, Any]:
    made = report(archive, truth=Truth(), flow_runs=RUNS, prefect_ui="http://p", archive_location="/a")
    # As a script gets it.
    return dict(json.loads(json.dumps(made, default=str)))


def test_it_has_what_it_promises(document: dict[str, Any]) -> None:
    assert set(document) >= {
        "campaigns", "packets", "files", "photometry", "latency_s", "flow_runs", "prefect_ui", "archive",
    }  # fmt: skip
    for campaign in document["campaigns"]:
        assert {"name", "burst", "telescope", "outcome", "tasks"} <= set(campaign)
    for packet in document["packets"]:
        assert {"ivorn", "sha256", "kind", "role", "from", "to", "sent", "relayed", "receipt"} <= set(packet)
        assert packet["receipt"] is None or {"outcome", "time", "reason"} <= set(packet["receipt"])
    for file in document["files"]:
        assert {"path", "bytes", "sha256", "verified"} <= set(file)
    for point in document["photometry"]:
        assert {"t_s", "filter", "mag", "mag_err", "limit", "true_mag"} <= set(point)
    assert set(document["latency_s"]) == {"trigger_to_receipt", "trigger_to_slew"}
    assert document["flow_runs"] == RUNS
    assert (document["prefect_ui"], document["archive"]) == ("http://p", "/a")


def test_receipts_and_their_delays(document: dict[str, Any]) -> None:
    triggers = [p for p in document["packets"] if p["kind"] == "trigger"]
    assert [(p["to"], p["receipt"]["outcome"]) for p in triggers] == [
        ("gft-jilin", "accepted"),
        ("gft-jilin", "accepted"),
        ("gft-spm", "refused"),
    ]
    # The conversation's packets are a second apart: sent, sent to the other, answered.
    assert triggers[0]["delay_s"] == 2.0
    assert document["latency_s"] == {"trigger_to_receipt": 2.0, "trigger_to_slew": pytest.approx(1.1)}
    assert not any(p["kind"] == "receipt" for p in document["packets"])


def test_photometry_beside_the_truth(document: dict[str, Any]) -> None:
    points = [(p["mag"], p["limit"], p["true_mag"]) for p in document["photometry"]]
    assert points == [(18.1, False, 18.0), (19.5, True, None)]


def test_of_some_bursts_only(archive: Archive) -> None:
    assert report(archive, bursts=["sb26112202"])["campaigns"] == []
    assert [c["name"] for c in report(archive, bursts=["sb26112201"])["campaigns"]] == [JILIN, SPM]


def test_all_is_well(document: dict[str, Any]) -> None:
    assert faults(document, MANIFESTS, expected_runs={("observe", "sb26112201 · gft-jilin")}) == []


@pytest.mark.parametrize(
    ("where", "what", "fault"),
    [
        (("campaigns", 0, "outcome"), None, f"campaign {JILIN} is still open"),
        (("campaigns", 0, "outcome"), "failed", f"campaign {JILIN} failed: 2 tasks, afterglow found"),
        (("packets", 3, "receipt"), None, "has no final receipt"),
        (("packets", 3, "receipt"), {"final": False}, "has no final receipt"),
        (("files", 1, "verified"), False, "is not as its manifest says"),
        (("files",), [], f"{JILIN}: 0 of 2 files of its manifests are archived"),
        (("flow_runs", 0, "state"), "Crashed", "observe / sb26112201 · gft-jilin ended as Crashed"),
        (("flow_runs",), [], "flow run observe / sb26112201 · gft-jilin is not in Prefect"),
    ],
)
def test_each_fault_is_found(
    document: dict[str, Any], where: tuple[Any, ...], what: object, fault: str
) -> None:
    broken: Any = copy.deepcopy(document)
    place = broken
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = what
    (found,) = faults(broken, MANIFESTS, expected_runs={("observe", "sb26112201 · gft-jilin")})
    assert fault in found
