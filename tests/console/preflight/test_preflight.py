"""A telescope set up by the commands, at real servers and before INDI's simulators, looked at as a whole."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.ftp_relay.store import SftpServer, host_key_line
from console.enrolment import relay_store, update
from console.preflight import xmpp
from console.preflight.finding import Verdict
from console.preflight.subject import Subject
from console.servers import free_port
from console.settings import TelescopeSettings, read
from console.simulation import empty_sky, write_sky
from console.site_key import KEY, PUBLIC_KEY, own_key
from console.state import State, agent_lock
from console.tenure import held
from deploy.indiserver import DRIVERS, IndiServer
from followup.clock import WallClock
from messaging.xmpp import XmppSession
from tests.console.cli import child, followup, processes_of, run
from tests.console.preflight.site import looked

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

NAME = "gft-jilin"
SETTINGS = {
    "place.name": "Jilin", "place.latitude_deg": "43.8244", "place.longitude_deg": "126.3306",
    "place.elevation_m": "313.0", "detector.aperture_m": "1.2", "detector.width_px": "1280",
    "detector.height_px": "1024", "detector.pixel_scale_arcsec": "1.19", "detector.gain_e_adu": "1.6",
    "detector.read_noise_e": "5.0", "detector.saturation_adu": "58000.0", "detector.readout_s": "1.0",
    "detector.zero_points.g": "24.1", "detector.zero_points.r": "24.0",
    "indi.slots.g": "1", "indi.slots.r": "2",
}  # fmt: skip


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def indi(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndiServer]:
    server = IndiServer(tmp_path_factory.mktemp("indi"), port=free_port())
    runner.run(server.start())
    yield server
    runner.run(server.stop())


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    """A science centre with its servers; the relay runs."""
    state = State(tmp_path_factory.mktemp("centre"))
    assert run("up", "--state", state.root, "--prefect", "none").status == 0
    try:
        with child("relay", "run", "--state", state.root) as relay:
            heard(relay, "is online")
            yield state
    finally:
        followup("down", "--state", state.root)
        assert processes_of(state.root) == []


def heard(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    assert any(words in line for line in process.stdout), f"{words!r} was not said"


@pytest.fixture(scope="module")
def telescope(centre: State, indi: IndiServer, tmp_path_factory: pytest.TempPathFactory) -> State:
    """A telescope on a computer of its own, set up as docs/operating.md says."""
    there = State(tmp_path_factory.mktemp("observatory"))
    assignments = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    words = ("--state", there.root)
    made = followup("gft", "init", NAME, "--indi", f"127.0.0.1:{indi.port}", *assignments, *words)
    assert made.status == 0, made.err
    folder = there.telescope(NAME)
    write_sky(folder, empty_sky(1))
    public = (folder / PUBLIC_KEY).read_text().strip()
    assert public in made.out
    assert f"followup csc admit {NAME} --key" in made.out
    sent = centre.root / "received.pub"
    shutil.copyfile(folder / PUBLIC_KEY, sent)
    admitted = followup("csc", "admit", NAME, "--key", sent, "--state", centre.root)
    assert admitted.status == 0, admitted.err
    assert not list(centre.root.glob(f"enrolments/*/{KEY}")), "no private key travels"
    taken = followup("gft", "init", NAME, "--enrolment", centre.enrolments / NAME, *words)
    assert (taken.status, "To be filled in" in taken.out) == (0, False), taken.out
    return there


def check(where: State, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    answer = followup("gft", "check", NAME, "--state", where.root, "--json", *words)
    document = json.loads(answer.out)
    return answer.status, {line["check"]: line for line in document["checks"]}


def test_a_telescope_that_is_ready(telescope: State, centre: State, indi: IndiServer) -> None:
    until_topic(telescope)
    status, lines = check(telescope, "--exposure", "0.5")
    failures = [line for line in lines.values() if line["verdict"] == Verdict.FAIL]
    assert (status, failures) == (0, [])
    devices = {"indi", "mount", "camera", "filter_wheel", "dome", "weather_station", "weather"}
    for name in devices | {"settings", "disk", "xmpp", "topic", "sftp", "exposure"}:
        assert lines[name]["verdict"] == Verdict.PASS, lines[name]
    assert lines["sftp"]["values"]["resumed_bytes"] > 0
    assert lines["exposure"]["values"]["kind"] == "dark"
    assert lines["exposure"]["values"]["width"] == 1280
    assert abs(lines["clock"]["values"]["offset_s"]) < 2.0, "one machine has one clock"
    assert list(relay_store(centre.relay).home(NAME).iterdir()) == [], "what was uploaded is removed"
    assert next(iter(lines)) == "settings"


def until_topic(where: State) -> None:
    """The relay makes the topic within a second of the admission."""
    for _ in range(60):
        if check(where, "--only", "xmpp")[1]["topic"]["verdict"] == Verdict.PASS:
            return
    pytest.fail("the relay makes no topic")


def test_for_people_it_is_a_line_each(telescope: State) -> None:
    answer = followup(
        "gft", "check", NAME, "--state", telescope.root, "--only", "strategies", "--only", "prefect"
    )
    assert answer.status == 0
    lines = answer.out.splitlines()
    assert lines[0].startswith("pass     settings        ")
    assert lines[1].startswith("warning  strategies      ")
    assert lines[2].startswith(" " * 25 + "→ ")
    assert lines[3].startswith("skipped  prefect         ")
    assert lines[-1] == "1 passed, 1 to be looked at"
    unknown = followup("gft", "check", NAME, "--state", telescope.root, "--only", "colour")
    assert (unknown.status, "sftp" in unknown.hint) == (2, True)


def test_nothing_that_was_edited_is_overwritten(telescope: State, indi: IndiServer) -> None:
    path = telescope.telescope(NAME) / "site.toml"
    before = path.read_text()
    key = (telescope.telescope(NAME) / KEY).read_bytes()
    path.write_text(before.replace('"Dome Simulator"', '"Our own dome"') + "# ours\n")
    words = ("--state", telescope.root)
    again = followup("gft", "init", NAME, "--indi", f"127.0.0.1:{indi.port}", *words)
    assert "the file says 'Our own dome', which stays" in again.out
    assert path.read_text() == before.replace('"Dome Simulator"', '"Our own dome"') + "# ours\n"
    assert (telescope.telescope(NAME) / KEY).read_bytes() == key
    refused = followup("gft", "init", NAME, "--set", "place.latitude_deg=12", *words)
    assert refused.complaint == f"{path} says place.latitude_deg = 43.8244 already"
    simulated = followup("gft", "simulate", NAME, *words)
    assert "that of a telescope with devices over INDI" in simulated.complaint
    path.write_text(before)


def test_a_running_agent_is_not_disturbed(telescope: State) -> None:
    with held(agent_lock(telescope.telescope(NAME))):
        status, lines = check(telescope, "--only", "devices", "--only", "weather", "--only", "exposure")
    assert status == 0
    assert {line["verdict"] for line in lines.values()} == {Verdict.PASS, Verdict.SKIPPED}
    assert set(lines) == {"settings", "devices", "exposure"}
    assert "is not disturbed" in lines["devices"]["said"]


async def test_bad_weather_is_a_warning(telescope: State, indi: IndiServer) -> None:
    _, station = DRIVERS["weather"]
    await indi.tell(station, "WEATHER_CONTROL", {"Wind": 60.0})
    try:
        found = await looked(telescope.telescope(NAME), "weather")
    finally:
        await indi.tell(station, "WEATHER_CONTROL", {"Wind": 0.0})
    assert found["weather"].verdict is Verdict.WARNING
    assert "wind" in found["weather"].said


# --- what the servers may have against a telescope --------------------------------------------------------


@pytest.fixture
def spoilt(telescope: State, tmp_path: Path) -> Path:
    """A copy of the telescope's folder, to be spoilt."""
    folder = tmp_path / NAME
    shutil.copytree(telescope.telescope(NAME), folder, ignore=shutil.ignore_patterns("run"))
    return folder


def wrong_password(folder: Path) -> None:
    (folder / "password").write_text("guessed")


def open_password(folder: Path) -> None:
    (folder / "password").chmod(0o644)


def no_authority(folder: Path) -> None:
    (folder / "ca.pem").write_text("garbage")


def no_xmpp_server(folder: Path) -> None:
    update(folder, xmpp={"port": free_port()})


def other_domain(folder: Path) -> None:
    update(folder, xmpp={"domain": "example.org"})


def other_key(folder: Path) -> None:
    (folder / KEY).unlink()
    own_key(folder)


def other_host_key(folder: Path) -> None:
    (folder / "relay_host_key.pub").write_text(own_key(folder.parent / "stranger"))


def no_store(folder: Path) -> None:
    update(folder, sftp={"port": free_port()})


@pytest.mark.parametrize(
    ("spoil", "checks", "failing", "words"),
    [
        (wrong_password, ("xmpp", "clock"), "xmpp", "refuses the password"),
        (open_password, ("xmpp",), "xmpp", "can be read by others"),
        (no_authority, ("xmpp",), "xmpp", "no PEM certificate"),
        (no_xmpp_server, ("xmpp", "clock"), "xmpp", "no XMPP server answers"),
        (other_domain, ("xmpp",), "xmpp", "example.org"),
        (other_key, ("sftp",), "sftp", "refuses user gft-jilin with the key"),
        (other_host_key, ("sftp",), "sftp", "host key is SHA256:"),
        (no_store, ("sftp",), "sftp", "cannot reach the store"),
    ],
)
async def test_each_failure_has_its_line(
    spoilt: Path, spoil: Callable[[Path], None], checks: tuple[str, ...], failing: str, words: str
) -> None:
    spoil(spoilt)
    found = await looked(spoilt, *checks)
    assert [name for name, one in found.items() if one.verdict is Verdict.FAIL] == [failing], found
    assert words in found[failing].said
    assert found[failing].advice
    if "clock" in checks:
        assert "tells no time" in found["clock"].said


def _subject(folder: Path) -> Subject:
    return Subject(folder=folder, config=read(TelescopeSettings, folder), agent_pid=None, exposure_s=0.5)


async def test_a_topic_that_is_not_there(
    spoilt: Path, telescope: State, centre: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when no relay has seen the admission yet; and the topic of another telescope is not for this one."""
    monkeypatch.setattr(xmpp, "topic_of", lambda _name: "followup/gft-nobody")
    found = {one.check: one async for one in xmpp.xmpp(_subject(spoilt))}
    assert (found["xmpp"].verdict, found["topic"].verdict) == (Verdict.PASS, Verdict.FAIL)
    assert "is the relay's agent running?" in found["topic"].advice


async def test_an_agent_of_this_name_elsewhere(spoilt: Path) -> None:
    subject = _subject(spoilt)
    agent = XmppSession(xmpp.login(subject), wall=WallClock(), rng=random.Random(1))  # noqa: S311 - jitter
    await agent.open()
    try:
        found = {one.check: one async for one in xmpp.xmpp(subject)}
        assert found["xmpp"].verdict is Verdict.FAIL
        assert "an agent of this name runs already" in found["xmpp"].said
        assert agent.online
        subject.agent_pid = 4711
        found = {one.check: one async for one in xmpp.xmpp(subject)}
        assert found["xmpp"].verdict is Verdict.PASS, "it is the one in this folder"
    finally:
        await agent.close()


async def test_a_store_without_room(spoilt: Path, tmp_path: Path) -> None:
    server = SftpServer(
        tmp_path / "store", tmp_path / "keys", tmp_path / "host_key", 0, reserve_bytes=1 << 60
    )
    server.accounts.admit(NAME, own_key(spoilt))
    await server.start()
    try:
        update(spoilt, sftp={"port": server.port})
        (spoilt / "relay_host_key.pub").write_text(host_key_line(tmp_path / "host_key"))
        found = await looked(spoilt, "sftp")
    finally:
        await server.stop()
    assert found["sftp"].verdict is Verdict.FAIL
    assert "no room" in found["sftp"].said
