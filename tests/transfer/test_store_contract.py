"""What every SFTP store must do: one suite over the embedded server and a real sshd."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import paramiko
import pytest

from followup.errors import ConfigurationError
from simulators.network import Fault, Proxy
from tests.transfer.sites import Site, embedded_site, make_key
from transfer import (
    AuthenticationRefusedError,
    HostKeyMismatchError,
    LocalDiskError,
    StoreFullError,
    StoreRefusedError,
    StoreUnreachableError,
    TransferError,
    TransferInterruptedError,
    VerificationFailedError,
)
from transfer.pipeline import _Replies
from transfer.session import close_session, open_session

pytestmark = pytest.mark.integration

CAMPAIGN = "sb26112201.gft-a"


def content(size: int, seed: int = 1) -> bytes:
    return hashlib.shake_128(bytes([seed])).digest(size)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def local_file(folder: Path, data: bytes) -> Path:
    path = folder / "frame.fits"
    path.write_bytes(data)
    return path


def held(site: Site, telescope: str, folder: str) -> list[str]:
    """Names in a folder of the store, those of parts under way too."""
    return sorted(site.raw("csc").listdir(f"{telescope}/{folder}"))


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """A folder of the store for this test alone."""
    return f"{CAMPAIGN}/{request.node.originalname.replace('_', '-')}"


@pytest.mark.parametrize("size", [0, 1, 65_300, 65_301, 5_000_001])
def test_what_is_uploaded_is_downloaded(site: Site, place: str, tmp_path: Path, size: int) -> None:
    data = content(size)
    told: list[tuple[int, int]] = []
    remote = f"{place}/{size}/frame.fits"
    site.store("gft-a").upload(
        local_file(tmp_path, data), remote, sha256=digest(data), progress=lambda *p: told.append(p)
    )
    assert held(site, "gft-a", f"{place}/{size}") == ["frame.fits"]
    assert told[-1] == (size, size)
    assert told == sorted(told)
    told.clear()
    target = tmp_path / "new" / "folder" / "frame.fits"
    site.store("csc").download(
        f"gft-a/{remote}", target, size_bytes=size, sha256=digest(data), progress=lambda *p: told.append(p)
    )
    assert target.read_bytes() == data
    assert [path.name for path in target.parent.iterdir()] == ["frame.fits"]
    assert told[-1] == (size, size)


def test_the_connection_is_kept(site: Site, place: str, tmp_path: Path) -> None:
    with closing(Proxy(site.port)) as proxy:
        store = site.store("gft-a", port=proxy.port)
        for number in range(3):
            store.upload(local_file(tmp_path, b"x"), f"{place}/{number}.fits", sha256=digest(b"x"))
        assert proxy.connections == 1
        store.close()


def test_a_cut_upload_resumes(site: Site, place: str, tmp_path: Path) -> None:
    data = content(3_000_000)
    with closing(Proxy(site.port, Fault(up=1_500_000))) as proxy:
        store = site.store("gft-a", port=proxy.port)
        local = local_file(tmp_path, data)
        with pytest.raises(TransferInterruptedError) as caught:
            store.upload(local, f"{place}/frame.fits", sha256=digest(data))
        assert caught.value.retriable
        assert caught.value.hint
        (part,) = held(site, "gft-a", place)
        assert part.startswith(".frame.fits.")
        told: list[int] = []
        store.upload(
            local, f"{place}/frame.fits", sha256=digest(data), progress=lambda done, _: told.append(done)
        )
        assert 0 < told[0] < len(data)
        store.close()
    assert (site.home("gft-a") / place / "frame.fits").read_bytes() == data
    assert held(site, "gft-a", place) == ["frame.fits"]


def test_a_corrupted_prefix_is_not_kept(site: Site, place: str, tmp_path: Path) -> None:
    data = content(3_000_000)
    with closing(Proxy(site.port, Fault(up=1_500_000))) as proxy:
        store = site.store("gft-a", port=proxy.port)
        local = local_file(tmp_path, data)
        with pytest.raises(TransferInterruptedError):
            store.upload(local, f"{place}/frame.fits", sha256=digest(data))
        (part,) = (site.home("gft-a") / place).iterdir()
        with part.open("r+b") as file:
            file.seek(1000)
            file.write(b"\0\0\0\0")
        told: list[int] = []
        store.upload(
            local, f"{place}/frame.fits", sha256=digest(data), progress=lambda done, _: told.append(done)
        )
        assert told[0] == 0
        store.close()
    assert (site.home("gft-a") / place / "frame.fits").read_bytes() == data


@pytest.mark.parametrize("corrupted", [False, True])
def test_a_cut_download_resumes(site: Site, place: str, tmp_path: Path, corrupted: bool) -> None:
    data = content(12_000_000)
    place += str(corrupted)
    site.store("gft-a").upload(local_file(tmp_path, data), f"{place}/frame.fits", sha256=digest(data))
    target = tmp_path / "got" / "frame.fits"
    with closing(Proxy(site.port, Fault(down=10_000_000))) as proxy:
        store = site.store("csc", port=proxy.port)

        def download(told: list[int]) -> None:
            store.download(
                f"gft-a/{place}/frame.fits", target, size_bytes=len(data), sha256=digest(data),
                progress=lambda done, _: told.append(done),
            )  # fmt: skip

        with pytest.raises(TransferInterruptedError):
            download([])
        (part,) = target.parent.iterdir()
        # How much came through before the cut is the network's affair: something, and not all.
        kept = part.stat().st_size
        assert 0 < kept < len(data)
        if corrupted:
            with part.open("r+b") as file:
                file.write(b"\0\0\0\0")
        told: list[int] = []
        download(told)
        assert told[0] == kept
        assert (0 in told) == corrupted  # then it was fetched again from the beginning
        store.close()
    assert target.read_bytes() == data
    assert list(target.parent.iterdir()) == [target]


def test_a_file_that_is_already_there_is_left_alone(site: Site, place: str, tmp_path: Path) -> None:
    data = content(300_000)
    local = local_file(tmp_path, data)
    site.store("gft-a").upload(local, f"{place}/frame.fits", sha256=digest(data))
    stored = site.home("gft-a") / place / "frame.fits"
    before = stored.stat()
    site.store("gft-a").upload(local, f"{place}/frame.fits", sha256=digest(data))
    assert stored.stat().st_ino == before.st_ino
    assert stored.stat().st_mtime_ns == before.st_mtime_ns


def test_a_damaged_file_of_the_same_size_is_replaced(site: Site, place: str, tmp_path: Path) -> None:
    data = content(300_000)
    local = local_file(tmp_path, data)
    site.store("gft-a").upload(local, f"{place}/frame.fits", sha256=digest(data))
    stored = site.home("gft-a") / place / "frame.fits"
    stored.write_bytes(content(300_000, seed=2))
    site.store("gft-a").upload(local, f"{place}/frame.fits", sha256=digest(data))
    assert stored.read_bytes() == data


@pytest.mark.parametrize("size", [300_000, 299_999])
def test_a_damaged_file_is_not_accepted(site: Site, place: str, tmp_path: Path, size: int) -> None:
    data = content(300_000)
    site.store("gft-a").upload(local_file(tmp_path, data), f"{place}/{size}.fits", sha256=digest(data))
    damaged = content(size, seed=2)
    (site.home("gft-a") / place / f"{size}.fits").write_bytes(damaged)
    target = tmp_path / "got" / "frame.fits"
    with pytest.raises(VerificationFailedError) as caught:
        site.store("csc").download(
            f"gft-a/{place}/{size}.fits", target, size_bytes=len(data), sha256=digest(data)
        )
    assert f"{size}.fits" in str(caught.value)
    if size == len(data):
        assert (caught.value.expected, caught.value.found) == (digest(data), digest(damaged))
    assert not caught.value.retriable
    assert not target.parent.exists() or not list(target.parent.iterdir())


def test_a_file_that_changed_since_its_manifest_is_not_uploaded(
    site: Site, place: str, tmp_path: Path
) -> None:
    local = local_file(tmp_path, b"new")
    with pytest.raises(VerificationFailedError, match=r"frame\.fits"):
        site.store("gft-a").upload(local, f"{place}/frame.fits", sha256=digest(b"old"))
    assert held(site, "gft-a", place) == []


def test_missing_files_on_either_side(site: Site, place: str, tmp_path: Path) -> None:
    with pytest.raises(LocalDiskError, match="absent"):
        site.store("gft-a").upload(tmp_path / "absent", f"{place}/frame.fits", sha256=digest(b""))
    with pytest.raises(StoreRefusedError, match="no such file"):
        site.store("csc").download(
            "gft-a/absent.fits", tmp_path / "frame.fits", size_bytes=1, sha256=digest(b"")
        )


def test_a_wrong_key_is_refused(site: Site, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    with pytest.raises(AuthenticationRefusedError, match="gft-a") as caught:
        site.store("gft-a", key_file=tmp_path / "other").upload(
            local_file(tmp_path, b"x"), "frame.fits", sha256=digest(b"x")
        )
    assert not caught.value.retriable
    assert "admitted" in caught.value.hint


@pytest.mark.parametrize("user", ["gft-unknown", "root", "../gft-a", "csc/../gft-a"])
def test_an_unknown_user_is_refused(site: Site, tmp_path: Path, user: str) -> None:
    with pytest.raises(AuthenticationRefusedError):
        site.store(user, key_file=site.key("gft-a")).upload(
            local_file(tmp_path, b"x"), "frame.fits", sha256=digest(b"x")
        )


def test_a_user_cannot_come_in_with_the_key_of_another(site: Site, tmp_path: Path) -> None:
    with pytest.raises(AuthenticationRefusedError):
        site.store("csc", key_file=site.key("gft-a")).download(
            "gft-b/frame.fits", tmp_path / "x", size_bytes=1, sha256=digest(b"x")
        )


def test_a_wrong_host_key_stops_before_the_login(site: Site, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other")
    with pytest.raises(HostKeyMismatchError, match="SHA256:") as caught:
        site.store("gft-a", host_key=other).upload(
            local_file(tmp_path, b"x"), "frame.fits", sha256=digest(b"x")
        )
    assert not caught.value.retriable


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 not/base64!"])
def test_an_unreadable_pinned_key_is_a_matter_of_configuration(site: Site, tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigurationError, match="host key"):
        site.store("gft-a", host_key=line).upload(
            local_file(tmp_path, b"x"), "frame.fits", sha256=digest(b"x")
        )


@pytest.mark.parametrize("text", [None, "not a key"])
def test_an_unreadable_key_file_is_a_matter_of_configuration(
    site: Site, tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "key"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match="key"):
        site.store("gft-a", key_file=path).upload(
            local_file(tmp_path, b"x"), "frame.fits", sha256=digest(b"x")
        )


def test_nobody_listens(site: Site, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(StoreUnreachableError, match=str(port)) as caught:
        site.store("gft-a", port=port).upload(local_file(tmp_path, b"x"), "frame.fits", sha256=digest(b"x"))
    assert caught.value.retriable


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_a_server_that_falls_silent_during_login(site: Site, tmp_path: Path, share: float) -> None:
    """Wherever the handshake stops, the call ends in time, and as something to try again."""
    with closing(Proxy(site.port)) as proxy:
        close_session(open_session(site.settings("gft-a", port=proxy.port)))
        whole = proxy.down
    with closing(Proxy(site.port, Fault(down=max(1, int(share * whole)), freeze=True))) as proxy:
        store = site.store("gft-a", port=proxy.port, connect_timeout_s=0.5)
        begun = time.monotonic()
        with pytest.raises(TransferError) as caught:
            store.upload(local_file(tmp_path, b"x"), "silent/frame.fits", sha256=digest(b"x"))
        assert caught.value.retriable
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize("fault", [Fault(up=1_500_000, freeze=True), Fault(down=5_000, freeze=True)])
def test_a_connection_that_freezes_counts_as_cut(
    site: Site, place: str, tmp_path: Path, fault: Fault
) -> None:
    data = content(8_000_000)
    with closing(Proxy(site.port, fault)) as proxy:
        store = site.store("gft-a", port=proxy.port, stall_timeout_s=0.5)
        begun = time.monotonic()
        with pytest.raises(TransferInterruptedError):
            store.upload(local_file(tmp_path, data), f"{place}/frame.fits", sha256=digest(data))
        assert time.monotonic() - begun < 8


def test_close_cuts_a_transfer(site: Site, place: str, tmp_path: Path) -> None:
    data = content(8_000_000)
    store = site.store("gft-a")

    def close_midway(done: int, total: int) -> None:
        if done > total // 2:
            thread = threading.Thread(target=store.close)
            thread.start()
            thread.join()

    local = local_file(tmp_path, data)
    with pytest.raises(TransferInterruptedError):
        store.upload(local, f"{place}/frame.fits", sha256=digest(data), progress=close_midway)
    store.upload(local, f"{place}/frame.fits", sha256=digest(data))
    assert held(site, "gft-a", place) == ["frame.fits"]


def test_a_full_disk_is_named(site: Site, tmp_path: Path) -> None:
    data = content(4_000_000)
    with contextlib.ExitStack() as stack:
        if (
            site.kind == "embedded"
        ):  # sshd has a small disk for gft-full; this one a reserve that is not there
            site = stack.enter_context(embedded_site(tmp_path / "full", reserve_bytes=2**60))
            stack.callback(site.close)
        store = site.store("gft-full")
        with pytest.raises(StoreFullError, match="no room") as caught:
            store.upload(local_file(tmp_path, data), "night/frame.fits", sha256=digest(data))
        assert "free space" in caught.value.hint
        assert not caught.value.retriable
        assert held(site, "gft-full", "night") == []


# What a telescope must not reach. Paths are asked for as they stand, not as our client would make them.


@pytest.fixture
def secret(site: Site, tmp_path: Path) -> str:
    """A file of gft-b; returns its name in gft-b's directory."""
    if not (site.home("gft-b") / "night/frame.fits").exists():
        local = local_file(tmp_path, b"secret")
        site.store("gft-b").upload(local, "night/frame.fits", sha256=digest(b"secret"))
    return "night/frame.fits"


@pytest.mark.parametrize(
    "form",
    ["../gft-b/{}", "/gft-b/{}", "//gft-b/{}", "../../gft-b/{}", "./x/../../gft-b/{}", "/../store/gft-b/{}"],
)
@pytest.mark.parametrize(
    "attempt",
    [
        lambda sftp, path: sftp.open(path, "r"),
        lambda sftp, path: sftp.open(path, "w"),
        lambda sftp, path: sftp.stat(path),
        lambda sftp, path: sftp.listdir(path.rpartition("/")[0]),
        lambda sftp, path: sftp.remove(path),
        lambda sftp, path: sftp.posix_rename(path, "stolen"),
        lambda sftp, path: sftp.mkdir(path + ".d"),
    ],
    ids=["read", "write", "stat", "list", "remove", "rename", "mkdir"],
)
def test_a_telescope_cannot_reach_another(
    site: Site, secret: str, form: str, attempt: Callable[[paramiko.SFTPClient, str], object]
) -> None:
    with pytest.raises(OSError, match=r"."):
        attempt(site.raw("gft-a"), form.format(secret))
    assert (site.home("gft-b") / secret).read_bytes() == b"secret"


def test_a_telescope_does_not_see_that_there_are_others(site: Site, secret: str) -> None:
    try:
        names = set(site.raw("gft-a").listdir("/"))
    except PermissionError:
        names = set()
    assert not names & {"gft-b", "gft-full"}


@pytest.mark.parametrize("target", ["absolute file", "absolute folder", "relative"])
def test_a_link_placed_on_the_host_leads_nowhere(
    site: Site, secret: str, target: str, request: pytest.FixtureRequest
) -> None:
    (site.outside / "frame.fits").write_bytes(b"outside")
    link = site.home("gft-a") / f"link-{target.replace(' ', '-')}"
    link.symlink_to(
        {
            "absolute file": site.outside / "frame.fits",
            "absolute folder": site.outside,
            "relative": Path("../gft-b") / secret,
        }[target]
    )
    request.addfinalizer(link.unlink)
    path = link.name + ("/frame.fits" if target == "absolute folder" else "")
    sftp = site.raw("gft-a")
    for attempt in (
        lambda: sftp.open(path, "r"),
        lambda: sftp.open(path, "r+"),
        lambda: sftp.open(path, "w"),
        lambda: sftp.stat(path),
        lambda: sftp.truncate(path, 0),
    ):
        with pytest.raises(OSError, match=r"."):
            attempt()
    assert (site.outside / "frame.fits").read_bytes() == b"outside"
    assert (site.home("gft-b") / secret).read_bytes() == b"secret"


def test_the_science_centre_does_not_follow_links_out_either(
    site: Site, request: pytest.FixtureRequest
) -> None:
    (site.outside / "frame.fits").write_bytes(b"outside")
    link = site.home("gft-a") / "link-for-csc"
    link.symlink_to(site.outside / "frame.fits")
    request.addfinalizer(link.unlink)
    with pytest.raises(OSError, match=r"."):
        site.raw("csc").open("gft-a/link-for-csc", "r")


def test_no_links_can_be_made(site: Site, secret: str) -> None:
    sftp = site.raw("gft-a")
    sftp.open("own.fits", "w").close()
    with pytest.raises(OSError, match=r"."):
        sftp.symlink("/gft-b/" + secret, "stolen")
    with pytest.raises(OSError, match=r"."):
        sftp.symlink("own.fits", "alias")
    replies = _Replies(sftp)
    with pytest.raises(OSError, match=r"."):
        replies.check(*replies.wait(replies.request(200, "hardlink@openssh.com", "own.fits", "alias")))
    sftp.remove("own.fits")
    assert not (site.home("gft-a") / "stolen").is_symlink()
    assert not (site.home("gft-a") / "alias").exists()


@pytest.mark.parametrize(
    "attempt",
    [
        lambda sftp, path: sftp.open(path, "w"),
        lambda sftp, path: sftp.open(path, "r+"),
        lambda sftp, path: sftp.open(path, "a"),
        lambda sftp, path: sftp.open(path + ".new", "x"),
        lambda sftp, path: sftp.remove(path),
        lambda sftp, path: sftp.rename(path, path + ".new"),
        lambda sftp, path: sftp.posix_rename(path, path + ".new"),
        lambda sftp, path: sftp.mkdir("gft-b/new"),
        lambda sftp, path: sftp.mkdir("gft-new"),
        lambda sftp, path: sftp.rmdir("gft-b/night"),
        lambda sftp, path: sftp.chmod(path, 0o666),
        lambda sftp, path: sftp.truncate(path, 0),
        lambda sftp, path: sftp.utime(path, (1, 1)),
        lambda sftp, path: sftp.symlink(path, "gft-b/link"),
    ],
)
def test_the_science_centre_only_reads(
    site: Site, secret: str, attempt: Callable[[paramiko.SFTPClient, str], object]
) -> None:
    stored = site.home("gft-b") / secret
    before = stored.stat()
    sftp = site.raw("csc")
    with pytest.raises(OSError, match=r"."):
        attempt(sftp, f"gft-b/{secret}")
    with sftp.open(f"gft-b/{secret}") as file:
        assert file.read() == b"secret"
    after = stored.stat()
    assert (after.st_mtime_ns, after.st_mode) == (before.st_mtime_ns, before.st_mode)
    assert [path.name for path in stored.parent.iterdir()] == ["frame.fits"]


def test_an_upload_by_the_science_centre_is_refused(site: Site, tmp_path: Path) -> None:
    with pytest.raises(StoreRefusedError, match="permission denied"):
        site.store("csc").upload(local_file(tmp_path, b"x"), "gft-b/new/frame.fits", sha256=digest(b"x"))


def test_there_is_no_shell(site: Site) -> None:
    channel = site.raw("gft-a").get_channel()
    assert channel is not None
    transport = channel.get_transport()
    second = transport.open_session()
    second.settimeout(1)
    try:
        second.exec_command("id")
        output = second.recv(1000)  # OpenSSH explains itself here
    except (paramiko.SSHException, TimeoutError):
        output = b""
    assert b"uid=" not in output
    second.close()
    with pytest.raises(paramiko.SSHException):
        transport.open_channel("direct-tcpip", ("127.0.0.1", site.port), ("127.0.0.1", 1))
