"""Servers that are killed, disks that are really full, lines that are slow or half open."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from agents.ftp_relay.store import host_key_line
from agents.ftp_relay.store_accounts import StoreAccounts
from simulators.network import Proxy
from tests.transfer.disks import small_disk
from tests.transfer.sites import Site, embedded_site, free_port, make_key
from transfer import StoreFullError, TransferError, TransferInterruptedError, build_manifest, upload_dataset
from transfer.session import close_session, open_session

pytestmark = pytest.mark.integration

SIZE = 24_000_000
"""Half of it is more than the kernel holds of a connection whose server is dead: some 10 MB."""


def content(size: int = SIZE, seed: int = 1) -> bytes:
    return hashlib.shake_128(bytes([seed])).digest(size)


def local_file(folder: Path, data: bytes) -> tuple[Path, str]:
    path = folder / "frame.fits"
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


def at_half(deed: Callable[[], object]) -> Callable[[int, int], None]:
    """Do something once, when half of a transfer is done."""
    done = False

    def progress(so_far: int, total: int) -> None:
        nonlocal done
        if so_far > total // 2 and not done:
            done = True
            deed()

    return progress


@contextlib.contextmanager
def killable(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.transfer.server", str(folder), str(port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_embedded_server_is_killed_while_files_come_and_go(tmp_path: Path) -> None:
    folder, port, data = tmp_path / "site", free_port(), content()
    accounts = StoreAccounts(folder / "store", folder / "keys")
    for user in ("csc", "gft-a"):
        accounts.admit(user, make_key(folder / "private" / user))
    local, digest = local_file(tmp_path, data)
    final = folder / "store/gft-a/night/frame.fits"
    target = tmp_path / "got/frame.fits"
    with killable(folder, port) as first:
        site = Site(
            "embedded", port, host_key_line(folder / "host_key"), folder, folder / "store", tmp_path / "-"
        )
        up, down = site.store("gft-a"), site.store("csc")
        with pytest.raises(TransferInterruptedError):
            up.upload(local, "night/frame.fits", sha256=digest, progress=at_half(first.kill))
        assert not final.exists()
    with pytest.raises(TransferError) as caught:
        up.upload(local, "night/frame.fits", sha256=digest)
    assert caught.value.retriable
    told: list[int] = []
    with killable(folder, port) as second:
        up.upload(local, "night/frame.fits", sha256=digest, progress=lambda done, _: told.append(done))
        assert 0 < told[0] < SIZE, "it goes on where it was cut"
        assert final.read_bytes() == data
        with pytest.raises(TransferInterruptedError):
            down.download(
                "gft-a/night/frame.fits",
                target,
                size_bytes=SIZE,
                sha256=digest,
                progress=at_half(second.kill),
            )
        assert not target.exists()
    with killable(folder, port):
        down.download("gft-a/night/frame.fits", target, size_bytes=SIZE, sha256=digest)
    assert target.read_bytes() == data
    site.close()


def test_the_server_of_a_connection_is_killed(site: Site, tmp_path: Path) -> None:
    """With OpenSSH each connection has processes of its own."""
    if site.kind != "sshd":
        pytest.skip("the embedded server is killed as a whole, above")
    local, digest = local_file(tmp_path, content())

    def kill() -> None:
        sessions = {
            c.pid
            for c in psutil.net_connections("tcp")
            if c.laddr and c.laddr.port == site.port and c.status == psutil.CONN_ESTABLISHED and c.pid
        }
        for pid in sessions:
            os.kill(pid, signal.SIGKILL)

    store = site.store("gft-b")
    with pytest.raises(TransferInterruptedError):
        store.upload(local, "killed/frame.fits", sha256=digest, progress=at_half(kill))
    assert [path.name[:12] for path in (site.home("gft-b") / "killed").iterdir()] == [".frame.fits."]
    told: list[int] = []
    store.upload(local, "killed/frame.fits", sha256=digest, progress=lambda done, _: told.append(done))
    assert 0 < told[0] < SIZE
    assert [path.name for path in (site.home("gft-b") / "killed").iterdir()] == ["frame.fits"]
    site.close()  # the shared sessions were killed, too
    site.sessions.clear()


@pytest.mark.parametrize("room", [0, 4096, 1_000_000])
def test_a_full_disk_is_waited_for(tmp_path: Path, room: int) -> None:
    """Full when the folder is to be made, when the file is, and in its middle."""
    with (
        small_disk(tmp_path / "site/store", "8m") as disk,
        embedded_site(tmp_path / "site", reserve_bytes=0) as site,
    ):
        filler = disk.fill(leave=room)
        folder = tmp_path / "data"
        folder.mkdir()
        for number in range(3):
            (folder / f"{number}.fits").write_bytes(content(700_000, number))
        manifest = build_manifest(folder, [f"{n}.fits" for n in range(3)], campaign="sb1.gft-a", dataset="t1")
        store, finished = site.store("gft-a"), set[str]()
        for _ in range(2):
            with pytest.raises(StoreFullError, match="no room") as caught:
                upload_dataset(store, folder, manifest, finished=finished)
            assert "free space on the relay" in caught.value.hint
        whole = sorted(path.name for path in site.home("gft-a").rglob("*") if path.is_file())
        assert whole == sorted(finished), "no part takes the room that others need"
        assert finished == ({"0.fits"} if room == 1_000_000 else set())
        filler.unlink()
        reference = upload_dataset(store, folder, manifest, finished=finished)
        assert (site.home("gft-a") / reference.path).read_bytes() == manifest.to_bytes()
        site.close()


def test_a_full_disk_of_openssh_is_waited_for(site: Site, tmp_path: Path) -> None:
    if site.kind != "sshd":
        pytest.skip("the embedded server has a test of its own")
    store = site.store("gft-full")
    local, digest = local_file(tmp_path, content(1_200_000))
    store.upload(local, "one/frame.fits", sha256=digest)
    other, other_digest = local_file(tmp_path, content(1_200_000, 2))
    for name in ("one", "two"):
        with pytest.raises(StoreFullError, match="no room"):
            store.upload(other, f"{name}/other.fits", sha256=other_digest)
    sftp = open_session(site.settings("gft-full"))
    sftp.remove("one/frame.fits")
    store.upload(other, "two/other.fits", sha256=other_digest)
    sftp.remove("two/other.fits")
    close_session(sftp)


def test_a_slow_line_is_not_a_dead_one(site: Site, tmp_path: Path) -> None:
    """The whole takes much longer than a connection may be silent."""
    local, digest = local_file(tmp_path, content(600_000))
    with closing(Proxy(site.port)) as proxy:
        store = site.store("gft-a", port=proxy.port, stall_timeout_s=1.5)
        proxy.slow(200_000)
        begun = time.monotonic()
        store.upload(local, "slow/frame.fits", sha256=digest)
        assert time.monotonic() - begun > 2.5
        store.close()


def test_a_half_open_connection_is_left_and_the_next_resumes(site: Site, tmp_path: Path) -> None:
    """The server still holds the old connection, with the file open, when the next one comes."""
    local, digest = local_file(tmp_path, content())
    with closing(Proxy(site.port)) as proxy:
        store = site.store("gft-a", port=proxy.port, stall_timeout_s=1.0)
        with pytest.raises(TransferInterruptedError):
            store.upload(local, "half/frame.fits", sha256=digest, progress=at_half(proxy.half_open))
        told: list[int] = []
        store.upload(local, "half/frame.fits", sha256=digest, progress=lambda done, _: told.append(done))
        assert told[0] > 0
        store.close()
    stored = site.home("gft-a") / "half"
    assert [path.name for path in stored.iterdir()] == ["frame.fits"]
    assert hashlib.sha256((stored / "frame.fits").read_bytes()).hexdigest() == digest
