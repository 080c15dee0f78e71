"""The demonstration as a person sees it: one whole run, one with real alerts, and Ctrl-C."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.summary import pulls
from tests.conftest import shared
from tests.console.cli import Answer, child, followup, interrupt, processes_of, run

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

DEMO_S = 360.0
INTERIM = {"relayed", "received"}


@dataclass(frozen=True, kw_only=True)
class Played:
    """A demonstration that is over."""

    state: Path
    answer: Answer
    report: dict[str, Any]

    def packets(self, kind: str) -> list[dict[str, Any]]:
        return [packet for packet in self.report["packets"] if packet["kind"] == kind]


def play(state: Path, *words: str | Path) -> Played:
    json_file = state.with_suffix(".json")
    answer = run("demo", "--state", state, "--json", json_file, *words, timeout_s=DEMO_S)
    assert answer.status in {0, 1}, answer
    return Played(state=state, answer=answer, report=json.loads(json_file.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The default demonstration, its sky a little faster."""
    return play(tmp_path_factory.mktemp("demo") / "state", "--seed", "2", "--time-scale", "300")


def test_everything_came_out_as_it_should(played: Played) -> None:
    assert played.report["faults"] == []
    assert (played.answer.status, played.answer.err) == (0, "")
    assert "✓ every packet has its final receipt" in played.answer.out
    assert processes_of(played.state) == []


def test_one_telescope_declines_and_one_completes(played: Played) -> None:
    outcomes = {c["telescope"]: c["outcome"] for c in played.report["campaigns"]}
    assert sorted(outcomes.values()) == ["completed", "declined"]
    for campaign in played.report["campaigns"]:
        assert campaign["name"] == f"{campaign['burst']}.{campaign['telescope']}"
        done = [task for task in campaign["tasks"] if task["outcome"] == "done"]
        assert bool(done) == (campaign["outcome"] == "completed")
    declined = next(name for name, outcome in outcomes.items() if outcome == "declined")
    refused = [p["receipt"] for p in played.packets("trigger") if p["to"] == declined]
    assert {receipt["outcome"] for receipt in refused} == {"refused"}
    assert all("never above" in receipt["reason"] for receipt in refused)
    # A refusal is shown as what it is, not as a fault.
    assert "refuses csc's" in played.answer.out


def test_every_packet_has_its_final_receipt(played: Played) -> None:
    kinds = {packet["kind"] for packet in played.report["packets"]}
    assert kinds == {"trigger", "status", "result", "upload", "closing"}
    for packet in played.report["packets"]:
        assert packet["receipt"]["outcome"] not in INTERIM
        # What a telescope sent bears the date of its own, faster sky.
        assert packet["receipt"]["time"] >= (packet["arrived"] or packet["sent"])
        assert packet["role"] == "test"
        assert len(packet["sha256"]) == 64
        # All but triggers go through the relay's custody.
        assert (packet["relayed"] is None) == (packet["kind"] == "trigger")
    assert played.report["latency_s"]["trigger_to_receipt"] > 0
    assert played.report["latency_s"]["trigger_to_slew"] > 0


def test_every_file_is_in_the_archive_with_the_right_checksum(played: Played) -> None:
    archive = Path(played.report["archive"])
    files = played.report["files"]
    assert len(files) > 20
    assert {Path(file["path"]).suffix for file in files} >= {".fits", ".fz", ".png", ".csv"}
    for file in files:
        raw = (archive / file["path"]).read_bytes()
        assert file["verified"]
        assert (len(raw), hashlib.sha256(raw).hexdigest()) == (file["bytes"], file["sha256"])


def flux_pull(point: dict[str, Any]) -> float:
    """Tell by how many errors a flux is off; a magnitude near the limit has no symmetrical error."""
    true_over_measured = 10 ** (0.4 * (point["mag"] - point["true_mag"]))
    return float((1 - true_over_measured) * 1.0857 / point["mag_err"])


def test_photometry_is_within_its_errors_of_the_truth(played: Played) -> None:
    points = played.report["photometry"]
    found = pulls(played.report)
    assert len(found) >= 1
    # One of a handful may lie beyond three errors by chance: noise depends on when the frames were taken.
    assert sum(abs(pull) > 3 for pull in found) <= max(1.0, 0.05 * len(found)), points
    assert all(abs(flux_pull(point)) < 5 for point in points if not point["limit"]), points
    limits = [point for point in points if point["limit"]]
    assert len(limits) >= 1
    assert all(point["mag_err"] is None for point in limits)
    # A limit brighter than what was there would have been a detection, give or take its noise.
    assert all(point["true_mag"] > point["mag"] - 0.5 for point in limits)


def test_flow_runs_ended_as_they_should(played: Played) -> None:
    runs = {(run["flow"], run["state"]) for run in played.report["flow_runs"]}
    assert {("follow-up", "Closed"), ("observe", "Closed"), ("follow-up", "Declined")} <= runs
    assert {flow for flow, _ in runs} == {"follow-up", "observe", "relay"}
    assert all("sb" in run["name"] for run in played.report["flow_runs"] if run["flow"] != "relay")
    assert played.report["prefect_ui"].startswith("http://127.0.0.1:")


def test_it_stays_within_its_memory(played: Played) -> None:
    assert 0 < played.report["peak_memory_bytes"] < 2 * 2**30


def test_without_a_terminal_each_line_is_whole(played: Played) -> None:
    assert "\x1b" not in played.answer.out
    said = [line for line in played.answer.out.splitlines() if " → " in line]
    assert len(said) > 3 * len(played.report["packets"])


def test_sites_share_nothing(played: Played) -> None:
    sites = [played.state / name for name in ("csc", "csc-ftp", "gft-spm", "gft-jilin")]
    assert all((site / "journal.sqlite").is_file() for site in sites)
    assert [site.name for site in sites if (site / "archive.sqlite").exists()] == ["csc"]


def test_commands_tell_the_same_afterwards(played: Played, tmp_path: Path) -> None:
    listed = json.loads(followup("campaigns", "--state", played.state, "--json").out)
    assert listed == played.report["campaigns"]
    done = next(c["name"] for c in listed if c["outcome"] == "completed")
    shown = followup("show", done, "--state", played.state)
    assert (shown.status, shown.err) == (0, "")
    assert max(map(len, shown.out.partition("\ntasks")[2].splitlines())) <= 80
    document = json.loads(followup("show", done, "--state", played.state, "--json").out)
    assert document["packets"] == [p for p in played.report["packets"] if p["campaign"] == done]
    got = followup("archive", "get", done, "--state", played.state, "--to", tmp_path)
    assert got.status == 0
    for file in played.report["files"]:
        if file["campaign"] == done:
            assert hashlib.sha256((tmp_path / file["path"]).read_bytes()).hexdigest() == file["sha256"]


def test_a_used_state_is_not_played_over(played: Played) -> None:
    answer = followup("demo", "--state", played.state)
    assert answer.status == 2
    assert answer.complaint == f"{played.state} holds a demonstration already"


def test_real_alerts_lead_to_a_campaign(tmp_path: Path) -> None:
    alerts = tmp_path / "alerts"
    alerts.mkdir()
    for name in ("grm-trigger", "eclairs-wakeup", "mxt-initial_qf2"):
        shutil.copy(shared("packets", "svom", f"sb26042105_{name}.xml"), alerts)
    words = ("--telescopes", "gft-spm", "--prefect", "none", "--time-scale", "400")
    real = play(tmp_path / "state", "--packet", alerts, *words)
    assert real.report["faults"] == []
    assert real.answer.status == 0
    # The first alert has no position; the third refines the second's.
    assert "sb26042105_grm-trigger gives no position" in real.answer.out
    (campaign,) = real.report["campaigns"]
    assert (campaign["name"], campaign["outcome"]) == ("sb26042105.gft-spm", "completed")
    triggers = [(p["receipt"]["outcome"], "-r0-" in p["ivorn"]) for p in real.packets("trigger")]
    assert triggers == [("accepted", True), ("accepted", False)]
    assert (campaign["ra_deg"], campaign["dec_deg"]) == (190.0318, -17.7566)
    # A drill, although the alerts are real: nobody may take what follows for an observation.
    assert {packet["role"] for packet in real.report["packets"]} == {"test"}
    assert real.report["flow_runs"] == []


def heard(process: subprocess.Popen[str], words: str) -> None:
    """Read on until something is said."""
    assert process.stdout is not None
    lines: Iterator[str] = iter(process.stdout)
    if not any(words in line for line in lines):
        pytest.fail(f"{words!r} was not said: {process.stderr.read() if process.stderr else ''}")


@pytest.mark.parametrize(
    ("prefect", "moment"),
    [
        pytest.param("embedded", "starting csc-ftp", id="during start-up"),
        pytest.param("none", "plans ", id="while observing"),
    ],
)
def test_ctrl_c_leaves_no_process_behind(tmp_path: Path, prefect: str, moment: str) -> None:
    state = tmp_path / "state"
    with child("demo", "--state", state, "--seed", "2", "--prefect", prefect) as demo:
        heard(demo, moment)
        ended = interrupt(demo, timeout_s=60)
    assert processes_of(state) == []
    assert (ended.status, ended.err) == (1, "")
    assert f"stopped; what was done so far is in {state}" in " ".join(ended.out.split())


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--telescopes", "gft-nowhere"), "no telescope named 'gft-nowhere' can be simulated"),
        (("--telescopes", " , "), "no telescope is named"),
        (("--packet", "/nonexistent.xml"), "/nonexistent.xml"),
        (("--packet", "PASSWORDS"), "not well-formed XML"),
        (("--packet", "FOLDER"), "holds no alert"),
        (("--json", "/nonexistent/report.json"), "the report cannot be written to"),
    ],
)
def test_what_cannot_be_played(tmp_path: Path, words: tuple[str, str], complaint: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "passwords").write_text("root:x:0:0:root:/root:/bin/bash\n", encoding="utf-8")
    option, value = words
    value = {"PASSWORDS": f"{tmp_path}/passwords", "FOLDER": f"{tmp_path}/folder"}.get(value, value)
    answer = followup("demo", "--state", tmp_path / "state", option, value)
    assert answer.status == 2
    assert complaint in answer.complaint
    assert answer.hint
    assert not (tmp_path / "state").exists()
    assert processes_of(tmp_path) == []


def test_alerts_without_a_position_are_refused_before_anything_starts(tmp_path: Path) -> None:
    alert = shared("packets", "svom", "sb26042105_grm-trigger.xml")
    answer = followup("demo", "--state", tmp_path / "state", "--packet", alert)
    assert answer.status == 2
    assert answer.complaint == f"{alert}: no position is given, so no telescope can be triggered"
    assert not (tmp_path / "state").exists()


def test_an_agent_that_cannot_start_ends_the_demonstration(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "csc-ftp").mkdir(parents=True)
    (state / "csc-ftp" / "journal.sqlite").write_bytes(b"no database, though long enough to be one" * 100)
    answer = run("demo", "--state", state, "--prefect", "none", timeout_s=120)
    assert answer.status == 2
    assert answer.complaint.startswith("the agent of csc-ftp ended: journal ")
    assert "is not a database" in answer.complaint
    assert answer.hint.startswith("this is not a journal")
    assert processes_of(state) == []


def test_indi_devices_take_real_time(tmp_path: Path) -> None:
    answer = followup("demo", "--state", tmp_path / "state", "--devices", "indi", "--time-scale", "160")
    assert (answer.status, answer.complaint) == (2, "INDI devices take real time")
    assert not (tmp_path / "state").exists()


def test_without_indi_the_demonstration_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    answer = followup("demo", "--state", tmp_path / "state", "--devices", "indi")
    assert (answer.status, answer.complaint) == (2, "the program indiserver is not installed")
    assert answer.hint.endswith("apt-get install indi-bin")
    assert not (tmp_path / "state").exists()
