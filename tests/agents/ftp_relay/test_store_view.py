from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asyncssh import FXF_APPEND, FXF_CREAT, FXF_EXCL, FXF_READ, FXF_TRUNC, FXF_WRITE
from hypothesis import given
from hypothesis import strategies as st

from agents.ftp_relay.store_view import StoreView

NOTHING = asyncssh.SFTPAttrs()
CHANNEL: Any = None  # only asked for what these tests do not need


def view(root: Path, *, writable: bool = True, reserve_bytes: int = 0) -> StoreView:
    return StoreView(CHANNEL, root=root, writable=writable, reserve_bytes=reserve_bytes)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a folder, a file, and links to everywhere; beside it what must not be reached."""
    top = tmp_path_factory.mktemp("top")
    root = top / "gft-a"
    (root / "folder" / "inner").mkdir(parents=True)
    (root / "folder" / "frame").write_bytes(b"inside")
    (top / "gft-ab").mkdir()  # a name that begins like the root's
    (top / "gft-ab" / "frame").write_bytes(b"outside")
    for name, target in {
        "absolute": top / "gft-ab",
        "relative": Path("../gft-ab"),
        "file": top / "gft-ab" / "frame",
        "up": Path(".."),
        "slash": Path("/"),
        "loop": Path("loop"),
        "dangling": top / "absent",
        "inwards": Path("folder/inner"),
        "through": Path("inwards/../frame"),
    }.items():
        (root / name).symlink_to(target)
    (root / "folder" / "back").symlink_to(Path(".."))
    return root


parts = st.sampled_from(
    ["", ".", "..", "folder", "inner", "frame", "back", "absent", "absolute", "relative", "file", "up",
     "slash", "loop", "dangling", "inwards", "through", "gft-a", "gft-ab", "...", "a\n"]
)  # fmt: skip


@given(st.lists(parts, max_size=8).map("/".join))
def test_no_path_leads_out(tree: Path, path: str) -> None:
    seen = view(tree)
    for resolve in (seen.map_path, seen._place):
        try:
            place = resolve(path.encode())
        except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPFailure):
            continue
        folder = os.path.realpath(place if resolve == seen.map_path else os.path.dirname(place))  # noqa: PTH120
        root = os.fsencode(tree.resolve())
        assert place == root or (folder + b"/").startswith(root + b"/")
        if resolve == seen.map_path:
            assert place == folder


def test_links_that_stay_inside_are_followed(tree: Path) -> None:
    seen = view(tree)
    assert seen.map_path(b"inwards") == os.fsencode(tree.resolve() / "folder" / "inner")
    assert seen.map_path(b"through") == os.fsencode(tree.resolve() / "folder" / "frame")
    assert seen.map_path(b"folder/back/folder/frame") == os.fsencode(tree.resolve() / "folder" / "frame")
    assert seen.realpath(b"/folder/back") == b"/"
    assert seen.stat(b"through").st_size == 6


def test_a_link_itself_can_be_looked_at_and_removed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(outside)
    seen = view(tmp_path / "root")
    assert seen.lstat(b"link").st_mode & 0o170000 == 0o120000
    with pytest.raises(asyncssh.SFTPPermissionDenied):
        seen.stat(b"link")
    seen.remove(b"link")
    assert outside.read_bytes() == b"x"
    assert not list((tmp_path / "root").iterdir())


@pytest.mark.parametrize("path", [b"folder\0/frame", b"folder\n", b"a\x1b[2J", b"\x7f"])
def test_a_name_with_control_characters_is_refused(tree: Path, path: bytes) -> None:
    with pytest.raises(asyncssh.SFTPFailure, match="control character"):
        view(tree).map_path(path)


@pytest.mark.parametrize("path", [b"", b"/", b".", b"folder/..", b"//"])
def test_the_root_itself_stays(tmp_path: Path, path: bytes) -> None:
    root = tmp_path / "root"
    root.mkdir()
    seen = view(root)
    (root / "folder").mkdir()
    for attempt in (
        lambda: seen.rmdir(path),
        lambda: seen.remove(path),
        lambda: seen.rename(path, b"new"),
        lambda: seen.posix_rename(b"folder", path),
        lambda: seen.mkdir(path, NOTHING),
    ):
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            attempt()
    assert root.is_dir()


@pytest.mark.parametrize(
    "flags",
    [
        FXF_WRITE,
        FXF_READ | FXF_WRITE,
        FXF_APPEND,
        FXF_READ | FXF_TRUNC,
        FXF_READ | FXF_CREAT,
        FXF_CREAT | FXF_EXCL,
    ],
)
def test_a_reader_opens_nothing_for_a_change(tree: Path, flags: int) -> None:
    with pytest.raises(asyncssh.SFTPPermissionDenied):
        view(tree, writable=False).open(b"folder/frame", flags, NOTHING)
    assert (tree / "folder" / "frame").read_bytes() == b"inside"


def test_clients_do_not_choose_permissions(tmp_path: Path) -> None:
    seen = view(tmp_path)
    wishes = asyncssh.SFTPAttrs(permissions=0o4777, uid=0, gid=0)
    file: Any = seen.open(b"frame", FXF_WRITE | FXF_CREAT, wishes)
    seen.fsetstat(file, wishes)
    file.close()
    seen.setstat(b"frame", wishes)
    seen.mkdir(b"folder", wishes)
    assert (tmp_path / "frame").stat().st_mode & 0o7137 == 0
    assert (tmp_path / "folder").stat().st_mode & 0o7027 == 0


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    seen = view(tmp_path)
    for name in (b"pipe", b"folder"):
        with pytest.raises((asyncssh.SFTPError, OSError)):
            seen.open(name, FXF_READ, NOTHING)


def test_a_disk_that_takes_a_part_only_gets_the_rest_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real(fd, data[:3], offset))
    seen = view(tmp_path)
    file: Any = seen.open(b"frame", FXF_WRITE | FXF_CREAT, NOTHING)
    assert seen.write(file, 2, b"0123456789") == 10
    assert seen.write(file, 0, b"ab") == 2
    file.close()
    assert (tmp_path / "frame").read_bytes() == b"ab0123456789"


def test_a_disk_that_fills_up_within_a_write_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pwrite

    def full(fd: int, data: memoryview, offset: int) -> int:
        if offset:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data[:3], offset)

    monkeypatch.setattr(os, "pwrite", full)
    seen = view(tmp_path)
    file: Any = seen.open(b"frame", FXF_WRITE | FXF_CREAT, NOTHING)
    with pytest.raises(OSError, match="No space"):
        seen.write(file, 0, b"0123456789")
    file.close()


def test_appending(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one")
    seen = view(tmp_path)
    file: Any = seen.open(b"log", FXF_WRITE | FXF_APPEND, NOTHING)
    seen.write(file, 0, b"two")
    file.close()
    assert (tmp_path / "log").read_bytes() == b"onetwo"


def test_rename_replaces_only_when_asked_to(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    seen = view(tmp_path)
    with pytest.raises(asyncssh.SFTPFailure):
        seen.rename(b"a", b"b")
    seen.posix_rename(b"a", b"b")
    assert (tmp_path / "b").read_bytes() == b"a"
