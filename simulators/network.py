"""A network that fails: a TCP proxy on this machine that cuts, silences, slows and spoils what passes it.

Programs are given the proxy's port in place of the server's. What is encrypted stays so: certificates and
host keys are those of the server, and a spoilt byte is one that the wire has spoilt.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field

_BLOCK = 65536
_SPOILT_BIT = 0x10
_JOIN_S = 10.0
_HOST = "127.0.0.1"


@dataclass(kw_only=True, slots=True)
class Fault:
    """What happens to one connection once so many bytes have passed `up` to the server, or `down` from it.

    Attributes
    ----------
    freeze
        Nothing passes any more, and nobody is told; otherwise the connection is cut.
    """

    up: int | None = None
    down: int | None = None
    freeze: bool = False


@dataclass(eq=False, slots=True)
class _Link:
    """One connection through the proxy; a silent one swallows what it is given."""

    client: socket.socket
    server: socket.socket
    fault: Fault
    silent: bool = False
    ended: bool = field(default=False)

    @property
    def ends(self) -> tuple[socket.socket, socket.socket]:
        return self.client, self.server


class Proxy:
    """Stands between clients and a server of this machine, from its making until it is closed.

    Parameters
    ----------
    target
        The server's port.
    faults
        Of the first connections, in their order; later ones have none of their own.

    Attributes
    ----------
    port
        Where clients connect.
    connections
        How many there have been.
    down
        Bytes that came from the server, all connections together.
    """

    def __init__(self, target: int, *faults: Fault) -> None:
        self.target = target
        self.connections = 0
        self.down = 0
        self._faults = faults
        self._links: list[_Link] = []
        self._threads: list[threading.Thread] = []
        self._refusing = False
        self._spoil = False
        self._bytes_per_s: float | None = None
        self._passing = threading.Event()
        self._passing.set()
        self._closing = threading.Event()
        self._listener = socket.create_server((_HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, name=f"proxy to {target}", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Cut everything and end."""
        self._closing.set()
        self._passing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(_JOIN_S)
        self.cut()
        for thread in self._threads:
            thread.join(_JOIN_S)
        for link in self._links:
            for end in link.ends:
                end.close()

    # --- faults ------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Cut every connection; new ones are welcome."""
        for link in self._links:
            if not link.ended:
                _cut(link)

    def refuse(self, *, refusing: bool = True) -> None:
        """Cut every connection, and any new one at once, until told otherwise."""
        self._refusing = refusing
        if refusing:
            self.cut()

    def half_open(self) -> None:
        """Silence the connections that there are, for good, as a router does that has forgotten them."""
        for link in self._links:
            link.silent = True

    def stall(self, *, stalling: bool = True) -> None:
        """Let nothing pass until told otherwise; then all that was said arrives late."""
        if stalling:
            self._passing.clear()
        else:
            self._passing.set()

    def slow(self, bytes_per_s: float | None) -> None:
        """Let so much pass in each direction of each connection; None for as much as comes."""
        self._bytes_per_s = bytes_per_s

    def spoil(self) -> None:
        """Flip one bit in what a client sends next."""
        self._spoil = True

    # --- carrying ----------------------------------------------------------------------------------

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._tidy()
            if self._refusing:
                _abort(client)
                continue
            try:
                server = socket.create_connection((_HOST, self.target))
            except OSError:
                _abort(client)
                continue
            fault = self._faults[self.connections] if self.connections < len(self._faults) else Fault()
            self.connections += 1
            link = _Link(client, server, fault)
            self._links.append(link)
            for source, sink in (link.ends, link.ends[::-1]):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                thread = threading.Thread(target=self._carry, args=(link, source, sink), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _tidy(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for link in [link for link in self._links if link.ended]:
            self._links.remove(link)
            for end in link.ends:
                end.close()

    def _carry(self, link: _Link, source: socket.socket, sink: socket.socket) -> None:
        upward = source is link.client
        limit = link.fault.up if upward else link.fault.down
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(_BLOCK if limit is None else min(_BLOCK, limit - passed)):
                self._passing.wait()
                if link.silent:
                    continue
                self._take_time(len(data))
                sink.sendall(self._spoilt(data) if upward else data)
                passed += len(data)
                self.down += 0 if upward else len(data)
                if limit is not None and passed >= limit:
                    if link.fault.freeze:
                        self._closing.wait()
                    break
        if link.silent:
            # Whoever is left must not hear that the other one went.
            self._closing.wait()
        link.ended = True
        _cut(link)

    def _take_time(self, size: int) -> None:
        if self._bytes_per_s is not None:
            self._closing.wait(size / self._bytes_per_s)

    def _spoilt(self, data: bytes) -> bytes:
        if not self._spoil:
            return data
        self._spoil = False
        middle = len(data) // 2
        return data[:middle] + bytes([data[middle] ^ _SPOILT_BIT]) + data[middle + 1 :]


def _abort(end: socket.socket) -> None:
    """Close with a reset: the other side hears at once."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


def _cut(link: _Link) -> None:
    for end in link.ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
