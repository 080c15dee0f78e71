"""A TCP proxy that cuts or freezes a connection after so many bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Fault:
    """What happens to one connection once `up` or `down` bytes have passed."""

    up: int | None = None
    down: int | None = None
    freeze: bool = False


@dataclass
class Proxy:
    target: int
    faults: list[Fault] = field(default_factory=list)  # one per connection, in order; then none
    connections: int = 0
    port: int = 0
    down: int = 0  # bytes that came from the server, all connections together

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._sockets: list[socket.socket] = []
        self._closing = threading.Event()
        self._threads[0].start()

    def close(self) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in list(self._sockets):
            _cut(end)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        for end in self._sockets:
            end.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            fault = self.faults[self.connections] if self.connections < len(self.faults) else Fault()
            self.connections += 1
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets += [client, server]
            for source, sink, limit in ((client, server, fault.up), (server, client, fault.down)):
                arguments = (source, sink, limit, fault.freeze, sink is client)
                thread = threading.Thread(target=self._carry, args=arguments)
                self._threads.append(thread)
                thread.start()

    def _carry(
        self, source: socket.socket, sink: socket.socket, limit: int | None, freeze: bool, down: bool
    ) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536 if limit is None else min(65536, limit - passed)):
                sink.sendall(data)
                passed += len(data)
                if down:
                    self.down += len(data)
                if limit is not None and passed >= limit:
                    if freeze:
                        self._closing.wait(30)
                    break
        _cut(source)
        _cut(sink)


def _cut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxy_to(port: int, *faults: Fault) -> Iterator[Proxy]:
    proxy = Proxy(port, list(faults))
    try:
        yield proxy
    finally:
        proxy.close()
