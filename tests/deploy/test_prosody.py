"""Prosody as a child process: these tests start real ones, on free ports."""

import asyncio
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from deploy.ca import open_authority, server_certificate
from deploy.errors import DeployError, PortInUseError, ProgramMissingError, ServerFailedError
from deploy.prosody import Prosody

pytestmark = pytest.mark.integration

DOMAIN = "followup.test"
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def embedded(folder: Path, port: int | None = None) -> Prosody:
    now = datetime.now(UTC)
    authority = open_authority(folder / "ca", now=now)
    certificate = server_certificate(authority, folder / "tls", (DOMAIN, f"pubsub.{DOMAIN}"), now=now)
    return Prosody.embedded(
        folder / "prosody",
        domain=DOMAIN,
        port=port or free_port(),
        certificate=certificate.certificate,
        key=certificate.key,
    )


@pytest.fixture
async def prosody(tmp_path: Path) -> AsyncIterator[Prosody]:
    server = embedded(tmp_path)
    yield server
    await server.stop()


def accounts(prosody: Prosody) -> set[str]:
    listed = subprocess.run(
        ["prosodyctl", "--config", prosody.config.data / "prosody.cfg.lua", "shell", "user", "list", DOMAIN],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return {line for line in listed.stdout.split() if "@" in line}


async def test_it_starts_answers_and_stops(prosody: Prosody) -> None:
    await prosody.start()
    pid = prosody.pid
    assert pid is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", prosody.config.port)
    writer.write(f"<stream:stream to='{DOMAIN}' xmlns='jabber:client'".encode())
    writer.write(b" xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")
    assert b"starttls" in await reader.readuntil(b"</stream:features>")
    writer.close()
    await writer.wait_closed()
    with pytest.raises(DeployError, match=f"already runs with process id {pid}"):
        await prosody.start()
    await prosody.stop()
    assert prosody.pid is None
    assert not psutil.pid_exists(pid)
    await prosody.start()  # and again, on the same port and data


async def test_a_long_path_of_the_state_folder_does_not_hinder(tmp_path: Path) -> None:
    prosody = embedded(tmp_path / "a-folder-whose-name-is-long" / ("x" * 120))
    await prosody.start()
    try:
        await prosody.add_account("csc")
        await prosody.remove_account("csc")
    finally:
        await prosody.stop()


async def test_accounts_come_and_go_while_it_runs(prosody: Prosody) -> None:
    await prosody.start()
    first = await prosody.add_account("gft-x")
    assert len(first) >= 32
    assert await prosody.add_account("csc") != first
    assert accounts(prosody) == {f"gft-x@{DOMAIN}", f"csc@{DOMAIN}"}
    assert await prosody.add_account("gft-x") != first  # a new password
    await prosody.remove_account("gft-x")
    await prosody.remove_account("gft-x")
    assert accounts(prosody) == {f"csc@{DOMAIN}"}


async def test_its_store_writes_ahead(prosody: Prosody) -> None:
    """Otherwise each item of a topic waits for the disk several times."""
    await prosody.start()
    await prosody.add_account("gft-x")
    store = prosody.config.data / "prosody.sqlite"
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_another_process_removes_accounts_through_the_running_server(
    prosody: Prosody, monkeypatch: pytest.MonkeyPatch
) -> None:
    await prosody.start()
    await prosody.add_account("gft-x")
    command = Prosody(prosody.config)  # as `followup csc revoke` has it: it did not start the server
    asked = []
    control = command._control

    async def listen(*arguments: str, stdin: str = "") -> tuple[int, str]:
        asked.append(arguments[0])
        return await control(*arguments, stdin=stdin)

    monkeypatch.setattr(command, "_control", listen)
    await command.remove_account("gft-x")
    assert asked == ["shell"]  # the one way that ends the account's connections, too
    assert accounts(prosody) == set()
    prosody_pid = prosody.pid
    assert prosody_pid is not None
    os.kill(prosody_pid, signal.SIGKILL)  # leaves its socket behind
    await prosody.stop()
    await command.add_account("gft-x")
    await command.remove_account("gft-x")
    await prosody.start()
    assert accounts(prosody) == set()


async def test_accounts_come_and_go_while_it_is_down(prosody: Prosody) -> None:
    assert prosody.accounts() == frozenset()
    await prosody.add_account("gft-x")
    assert await prosody.add_account("csc", password="the same again") == "the same again"
    assert prosody.accounts() == {"csc", "gft-x"}
    await prosody.remove_account("gft-x")
    await prosody.remove_account("gft-x")
    await prosody.start()
    assert accounts(prosody) == {f"csc@{DOMAIN}"}
    assert prosody.accounts() == {"csc"}


@pytest.mark.parametrize("user", ["", "gft x", "--help", "a@b", "Gft-x", "x/y"])
async def test_what_is_no_user_is_refused(prosody: Prosody, user: str) -> None:
    with pytest.raises(DeployError, match="cannot be a user's name"):
        await prosody.add_account(user)
    with pytest.raises(DeployError, match="cannot be a user's name"):
        await prosody.remove_account(user)


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        prosody = embedded(tmp_path, port=taken.getsockname()[1])
        with pytest.raises(PortInUseError, match=rf"127\.0\.0\.1 port {prosody.config.port}") as caught:
            await prosody.start()
    assert caught.value.hint
    assert prosody.pid is None


async def test_a_missing_program_is_named(prosody: Prosody, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(ProgramMissingError, match="prosody is not installed") as caught:
        await prosody.start()
    assert "apt-get install prosody" in caught.value.hint
    with pytest.raises(ProgramMissingError, match="prosodyctl is not installed"):
        await prosody.add_account("csc")


async def test_a_broken_store_is_told_before_anybody_fails_to_log_in(prosody: Prosody) -> None:
    prosody.config.data.mkdir(parents=True)
    (prosody.config.data / "prosody.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(ServerFailedError, match=r"not usable: .*database") as caught:
        await prosody.start()
    assert str(prosody.config.log) in caught.value.hint
    assert prosody.pid is None


async def test_a_missing_certificate_is_told(prosody: Prosody) -> None:
    prosody.config.certificate.unlink()
    with pytest.raises(ServerFailedError, match=r"server\.pem"):
        await prosody.start()


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "prosody").write_text("a file")
    with pytest.raises(DeployError, match="cannot write"):
        await embedded(tmp_path).start()


async def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_prosody import embedded\n"
        "async def main():\n"
        "    server = embedded(Path(sys.argv[1]))\n"
        "    await server.start()\n"
        "    print(server.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, tmp_path,
        stdout=asyncio.subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert parent.stdout is not None
    async with asyncio.timeout(20):
        child = psutil.Process(int(await parent.stdout.readline()))
    assert child.is_running()
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    # The kernel's signal asks it to end; it closes its database first.
    await asyncio.to_thread(psutil.wait_procs, [child], 5)
    assert not child.is_running()
