"""No secret is in a log, an error, a process list, an environment, or a file that others can read."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from console import settings
from console.control import ask
from console.enrolment import admit_telescope, make_centre
from console.servers import embedded
from console.settings import CscSettings
from console.state import State
from console.store_login import sftp_settings
from followup.errors import FollowupError
from followup.names import CSC
from tests.console.cli import Answer, child, followup, interrupt, processes_of, run
from transfer.errors import AuthenticationRefusedError
from transfer.session import close_session, open_session

pytestmark = pytest.mark.integration

GUESS = "a-guess-that-nobody-should-read"
ONLINE_S = 60.0
_KEEPERS = {"password", "id_ed25519", "host_key", "ca.key", "server.key", "authority.key"}


@dataclass
class Scene:
    """A state with everything running in it, and all that was said."""

    state: State
    secrets: dict[str, bytes] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def learn(self) -> None:
        """Take note of every secret there is now: passwords, and the inside of private keys."""
        for path in self.state.root.rglob("*"):
            if not path.is_file() or path.is_symlink():
                continue
            raw = path.read_bytes()
            if path.name == "password":
                self.secrets[f"{path} {raw[:4]!r}"] = raw.strip()
            elif b"PRIVATE KEY" in raw:
                # A line from the middle, where the key itself is.
                lines = [line for line in raw.splitlines() if b"-----" not in line]
                self.secrets[f"{path}"] = lines[len(lines) // 2]

    def found_in(self, raw: bytes) -> list[str]:
        return [name for name, secret in self.secrets.items() if secret in raw]


def answered(state: State, site: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + ONLINE_S
    while True:
        try:
            if asyncio.run(ask(state.root / site, "status"))["connected"]:
                return
        except FollowupError:
            assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Servers, a relay and a science centre that log all they can; logins that fail; secrets that change."""
    scene = Scene(State(tmp_path_factory.mktemp("scene") / "state"))
    state = scene.state
    with asyncio.Runner() as runner:
        context = embedded(state, prefect="none")
        servers = runner.run(context.__aenter__())
        runner.run(make_centre(state, servers))
        for _ in range(2):  # the second time the telescope gets other secrets
            runner.run(admit_telescope(state, servers.prosody, "gft-spm"))
            scene.learn()
        scene.secrets["guess"] = GUESS.encode()
        words = ("--state", state.root, "--verbose")
        with child("relay", "run", *words) as relay, child("csc", "run", *words) as csc:
            answered(state, "csc-ftp", relay)
            answered(state, CSC, csc)
            scene.said.append(str(_processes(state)))
            scene.said += [_text(one) for one in _failures(state)]
            scene.said.append(followup("status", "--state", state.root, "--json").out)
            for process in (csc, relay):
                ended = interrupt(process)
                assert ended.status == 0
                scene.said.append(_text(ended))
        runner.run(context.__aexit__(None, None, None))
    yield scene
    assert processes_of(state.root) == []


def _text(answer: Answer) -> str:
    return answer.out + answer.err


def _processes(state: State) -> list[tuple[list[str], dict[str, str]]]:
    """Command lines and environments of all processes that work here."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if any(str(state.root) in word for word in words):
                found.append((words, process.environ()))
    assert len(found) >= 3, "the server and two agents"
    return found


def _failures(state: State) -> Iterator[Answer]:
    """Logins that fail, and what is said about them."""
    guessing = State(state.root.parent / "guessing")
    shutil.copytree(state.csc, guessing.csc, ignore=shutil.ignore_patterns("run", "*.sqlite*", "log*"))
    (guessing.csc / "password").write_text(GUESS)
    refused = run("csc", "run", "--state", guessing.root, "--verbose")
    assert "refuses the password" in refused.err
    yield refused
    yield Answer(status=0, out=(guessing.csc / "log.jsonl").read_text(), err="")
    shutil.rmtree(guessing.root)

    config = settings.read(CscSettings, state.csc)
    login = sftp_settings(state.csc, "gft-spm", config.sftp)  # the centre's key under a telescope's name
    with pytest.raises(AuthenticationRefusedError) as caught:
        close_session(open_session(login))
    yield Answer(status=2, out="", err=f"{caught.value} {caught.value.hint} {login!r}")


def test_there_are_secrets_to_be_kept(scene: Scene) -> None:
    assert len(scene.secrets) >= 10
    assert all(len(secret) >= 24 for secret in scene.secrets.values())
    assert scene.found_in(b"xx" + next(iter(scene.secrets.values())) + b"yy")


def test_no_secret_was_said(scene: Scene) -> None:
    for text in scene.said:
        assert scene.found_in(text.encode()) == []
        assert "BEGIN OPENSSH PRIVATE KEY" not in text


def test_no_secret_is_in_a_file_but_its_own(scene: Scene) -> None:
    logs = 0
    for path in scene.state.root.rglob("*"):
        if path.is_file() and path.name not in _KEEPERS and path.parent.name != "accounts":
            assert scene.found_in(path.read_bytes()) == [], path
            logs += "log" in path.name
    assert logs >= 3, "the agents' and the server's logs were looked at"


def test_who_else_may_read_what(scene: Scene) -> None:
    root = scene.state.root
    for path in (root, *root.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.is_symlink():
            continue
        assert not mode & 0o022, f"{path} can be written by others"
        if path.is_file() and scene.found_in(path.read_bytes()):
            assert not mode & 0o077, f"{path} can be read by others"
    for folder in (
        root / CSC,
        root / "csc-ftp",
        root / "servers" / "prosody",
        root / "enrolments" / "gft-spm",
    ):
        assert not stat.S_IMODE(folder.stat().st_mode) & 0o077, folder
    assert not stat.S_IMODE((root / CSC / "site.toml").stat().st_mode) & 0o077, (
        "an archive's URL may be secret"
    )


def test_the_server_does_not_know_the_passwords(scene: Scene) -> None:
    """It keeps what SCRAM needs, from which no password can be had."""
    raw = (scene.state.servers / "prosody" / "prosody.sqlite").read_bytes()
    assert b"stored_key" in raw
    assert scene.found_in(raw) == []


def test_secrets_have_no_place_in_what_is_printed_of_settings(scene: Scene) -> None:
    from messaging.xmpp import XmppSettings  # noqa: PLC0415 - for this test alone

    shown = repr(
        XmppSettings(host="h", port=1, domain="d", user="csc", password=GUESS, ca_file=Path("ca.pem"))
    )
    assert GUESS not in shown
