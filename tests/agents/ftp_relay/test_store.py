"""What only the embedded SFTP server does; what every store does is in the contract suite of transfer."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.ftp_relay import store_view
from agents.ftp_relay.store import SftpServer, host_key_line
from followup.errors import ConfigurationError
from tests.transfer.sites import Site, embedded_site, make_key
from transfer import AuthenticationRefusedError, StoreFullError, TransferError, TransferInterruptedError
from transfer.session import close_session, open_session

pytestmark = pytest.mark.integration


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with embedded_site(tmp_path / "site") as site:
        yield site
        site.close()


def local_file(folder: Path, data: bytes) -> tuple[Path, str]:
    path = folder / "frame.fits"
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


def test_admitting_works_while_it_runs(site: Site, tmp_path: Path) -> None:
    local, digest = local_file(tmp_path, b"x")
    public = make_key(site.key("gft-new"))
    with pytest.raises(AuthenticationRefusedError):
        site.store("gft-new").upload(local, "frame.fits", sha256=digest)
    site.accounts.admit("gft-new", public)
    site.store("gft-new").upload(local, "frame.fits", sha256=digest)
    assert (site.home("gft-new") / "frame.fits").read_bytes() == b"x"
    # A second admission replaces the key.
    old = site.key("gft-new").read_bytes()
    site.accounts.admit("gft-new", make_key(site.key("gft-new")))
    site.store("gft-new").upload(local, "frame2.fits", sha256=digest)
    site.key("gft-new").write_bytes(old)
    with pytest.raises(AuthenticationRefusedError):
        site.store("gft-new").upload(local, "frame3.fits", sha256=digest)


def test_revoking_ends_the_connection_and_keeps_the_data(site: Site, tmp_path: Path) -> None:
    local, digest = local_file(tmp_path, b"x")
    store, other = site.store("gft-a"), site.store("gft-b")
    store.upload(local, "frame.fits", sha256=digest)
    other.upload(local, "frame.fits", sha256=digest)
    site.accounts.revoke("gft-a")
    deadline = time.monotonic() + 10
    while True:
        assert time.monotonic() < deadline, "the connection outlived the revocation"
        try:
            store.upload(local, "frame.fits", sha256=digest)
        except AuthenticationRefusedError:
            break
        except TransferInterruptedError:
            continue
        time.sleep(0.05)
    other.upload(local, "frame.fits", sha256=digest)
    assert (site.home("gft-a") / "frame.fits").read_bytes() == b"x"


def test_the_disks_reserve_is_kept(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path)
    with embedded_site(tmp_path / "site", reserve_bytes=free.f_frsize * free.f_blocks) as site:
        local, digest = local_file(tmp_path, b"x" * 1000)
        (site.home("gft-a") / "old.fits").write_bytes(b"x" * 1000)
        with pytest.raises(StoreFullError, match="no room") as caught:
            site.store("gft-a").upload(local, "frame.fits", sha256=digest)
        assert "kept free" in str(caught.value)
        assert "free space on the relay" in caught.value.hint
        assert [path.name for path in site.home("gft-a").iterdir()] == ["old.fits"]
        # Reading goes on.
        site.store("csc").download("gft-a/old.fits", tmp_path / "got", size_bytes=1000, sha256=digest)
        site.close()


def test_a_slow_disk_holds_up_nobody_else(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncing, go_on = threading.Event(), threading.Event()

    def slow_fsync(_: int) -> None:
        syncing.set()
        go_on.wait(30)

    monkeypatch.setattr(store_view.os, "fsync", slow_fsync)
    local, digest = local_file(tmp_path, b"x")
    upload = threading.Thread(target=lambda: site.store("gft-a").upload(local, "frame.fits", sha256=digest))
    upload.start()
    try:
        assert syncing.wait(10)
        assert site.raw("gft-b").listdir("/") == []
        assert not (site.home("gft-a") / "frame.fits").exists()
    finally:
        go_on.set()
        upload.join(10)
    assert (site.home("gft-a") / "frame.fits").exists()


async def test_it_comes_back_on_the_same_port_with_the_same_key(tmp_path: Path) -> None:
    folder = tmp_path
    server = SftpServer(folder / "store", folder / "keys", folder / "secret" / "host_key", 0)
    await server.start()
    port = server.port
    mode = (folder / "secret" / "host_key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    line = host_key_line(folder / "secret" / "host_key")
    assert line.startswith("ssh-ed25519 ")
    server.accounts.admit("gft-a", make_key(folder / "private" / "gft-a"))
    site = Site("embedded", port, line, folder, folder / "store", folder)
    data = b"x" * 3_000_000
    local, digest = local_file(tmp_path, data)
    store = site.store("gft-a")
    cut = asyncio.Event()
    loop = asyncio.get_running_loop()

    def progress(done: int, total: int) -> None:
        if done > total // 2:
            loop.call_soon_threadsafe(cut.set)

    upload = asyncio.create_task(
        asyncio.to_thread(store.upload, local, "frame.fits", sha256=digest, progress=progress)
    )
    await asyncio.wait_for(cut.wait(), 10)
    await server.stop()
    try:
        await upload
    except TransferError as error:
        assert error.retriable  # noqa: PT017  # or it was faster than the stop
    again = SftpServer(folder / "store", folder / "keys", folder / "secret" / "host_key", port)
    await again.start()
    try:
        await asyncio.to_thread(store.upload, local, "frame.fits", sha256=digest)
    finally:
        await again.stop()
        site.close()
    assert (folder / "store" / "gft-a" / "frame.fits").read_bytes() == data


async def test_stop_ends_connections_and_the_thread(tmp_path: Path) -> None:
    server = SftpServer(tmp_path / "store", tmp_path / "keys", tmp_path / "host_key", 0)
    await server.start()
    server.accounts.admit("gft-a", make_key(tmp_path / "private" / "gft-a"))
    site = Site("embedded", server.port, host_key_line(tmp_path / "host_key"), tmp_path, tmp_path, tmp_path)
    sftp = await asyncio.to_thread(open_session, site.settings("gft-a"))
    await server.stop()
    assert "sftp-store" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(Exception, match=r".") as caught:
        await asyncio.to_thread(sftp.listdir, ".")
    assert caught.type is not AssertionError
    close_session(sftp)
    await server.stop()  # twice is nothing


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = SftpServer(tmp_path / "store", tmp_path / "keys", tmp_path / "host_key", port)
        with pytest.raises(ConfigurationError, match=f"port {port}.*in use") as caught:
            await server.start()
        assert "set another sftp_port" in caught.value.hint
        await server.stop()


async def test_a_host_key_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "host_key").write_text("nonsense")
    server = SftpServer(tmp_path / "store", tmp_path / "keys", tmp_path / "host_key", 0)
    with pytest.raises(ConfigurationError, match="host_key") as caught:
        await server.start()
    assert "backup" in caught.value.hint
    assert (tmp_path / "host_key").read_text() == "nonsense"


async def test_a_store_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    server = SftpServer(tmp_path / "file" / "store", tmp_path / "keys", tmp_path / "host_key", 0)
    with pytest.raises(ConfigurationError, match="store"):
        await server.start()
