"""The outer form of a bundle: plain tar members in a Zstandard stream, written and read in one pass.

Written so that the same members give the same bytes. Read as a stranger's work: nothing but regular files
under safe names, no more of them and no larger than announced; nothing is unpacked by a library that knows
of links, devices or sparse files.

References
----------
POSIX.1-1988 (ustar): the header of a member. RFC 8878: Zstandard.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

import zstandard

from archive.bundle.errors import BundleDamagedError, BundleError
from transfer.errors import ManifestError
from transfer.manifest import check_path

SUFFIX = ".tar.zst"
_LEVEL = 3
_BLOCK = 512
_PIECE = 1 << 20
_WINDOW_BYTES = 1 << 27
"""Memory that a stranger's stream may ask for."""
_INPUT_BYTES = 1024
"""A few bytes can stand for much: so many at most stand for some 45 MB."""
_MOST_BYTES_EACH = 8 * 1024**3 - 1
"""What a ustar header can say."""


@dataclass(frozen=True, slots=True)
class Member:
    """The header of a member."""

    path: str
    size: int


class Writer:
    """Writes members, one after the other."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._size = 0

    def add(self, path: str, size: int, content: BinaryIO) -> None:
        """Write one member.

        Raises
        ------
        BundleError
            When its name or its size does not fit.
        """
        header = tarfile.TarInfo(path)
        header.size, header.mode, header.mtime = size, 0o644, 0
        if size > _MOST_BYTES_EACH:
            raise BundleError(f"{path} is too large for a bundle: {size} bytes")
        try:
            self._write(header.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict"))
        except ValueError as error:
            raise BundleError(f"{path} does not fit into a bundle: {error}") from error
        left = size
        while left:
            piece = content.read(min(left, _PIECE))
            if not piece:
                raise BundleError(f"{path} became shorter while it was read")
            self._write(piece)
            left -= len(piece)
        self._write(bytes(-size % _BLOCK))

    def close(self) -> None:
        """Write the end."""
        self._write(bytes(2 * _BLOCK))
        self._write(bytes(-self._size % tarfile.RECORDSIZE))

    def _write(self, raw: bytes) -> None:
        self._stream.write(raw)
        self._size += len(raw)


@contextmanager
def writing(file: BinaryIO) -> Iterator[Writer]:
    """Write a bundle's members into an open file."""
    # One thread: with several, where the blocks end depends on their number.
    compressor = zstandard.ZstdCompressor(level=_LEVEL, threads=0, write_checksum=True)
    with compressor.stream_writer(file, closefd=False) as stream:
        writer = Writer(stream)
        yield writer
        writer.close()


class _Frame:
    """One compressed frame, read piece by piece and to its very end, where its checksum is.

    The library's own reader takes a stream that is cut off for one that has ended.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES).decompressobj()
        self._held = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        """Read so many bytes at most; nothing at the end of the frame, or where it is cut off."""
        while self._at == len(self._held) and not self._frame.eof:
            piece = self._file.read(_INPUT_BYTES)
            if not piece:
                return b""
            self._held, self._at = self._frame.decompress(piece), 0
        taken = self._held[self._at : self._at + size]
        self._at += len(taken)
        return taken

    @property
    def whole(self) -> bool:
        """Whether the frame was read to its end, and its checksum was right."""
        return bool(self._frame.eof)

    @property
    def alone(self) -> bool:
        """Whether nothing stands behind it."""
        return not self._frame.unused_data and not self._file.read(1)


class Reader:
    """Reads members, one after the other: `next`, then `content` to its end.

    Parameters
    ----------
    where
        What the bundle is called in errors.
    """

    def __init__(self, stream: _Frame, where: str) -> None:
        self._stream = stream
        self._where = where
        self._left = 0
        self._padding = 0

    def next(self) -> Member | None:
        """Read the header of the next member; None at the end.

        Raises
        ------
        BundleDamagedError
            When there is no such header, or it is of anything but a regular file under a safe name.
        """
        if self._left:
            raise RuntimeError("the member before was not read to its end")
        self._take(self._padding)
        header = self._take(_BLOCK)
        if header == bytes(_BLOCK):
            self._rest_is_empty()
            return None
        return self._member(header)

    def content(self) -> Iterator[bytes]:
        """Read the content of the member just announced, in pieces."""
        while self._left:
            piece = self._read(min(self._left, _PIECE))
            if not piece:
                raise self._damaged("it is cut off")
            self._left -= len(piece)
            yield piece

    def _member(self, header: bytes) -> Member:
        said = _octal(header[148:156])
        if said is None or sum(header[:148]) + sum(header[156:]) + 8 * 0x20 != said:
            raise self._damaged("a member's header is damaged")
        if header[257:263] != b"ustar\0":
            raise self._damaged("a member is not of the ustar form")
        name, prefix = (field.split(b"\0", 1)[0] for field in (header[:100], header[345:500]))
        try:
            path = (prefix + b"/" + name if prefix else name).decode("utf-8")
            check_path(path)
        except (UnicodeDecodeError, ManifestError) as error:
            raise self._damaged(f"a member has an unsafe name: {error}") from error
        if header[156:157] not in {b"0", b"\0"}:
            raise self._damaged(f"{path} is not a regular file (a link, a folder or a device)")
        size = _octal(header[124:136])
        if size is None:
            raise self._damaged(f"{path}: its size cannot be read")
        self._left, self._padding = size, -size % _BLOCK
        return Member(path, size)

    def _rest_is_empty(self) -> None:
        """Read the end of the archive: zeros, up to a record's length."""
        rest = b""
        while len(rest) <= 2 * tarfile.RECORDSIZE and (piece := self._read(_PIECE)):
            rest += piece
        if len(rest) < _BLOCK or not self._stream.whole:
            raise self._damaged("it is cut off")
        if any(rest) or not self._stream.alone:
            raise self._damaged("something stands behind its end")

    def _take(self, size: int) -> bytes:
        taken = b""
        while len(taken) < size:
            piece = self._read(size - len(taken))
            if not piece:
                raise self._damaged("it is cut off")
            taken += piece
        return taken

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except zstandard.ZstdError as error:
            raise self._damaged(f"its compressed stream is damaged: {error}") from error

    def _damaged(self, what: str) -> BundleDamagedError:
        return BundleDamagedError(f"{self._where}: {what}", hint="export it again, or fetch it again")


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """Read the bundle in a file.

    Raises
    ------
    BundleError
        When the file cannot be opened.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror or error}", hint="is it the name of a bundle?") from error
    with file:
        yield Reader(_Frame(file), path.name)


def digest(pieces: Iterator[bytes], copy: BinaryIO | None = None) -> tuple[int, str]:
    """Size and SHA-256 of what is read, which goes to `copy`, too."""
    sha256, size = hashlib.sha256(), 0
    for piece in pieces:
        sha256.update(piece)
        size += len(piece)
        if copy is not None:
            copy.write(piece)
    return size, sha256.hexdigest()


def _octal(field: bytes) -> int | None:
    text = field.strip(b" \0")
    try:
        return int(text, 8) if text else None
    except ValueError:
        return None
