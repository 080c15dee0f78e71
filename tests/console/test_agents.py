"""Agents that cannot do their work: one line each, and nothing half done."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console.control import ask
from console.enrolment import make_centre
from console.run_csc import run_csc
from console.servers import HOST, embedded, ports_of
from console.state import State
from deploy.ca import open_authority
from followup.errors import FollowupError
from tests.console.centre import make_centre as make_archive
from tests.console.cli import busy_port, child, interrupt, run

pytestmark = pytest.mark.integration

ONLINE_S = 40.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    """A running XMPP server, and the folders of a centre and a relay whose agents do not run."""
    state = State(tmp_path_factory.mktemp("site"))
    with asyncio.Runner() as runner:
        context = embedded(state, prefect="none")
        servers = runner.run(context.__aenter__())
        runner.run(make_centre(state, servers))
        yield state
        runner.run(context.__aexit__(None, None, None))


@pytest.fixture
def copy(site: State, tmp_path: Path) -> State:
    """The centre's folder as on another computer: the same account, the same server."""
    state = State(tmp_path / "elsewhere")
    shutil.copytree(site.csc, state.csc, ignore=shutil.ignore_patterns("run", "*.sqlite*", "log*"))
    return state


def wrong_password(csc: Path) -> None:
    (csc / "password").write_text("guessed", encoding="utf-8")


def no_password(csc: Path) -> None:
    (csc / "password").unlink()


def open_password(csc: Path) -> None:
    (csc / "password").chmod(0o644)


def wrong_authority(csc: Path) -> None:
    other = open_authority(csc / "other", now=datetime.now(UTC))
    shutil.copyfile(other.certificate, csc / "ca.pem")


def no_certificate(csc: Path) -> None:
    (csc / "ca.pem").write_text("garbage", encoding="utf-8")


def no_host_key(csc: Path) -> None:
    (csc / "relay_host_key.pub").unlink()


def no_key(csc: Path) -> None:
    (csc / "id_ed25519").write_text("garbage", encoding="utf-8")


def unknown_setting(csc: Path) -> None:
    path = csc / "site.toml"
    path.write_text("colour = 'red'\n" + path.read_text(encoding="utf-8"), encoding="utf-8")


def newer_journal(csc: Path) -> None:
    with sqlite3.connect(csc / "journal.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def damaged_journal(csc: Path) -> None:
    (csc / "journal.sqlite").write_bytes(b"no database at all, though long enough to be one" * 100)


def newer_archive(csc: Path) -> None:
    make_archive(csc.parent / "another")
    shutil.copyfile(csc.parent / "another" / "csc" / "archive.sqlite", csc / "archive.sqlite")
    with sqlite3.connect(csc / "archive.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "complaint", "hint"),
    [
        (wrong_password, "refuses the password of csc@followup.localhost", "admit the site again"),
        (wrong_authority, "does not verify for followup.localhost", "get the authority's certificate"),
    ],
)
def test_an_agent_that_the_server_will_not_have(
    copy: State, spoil: Callable[[Path], None], complaint: str, hint: str
) -> None:
    spoil(copy.csc)
    answer = run("csc", "run", "--state", copy.root)
    assert answer.status == 2
    assert complaint in answer.complaint
    assert hint in answer.hint
    # What libraries have to say is in the log file.
    assert "Traceback" not in answer.out


@pytest.mark.parametrize(
    ("spoil", "complaint", "hint"),
    [
        (no_password, "password: No such file or directory", "copy it from the enrolment"),
        (open_password, "password can be read by others", "chmod 600"),
        (no_certificate, "no PEM certificate in it", "get it from the science centre again"),
        (no_host_key, "relay_host_key.pub: No such file or directory", "copy it from the enrolment"),
        (no_key, "id_ed25519: is not a private key without passphrase", "give it a key of its own"),
        (unknown_setting, "site.toml, line 1: colour: there is no such setting here", "there are authority"),
        (newer_journal, "was written by another version of this program", "run the version"),
        (damaged_journal, "file is not a database", "not a journal"),
        (newer_archive, "is of a newer version (9999) than this program", "update followup"),
    ],
)
def test_what_keeps_an_agent_from_its_work(
    copy: State, spoil: Callable[[Path], None], complaint: str, hint: str
) -> None:
    spoil(copy.csc)
    with pytest.raises(FollowupError) as error:
        asyncio.run(run_csc(copy.csc))
    assert complaint in str(error.value)
    assert hint in error.value.hint


def online(process: subprocess.Popen[str], folder: Path) -> None:
    """Wait until an agent answers on its socket."""
    deadline = time.monotonic() + ONLINE_S
    while True:
        try:
            asyncio.run(ask(folder, "status"))
        except FollowupError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def heard(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    pytest.fail(f"{words!r} was not said")


def test_the_second_agent_of_a_name_leaves_and_the_first_stays(site: State, copy: State) -> None:
    with child("csc", "run", "--state", site.root) as first:
        heard(first, "csc is online")
        same_folder = run("csc", "run", "--state", site.root)
        assert same_folder.status == 2
        assert same_folder.complaint == f"the agent of csc runs already on {site.csc} (process {first.pid})"
        elsewhere = run("csc", "run", "--state", copy.root)
        assert elsewhere.status == 2
        assert "another agent is already running as csc@followup.localhost/followup" in elsewhere.complaint
        standing: dict[str, Any] = asyncio.run(ask(site.csc, "status"))
        assert standing["pid"] == first.pid
        assert first.poll() is None
        ended = interrupt(first)
    assert (ended.status, ended.err) == (0, "")
    assert "csc ends" in ended.out
    assert not (site.csc / "run" / "control.sock").exists()


def test_a_killed_agent_is_no_obstacle(copy: State) -> None:
    """The next one can start at once, although the server still holds the connection of the killed one."""
    with child("csc", "run", "--state", copy.root) as first:
        connected(first, copy.csc)
        first.kill()
        first.wait()
    with child("csc", "run", "--state", copy.root) as second:
        connected(second, copy.csc)
        assert interrupt(second).status == 0


def test_the_stores_port_is_taken(site: State) -> None:
    port = ports_of(site).sftp
    with busy_port(port):
        answer = run("relay", "run", "--state", site.root)
    assert answer.status == 2
    assert answer.complaint == f"SFTP store: port {port} on {HOST} is in use"
    assert "site.toml" in answer.hint


def test_without_a_server_an_agent_says_so_and_waits(copy: State) -> None:
    with busy_port() as port:
        pass
    with child("csc", "run", "--state", copy.root, FOLLOWUP_XMPP__PORT=str(port)) as agent:
        heard(agent, f"no XMPP server answers at 127.0.0.1:{port}")
        online(agent, copy.csc)
        ended = interrupt(agent)
    assert (ended.status, ended.err) == (0, "")


def connected(process: subprocess.Popen[str], folder: Path) -> None:
    """Wait until an agent is connected to its XMPP server."""
    deadline = time.monotonic() + ONLINE_S
    online(process, folder)
    while not asyncio.run(ask(folder, "status"))["connected"]:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_an_agent_that_hangs_is_named_and_can_be_replaced(site: State, copy: State) -> None:
    """On the same folder nobody takes over: two would write one journal. Elsewhere the silent one loses."""
    with child("csc", "run", "--state", site.root) as first:
        connected(first, site.csc)
        first.send_signal(signal.SIGSTOP)
        same_folder = run("csc", "run", "--state", site.root)
        assert same_folder.status == 2
        assert f"(process {first.pid}), and has not answered for 5 s" in same_folder.complaint
        assert f"kill -9 {first.pid}" in same_folder.hint
        with child("csc", "run", "--state", copy.root) as second:
            connected(second, copy.csc)
            first.send_signal(signal.SIGCONT)
            _, err = first.communicate(timeout=ONLINE_S)
            assert first.returncode == 2
            assert "took this one's place" in err
            assert asyncio.run(ask(copy.csc, "status"))["connected"]
            assert interrupt(second).status == 0
