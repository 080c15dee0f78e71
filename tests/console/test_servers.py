"""``followup up``, ``down``, ``status``, ``csc admit`` and ``revoke`` with a real Prosody."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from console import settings
from console.commands.options import command
from console.servers import embedded, ports_of, running
from console.settings import TelescopeSettings
from console.state import State
from deploy.errors import PortInUseError, ProgramMissingError
from followup.clock import WallClock
from followup.errors import ConfigurationError
from messaging.session import SessionRefusedError
from messaging.xmpp import XmppSession, XmppSettings
from tests.console.cli import busy_port, followup, processes_of, run

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    """Servers that `up` started; no test of this module ends them for good."""
    state = State(tmp_path_factory.mktemp("up") / "state")
    started = run("up", "--state", state.root, "--prefect", "none")
    assert (started.status, started.err) == (0, "")
    assert f"followup relay run --state {state.root}" in started.out
    yield state
    assert run("down", "--state", state.root).status == 0
    assert processes_of(state.root) == []


def test_what_up_makes_is_there_when_it_returns(up: State) -> None:
    assert (up.csc / "site.toml").is_file()
    assert (up.relay / "site.toml").is_file()
    answer = followup("status", "--state", up.root, "--json")
    document = json.loads(answer.out)
    assert psutil.Process(document["servers"]["prosody"]).name().startswith("lua")
    assert {name: site["pid"] for name, site in document["sites"].items()} == {"csc": None, "csc-ftp": None}
    listed = followup("status", "--state", up.root)
    assert (listed.status, listed.err) == (0, "")
    assert f"servers: servers {document['servers']['servers']}, prosody" in listed.out


def test_a_second_up_leaves_the_first_alone(up: State) -> None:
    before = running(up)
    answer = followup("up", "--state", up.root, "--xmpp-port", "15222")
    assert answer.status == 2
    assert before is not None
    assert answer.complaint == f"the servers of {up.root} run already (process {before['pid']})"
    assert running(up) == before
    assert ports_of(up).xmpp != 15222


def test_a_demonstration_does_not_take_them_over(up: State) -> None:
    answer = followup("demo", "--state", up.root)
    assert answer.status == 2
    assert "holds a demonstration already" in answer.complaint


def test_a_telescope_is_let_in_and_thrown_out(up: State) -> None:
    name = "gft-xinglong"
    admitted = followup("csc", "admit", name, "--state", up.root)
    assert (admitted.status, admitted.err) == (0, "")
    assert f"followup gft simulate {name} --state {up.root}" in admitted.out
    assert json.loads(followup("csc", "telescopes", "--state", up.root, "--json").out) == [name]
    simulated = followup("gft", "simulate", name, "--state", up.root)
    assert (simulated.status, simulated.err) == (0, "")
    asyncio.run(log_in(up, name))
    revoked = followup("csc", "revoke", name, "--state", up.root)
    assert (revoked.status, revoked.err) == (0, "")
    with pytest.raises(SessionRefusedError, match="refuses the password"):
        asyncio.run(log_in(up, name))
    again = followup("csc", "revoke", name, "--state", up.root)
    assert again.status == 2
    assert again.complaint == f"{name} is not enrolled here"
    assert "none yet" in followup("csc", "telescopes", "--state", up.root).out


async def log_in(state: State, name: str) -> None:
    folder = state.telescope(name)
    xmpp = settings.read(TelescopeSettings, folder).xmpp
    session = XmppSession(
        XmppSettings(
            host=xmpp.host,
            port=xmpp.port,
            domain=xmpp.domain,
            user=name,
            password=settings.secret(folder / xmpp.password_file),
            ca_file=folder / xmpp.ca_file,
        ),
        wall=WallClock(),
        rng=random.Random(1),  # noqa: S311 - jitter
    )
    try:
        await session.open()
    finally:
        await session.close()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("csc", "admit", "xinglong"), "not a telescope's name"),
        (("csc", "revoke", "gft-nobody"), "gft-nobody is not enrolled here"),
        (("gft", "simulate", "gft-nobody", "--model", "gft-spm"), "is not an enrolment"),
        (("gft", "simulate", "gft-nobody"), "no telescope named 'gft-nobody' can be simulated"),
        (("gft", "run", "nobody"), "not a telescope's name"),
        (("gft", "run", "gft-nobody"), "gft-nobody is not set up"),
    ],
)
def test_telescopes_that_are_none(up: State, words: tuple[str, ...], complaint: str) -> None:
    answer = followup(*words, "--state", up.root)
    assert answer.status == 2
    assert complaint in answer.complaint
    assert answer.hint
    assert not (up.root / "gft-nobody").exists()


def test_servers_that_were_killed_start_again_on_the_same_ports(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    assert run("up", "--state", state.root, "--prefect", "none").status == 0
    before = running(state)
    assert before is not None
    psutil.Process(before["pid"]).kill()
    psutil.wait_procs([psutil.Process(before["prosody"])] if psutil.pid_exists(before["prosody"]) else [], 10)
    assert processes_of(state.root) == []
    # What the killed process wrote down of itself counts for nothing, whoever has its number now.
    assert running(state) is None
    assert followup("status", "--state", state.root).out.startswith("the embedded servers of")
    ports = ports_of(state)
    with busy_port() as port:
        taken = run("up", "--state", state.root, "--prefect", "none", "--xmpp-port", str(port))
        assert taken.status == 2
        assert f"Prosody cannot listen on 127.0.0.1 port {port}" in taken.complaint
        assert "choose another port" in taken.hint
        assert processes_of(state.root) == []
    # The failure is not in the way of the next try.
    assert run("up", "--state", state.root, "--prefect", "none").status == 0
    assert ports_of(state) == ports
    assert followup("down", "--state", state.root).out == "the servers have ended\n"
    assert processes_of(state.root) == []
    assert "are running" in followup("down", "--state", state.root).out


async def start(state: Path, *, prefect: str = "none", wanted: dict[str, int] | None = None) -> None:
    async with embedded(State(state), prefect=prefect, wanted=wanted):
        pass


def test_a_port_that_prefect_cannot_have(tmp_path: Path) -> None:
    with busy_port() as port, pytest.raises(PortInUseError, match=f"Prefect cannot listen .* port {port}"):
        asyncio.run(start(tmp_path, prefect="embedded", wanted={"prefect": port}))
    assert processes_of(tmp_path) == []
    assert running(State(tmp_path)) is None


@pytest.mark.parametrize("url", ["somewhere", "ftp://prefect.example.org"])
def test_a_prefect_server_that_is_none(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{url}' is no Prefect server"):
        asyncio.run(start(tmp_path, prefect=url))
    assert processes_of(tmp_path) == []
    assert running(State(tmp_path)) is None


@pytest.mark.parametrize("missing", ["prosody", "setpriv"])
def test_a_program_that_is_not_installed(
    tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **more: None if name == missing else find(name, **more))
    with pytest.raises(ProgramMissingError, match=f"the program {missing} is not installed") as error:
        asyncio.run(start(tmp_path))
    assert "apt-get install" in error.value.hint
    assert processes_of(tmp_path) == []
    assert running(State(tmp_path)) is None


def test_two_starts_at_once_are_one(tmp_path: Path) -> None:
    async def start_twice() -> None:
        async with embedded(State(tmp_path), prefect="none"), embedded(State(tmp_path), prefect="none"):
            pass

    with pytest.raises(ConfigurationError, match=f"run already .process {os.getpid()}."):
        asyncio.run(start_twice())
    assert processes_of(tmp_path) == []


def test_a_state_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("x", encoding="utf-8")
    for words in (("up",), ("demo",)):
        answer = followup(*words, "--state", tmp_path / "state")
        assert answer.status == 2
        assert answer.complaint.startswith(f"{tmp_path / 'state'}")
        assert "give another path" in answer.hint
    assert followup("status", "--state", tmp_path / "none").complaint == f"{tmp_path / 'none'} does not exist"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if made.returncode != 0:
        pytest.skip("file systems can be mounted by root only")
    yield folder
    run("down", "--state", folder / "state")
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    state = small_disk / "state"
    full = run("up", "--state", state, "--prefect", "none")
    assert full.status == 2
    assert full.complaint
    assert "make room" in full.hint or "free space" in full.hint
    assert processes_of(state) == []
    subprocess.run(["mount", "-o", "remount,size=2m", str(small_disk)], check=True)
    assert run("up", "--state", state, "--prefect", "none").status == 0
    with (small_disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))
    admitted = followup("csc", "admit", "gft-spm", "--state", state)
    assert admitted.status == 2
    assert "No space left" in admitted.complaint
    assert followup("csc", "telescopes", "--state", state, "--json").out == "[]\n"
    agent = run("csc", "run", "--state", state)
    assert (agent.status, agent.hint) == (2, "make room on that disk, and try again")
    (small_disk / "filler").unlink()
    assert followup("csc", "admit", "gft-spm", "--state", state).status == 0


def test_commands_are_spelt_so_that_they_find_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command(State(Path("/s")), "up") == "followup up --state /s"
    monkeypatch.setenv("FOLLOWUP_STATE", "/s")
    assert command(State(Path("/s")), "up") == "followup up"
