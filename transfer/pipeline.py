"""Many SFTP requests under way at once: what makes a transfer as fast as the line.

paramiko's own pipelining loses errors of writes or grows without bound, so requests are counted here. The
only module that uses paramiko's request internals.
"""

from __future__ import annotations

import stat
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import paramiko
from paramiko.sftp import (
    CMD_DATA,
    CMD_EXTENDED,
    CMD_FSTAT,
    CMD_READ,
    CMD_STAT,
    CMD_STATUS,
    CMD_WRITE,
    SFTPError,
    int64,
)

# Measured over loopback against OpenSSH. A write with its header fits into two of its 32 KiB packets, and
# sixteen of them into its window of 2 MiB; reads fill a window of 4 MiB.
WRITE_BYTES = 65_300
_WRITES_IN_FLIGHT = 16
READ_BYTES = 128 * 1024
_READS_IN_FLIGHT = 32


class _Replies:
    """Collects replies by request number, whatever their order."""

    def __init__(self, sftp: paramiko.SFTPClient) -> None:
        self._sftp: Any = sftp  # the type stubs leave out the methods used here
        self._arrived: dict[int, tuple[int, Any]] = {}

    def request(self, *arguments: object) -> int:
        """Send a request without waiting; returns its number."""
        number: int = self._sftp._async_request(self, *arguments)  # noqa: SLF001  # see the module docstring
        return number

    def wait(self, number: int) -> tuple[int, Any]:
        """Return kind and content of the reply to a request."""
        while number not in self._arrived:
            self._sftp._read_response()  # noqa: SLF001
        return self._arrived.pop(number)

    def check(self, kind: int, content: Any) -> None:
        """Raise what a status reply says: OSError, or EOFError at the end of a file."""
        if kind == CMD_STATUS:
            self._sftp._convert_status(content)  # noqa: SLF001

    def attributes(self, number: int) -> paramiko.SFTPAttributes:
        """Return the attributes in the reply to a request."""
        kind, content = self.wait(number)
        self.check(kind, content)
        reader: Any = paramiko.SFTPAttributes
        found: paramiko.SFTPAttributes = reader._from_msg(content)  # noqa: SLF001
        return found

    def _async_response(self, kind: int, content: Any, number: int) -> None:
        """Take a reply (called by paramiko, which finds the method by this name)."""
        self._arrived[number] = (kind, content)


def sizes(sftp: paramiko.SFTPClient, *paths: str) -> list[int | None]:
    """Return the sizes of regular files in the store, None for what is not there or not a regular file.

    Raises
    ------
    OSError
        What the server answered, other than that there is no such file.
    """
    replies = _Replies(sftp)
    found: list[int | None] = []
    for number in [replies.request(CMD_STAT, path) for path in paths]:
        try:
            attributes = replies.attributes(number)
        except FileNotFoundError:
            found.append(None)
        else:
            regular = attributes.st_mode is None or stat.S_ISREG(attributes.st_mode)
            found.append(attributes.st_size if regular else None)
    return found


def write_from(
    sftp: paramiko.SFTPClient,
    file: paramiko.SFTPFile,
    source: BinaryIO,
    offset: int,
    seen: Callable[[bytes], None],
) -> int | None:
    """Write the rest of `source` to an open remote file from `offset` on, and bring it to the server's disk.

    Parameters
    ----------
    seen
        Called with every chunk as it is read, in order.

    Returns
    -------
    int or None
        The size that the file then has, as the server says.

    Raises
    ------
    OSError
        What the server answered; nothing is known about the bytes in flight then.
    """
    replies = _Replies(sftp)
    flying: deque[int] = deque()
    while chunk := source.read(WRITE_BYTES):
        seen(chunk)
        flying.append(replies.request(CMD_WRITE, file.handle, int64(offset), chunk))
        offset += len(chunk)
        if len(flying) >= _WRITES_IN_FLIGHT:
            replies.check(*replies.wait(flying.popleft()))
    # Servers take requests in order, so these need not wait for the answers to the writes.
    synced = replies.request(CMD_EXTENDED, "fsync@openssh.com", file.handle)
    stated = replies.request(CMD_FSTAT, file.handle)
    for number in flying:
        replies.check(*replies.wait(number))
    try:
        replies.check(*replies.wait(synced))
    except OSError as error:
        if "supported" not in str(error).lower():  # "Operation unsupported": a server without the extension
            raise
    return replies.attributes(stated).st_size


def read_blocks(sftp: paramiko.SFTPClient, file: paramiko.SFTPFile, offset: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of an open remote file between `offset` and `end`, in order.

    Raises
    ------
    EOFError
        When the file ends before `end`.
    OSError
        What the server answered.
    """
    replies = _Replies(sftp)
    flying: deque[tuple[int, int, int]] = deque()
    asked = offset
    while asked < end or flying:
        while asked < end and len(flying) < _READS_IN_FLIGHT:
            length = min(READ_BYTES, end - asked)
            flying.append((replies.request(CMD_READ, file.handle, int64(asked), length), asked, length))
            asked += length
        number, start, length = flying.popleft()
        kind, content = replies.wait(number)
        replies.check(kind, content)
        if kind != CMD_DATA:
            raise SFTPError(f"reply {kind} to a read")
        block: bytes = content.get_binary()
        if not 0 < len(block) <= length:
            raise SFTPError(f"{len(block)} bytes in reply to a read of {length}")
        if len(block) < length:  # a server may answer with less: ask for the rest before going on
            number = replies.request(CMD_READ, file.handle, int64(start + len(block)), length - len(block))
            flying.appendleft((number, start + len(block), length - len(block)))
        yield block


def free_bytes(sftp: paramiko.SFTPClient, path: str) -> int | None:
    """Return what the file system of a remote path has free for us; None where the server cannot tell."""
    replies = _Replies(sftp)
    kind, content = replies.wait(replies.request(CMD_EXTENDED, "statvfs@openssh.com", path))
    try:
        replies.check(kind, content)
    except OSError:
        return None
    content.get_int64()  # f_bsize
    fragment: int = content.get_int64()
    content.get_int64(), content.get_int64()  # f_blocks, f_bfree (the latter counts root's reserve)
    available: int = content.get_int64()
    return fragment * available
