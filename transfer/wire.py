"""Two parts of paramiko that are replaced for speed: its reads from the socket and the channel's buffer.

Stock paramiko asks the kernel twice for every SSH packet and shifts a byte array at every read; together
they halve the speed of downloads. The classes here keep paramiko's contracts. They also bound how long a
peer that accepts nothing can hold a sender, which paramiko does not.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from paramiko.buffered_pipe import BufferedPipe, PipeTimeout
from paramiko.packet import NeedRekeyException, Packetizer

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12

_READ_SIZE = 512 * 1024
_LONGEST_BANNER_LINE = 8192


class BufferingPacketizer(Packetizer):
    """Reads what the kernel has, once, and serves packets from that.

    Attributes
    ----------
    stall_timeout_s
        How long a peer may take none of what is written before the connection counts as dead.
    """

    stall_timeout_s = 30.0

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self._connection = connection
        self._block = bytearray(_READ_SIZE)
        self._view = memoryview(self._block)
        self._start = 0
        self._end = 0

    def close(self) -> None:
        """End the connection, and the login's timer: paramiko leaves it running after a failed one."""
        self.complete_handshake()
        super().close()

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Return exactly `n` bytes.

        Raises
        ------
        EOFError
            When the connection ends before, or the handshake takes too long.
        NeedRekeyException
            When keys are due and no byte of this packet has been read, if `check_rekey`.
        """
        if self._end - self._start >= n:
            self._start += n
            return bytes(self._view[self._start - n : self._start])
        out = bytearray(n)
        filled = 0
        while filled < n:
            if self._start == self._end:
                self._receive(check_rekey=check_rekey and not filled)
            taken = min(n - filled, self._end - self._start)
            out[filled : filled + taken] = self._view[self._start : self._start + taken]
            self._start += taken
            filled += taken
        return bytes(out)

    def readline(self, timeout: float) -> str:
        """Return a line of the greeting, without its end."""
        deadline = time.monotonic() + timeout
        line = bytearray()
        while not line.endswith(b"\n"):
            if self._start == self._end:
                self._receive(check_rekey=False, deadline=deadline)
            line.append(self._block[self._start])
            self._start += 1
            if len(line) > _LONGEST_BANNER_LINE:
                raise EOFError
        return line.rstrip(b"\r\n").decode(errors="replace")

    def write_all(self, out: Buffer) -> None:
        """Send all of `out`.

        Raises
        ------
        EOFError
            When the connection has ended, or the peer took nothing for `stall_timeout_s`.
        """
        rest = memoryview(out)
        deadline = time.monotonic() + self.stall_timeout_s
        while rest:
            try:
                sent = self._connection.send(rest)
            except TimeoutError:
                if self.closed or time.monotonic() > deadline:
                    raise EOFError from None
                continue
            except OSError as error:
                raise EOFError from error
            rest = rest[sent:]
            deadline = time.monotonic() + self.stall_timeout_s

    def _receive(self, *, check_rekey: bool, deadline: float | None = None) -> None:
        while True:
            if self.handshake_timed_out():
                raise EOFError
            try:
                received = self._connection.recv_into(self._block)
            except TimeoutError:  # paramiko lets the socket time out every 0.1 s to look around
                if self.closed:
                    raise EOFError from None
                if deadline is not None and time.monotonic() > deadline:
                    raise
                if check_rekey and self.need_rekey():
                    raise NeedRekeyException from None
                self._check_keepalive()  # type: ignore[attr-defined]  # missing in the type stubs
                continue
            except OSError:
                if self.closed:
                    raise EOFError from None
                raise
            if not received:
                raise EOFError
            self._start, self._end = 0, received
            return


class ChunkPipe(BufferedPipe):  # type: ignore[type-arg]  # generic only in the type stubs
    """The channel's inbound buffer as a queue of the chunks that arrived, never moved."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: deque[bytes] = deque()
        self._ready = threading.Condition()
        self._offset = 0  # consumed part of the first chunk
        self._held = 0
        self._ended = False

    def feed(self, data: bytes | str) -> None:
        """Append what arrived (called by the transport's thread)."""
        chunk = data if isinstance(data, bytes) else data.encode()
        if chunk:
            with self._ready:
                self._chunks.append(chunk)
                self._held += len(chunk)
                self._ready.notify()

    def read_ready(self) -> bool:
        """Whether a read would return at once with something."""
        return self._held > 0

    def read(self, nbytes: int, timeout: float | None = None) -> bytes:
        """Return between 1 and `nbytes` bytes; none when the pipe is closed and empty.

        Raises
        ------
        PipeTimeout
            When nothing arrives within `timeout` seconds.
        """
        with self._ready:
            if not self._ready.wait_for(lambda: self._held or self._ended, timeout):
                raise PipeTimeout
            if not self._held:
                return b""
            first = self._chunks[0]
            available = len(first) - self._offset
            if available > nbytes:
                self._offset += nbytes
                self._held -= nbytes
                return first[self._offset - nbytes : self._offset]
            out = first if not self._offset else first[self._offset :]
            self._chunks.popleft()
            self._offset = 0
            self._held -= available
            return out

    def empty(self) -> bytes:
        """Return and drop everything held."""
        with self._ready:
            everything = b"".join(self._chunks)[self._offset :]
            self._chunks.clear()
            self._offset = self._held = 0
            return everything

    def close(self) -> None:
        """End the pipe: reads return what is left, then nothing."""
        with self._ready:
            self._ended = True
            self._ready.notify_all()

    def __len__(self) -> int:
        return self._held
