"""What one user sees of the SFTP store: a directory as the root, and nothing that leads out of it.

asyncssh normalises a path before it joins it to the root, but then follows symbolic links, also those to
other places. Here the place that a path really leads to is what counts. No link can be made through SFTP
at all.
"""

from __future__ import annotations

import asyncio
import errno
import os
import posixpath
import re
import stat
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh import FXF_APPEND, FXF_CREAT, FXF_EXCL, FXF_READ, FXF_TRUNC, FXF_WRITE

_FILE_MODE = 0o640
_FOLDER_MODE = 0o750
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_CHANGES = FXF_WRITE | FXF_APPEND | FXF_CREAT | FXF_TRUNC


class StoreView(asyncssh.SFTPServer):
    """An SFTP session that is kept inside `root`.

    Parameters
    ----------
    root
        Directory that the user sees as ``/``.
    writable
        Whether the user may change anything.
    reserve_bytes
        Writing ends when the disk has less than this free: the relay's journal lives on it too.
    """

    def __init__(
        self, channel: asyncssh.SSHServerChannel[bytes], *, root: Path, writable: bool, reserve_bytes: int
    ) -> None:
        self._root = os.path.realpath(os.fsencode(root))
        super().__init__(channel, chroot=self._root)
        self._writable = writable
        self._reserve_bytes = reserve_bytes

    def map_path(self, path: bytes) -> bytes:
        """Return the real local path that `path` leads to, links followed.

        Every operation of the base class goes through here.
        """
        real = os.path.realpath(self._place(path))
        self._check_inside(real)
        return real

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:  # noqa: ARG002
        """Open a regular file; a client's wishes about permissions (`attrs`) are not granted."""
        if pflags & _CHANGES:
            self._check_writable()
        flags = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO placed here must not hold the server
        if pflags & (FXF_WRITE | FXF_APPEND):
            flags |= os.O_RDWR if pflags & FXF_READ else os.O_WRONLY
        for asked, meant in (
            (FXF_APPEND, os.O_APPEND),
            (FXF_CREAT, os.O_CREAT),
            (FXF_TRUNC, os.O_TRUNC),
            (FXF_EXCL, os.O_EXCL),
        ):
            flags |= meant if pflags & asked else 0
        descriptor = os.open(self.map_path(path), flags, _FILE_MODE)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise asyncssh.SFTPPermissionDenied("not a regular file")
        return os.fdopen(descriptor, "rb" if flags & os.O_ACCMODE == os.O_RDONLY else "r+b", buffering=0)

    def open56(self, *_request: object) -> object:
        """Refuse the request of protocol versions that this server does not offer."""
        raise asyncssh.SFTPOpUnsupported("protocol version 3 only")

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """Read from an open file."""
        return os.pread(_descriptor(file_obj), size, offset)

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Write all of `data` or fail.

        A disk that fills up takes the first part of a write without complaint; left alone that would be
        answered as success.
        """
        descriptor = _descriptor(file_obj)
        free = os.fstatvfs(descriptor)
        if free.f_bavail * free.f_frsize < self._reserve_bytes + len(data):
            raise OSError(errno.ENOSPC, f"No space left: the last {self._reserve_bytes} bytes are kept free")
        rest = memoryview(data)
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            rest = rest[written:]
            offset += written
        return len(data)

    async def fsync(self, file_obj: object) -> None:
        """Bring an open file to the disk, in a thread: it may take long, and others are served here."""
        await asyncio.to_thread(os.fsync, _descriptor(file_obj))

    def lstat(self, path: bytes) -> os.stat_result:
        """Return a link's own attributes, not its target's."""
        return os.lstat(self._place(path))

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Set size and times; owner and permissions are the server's."""
        self._check_writable()
        super().setstat(path, _harmless(attrs))

    def lsetstat(self, *_request: object) -> None:
        """Refuse: there are no links of a user's own."""
        raise asyncssh.SFTPOpUnsupported("no symbolic links here")

    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        """Set size and times of an open file; owner and permissions are the server's."""
        self._check_writable()
        super().fsetstat(file_obj, _harmless(attrs))

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:  # noqa: ARG002  # see `open`
        """Make a folder."""
        os.mkdir(self._own(path), _FOLDER_MODE)  # noqa: PTH102  # paths are bytes on the wire

    def rmdir(self, path: bytes) -> None:
        """Remove an empty folder."""
        os.rmdir(self._own(path))  # noqa: PTH106

    def remove(self, path: bytes) -> None:
        """Remove a file (or a link, never its target)."""
        os.remove(self._own(path))  # noqa: PTH107

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Rename onto a name that is not taken."""
        old, new = self._own(oldpath), self._own(newpath)
        if os.path.lexists(new):
            raise asyncssh.SFTPFailure("File already exists")
        os.rename(old, new)  # noqa: PTH104

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Rename, replacing what has the name."""
        os.replace(self._own(oldpath), self._own(newpath))  # noqa: PTH105

    def symlink(self, *_request: object) -> None:
        """Refuse to make a symbolic link."""
        raise asyncssh.SFTPPermissionDenied("links are not allowed here")

    def link(self, *_request: object) -> None:
        """Refuse to make a hard link: it would outlive a renamed file and share its later changes."""
        raise asyncssh.SFTPPermissionDenied("links are not allowed here")

    def _place(self, path: bytes) -> bytes:
        """Return the local path of an entry itself: the folder's links followed, a link at its end not."""
        if _CONTROL.search(path):
            raise asyncssh.SFTPFailure("a name cannot hold a NUL, a line end or another control character")
        normal = posixpath.normpath(b"/" + path).lstrip(b"/")
        if not normal:
            return self._root
        folder, _, name = normal.rpartition(b"/")
        parent = os.path.realpath(os.path.join(self._root, folder))  # noqa: PTH118
        self._check_inside(parent)
        return os.path.join(parent, name)  # noqa: PTH118

    def _own(self, path: bytes) -> bytes:
        """Return the local path of an entry that this user may change."""
        self._check_writable()
        place = self._place(path)
        if place == self._root:
            raise asyncssh.SFTPPermissionDenied("the directory itself stays")
        return place

    def _check_inside(self, real: bytes) -> None:
        if real != self._root and not real.startswith(self._root + b"/"):
            raise asyncssh.SFTPPermissionDenied("leads out of this directory")

    def _check_writable(self) -> None:
        if not self._writable:
            raise asyncssh.SFTPPermissionDenied("this user only reads")


def _descriptor(file_obj: Any) -> int:
    descriptor: int = file_obj.fileno()
    return descriptor


def _harmless(attrs: asyncssh.SFTPAttrs) -> asyncssh.SFTPAttrs:
    return asyncssh.SFTPAttrs(size=attrs.size, atime=attrs.atime, mtime=attrs.mtime)
