"""The failing network: what passes, what does not, and who hears of it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from simulators.network import Fault, Proxy

pytestmark = pytest.mark.integration

PATIENCE_S = 10.0


class Echo:
    """A server that sends back what it gets."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                end, _ = self._listener.accept()
            except OSError:
                return
            self._ends.append(end)
            thread = threading.Thread(target=self._serve, args=(end,))
            self._threads.append(thread)
            thread.start()

    @staticmethod
    def _serve(end: socket.socket) -> None:
        try:
            while data := end.recv(65536):
                end.sendall(data)
        except OSError:
            pass
        end.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    echo = Echo()
    with closing(Proxy(echo.port)) as proxy:
        yield proxy
    echo.close()


def client(proxy: Proxy, timeout_s: float = PATIENCE_S) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=timeout_s)


def said_back(end: socket.socket, data: bytes) -> bytes:
    end.sendall(data)
    heard = b""
    while len(heard) < len(data) and (more := end.recv(65536)):
        heard += more
    return heard


def hung_up(end: socket.socket) -> bool:
    try:
        return end.recv(1) == b""
    except ConnectionError:
        return True


def turned_away(proxy: Proxy) -> bool:
    try:
        with client(proxy) as end:
            return hung_up(end)
    except ConnectionError:
        return True


def test_everything_passes_and_is_counted(proxy: Proxy) -> None:
    data = bytes(range(256)) * 4000
    with client(proxy) as end:
        assert said_back(end, data) == data
    assert (proxy.connections, proxy.down) == (1, len(data))


def test_a_cut_connection_ends_and_the_next_is_welcome(proxy: Proxy) -> None:
    with client(proxy) as end:
        assert said_back(end, b"a") == b"a"
        proxy.cut()
        assert hung_up(end)
    with client(proxy) as end:
        assert said_back(end, b"b") == b"b"


def test_who_is_refused_hears_it_at_once(proxy: Proxy) -> None:
    with client(proxy) as end:
        said_back(end, b"a")
        proxy.refuse()
        assert hung_up(end)
    assert turned_away(proxy)
    proxy.refuse(refusing=False)
    with client(proxy) as end:
        assert said_back(end, b"b") == b"b"


def test_a_half_open_connection_says_nothing_at_all_and_others_do(proxy: Proxy) -> None:
    with client(proxy, timeout_s=0.3) as end, client(proxy) as before:
        said_back(end, b"a")
        said_back(before, b"a")
        proxy.half_open()
        end.sendall(b"anybody?")
        with pytest.raises(TimeoutError):
            end.recv(1)
        with client(proxy) as other:
            assert said_back(other, b"b") == b"b"


def test_what_was_said_during_a_stall_comes_late(proxy: Proxy) -> None:
    with client(proxy, timeout_s=0.3) as end:
        proxy.stall()
        end.sendall(b"late")
        with pytest.raises(TimeoutError):
            end.recv(4)
        proxy.stall(stalling=False)
        end.settimeout(PATIENCE_S)
        assert end.recv(4) == b"late"


def test_a_slow_line_takes_its_time(proxy: Proxy) -> None:
    with client(proxy) as end:
        proxy.slow(20_000.0)
        begun = time.monotonic()
        assert said_back(end, b"x" * 4000) == b"x" * 4000
        assert time.monotonic() - begun >= 0.39  # up and down
        proxy.slow(None)


def test_one_bit_is_spoilt_and_no_more(proxy: Proxy) -> None:
    with client(proxy) as end:
        proxy.spoil()
        heard = said_back(end, bytes(100))
        assert sum(byte.bit_count() for byte in heard) == 1
        assert said_back(end, bytes(100)) == bytes(100)


def test_the_first_connection_is_cut_after_so_many_bytes() -> None:
    echo = Echo()
    with closing(Proxy(echo.port, Fault(up=10))) as proxy:
        with client(proxy) as end:
            end.sendall(b"0123456789ab")
            heard = b""
            while more := _more(end):
                heard += more
            assert b"0123456789".startswith(heard)
        with client(proxy) as end:
            assert said_back(end, b"0123456789ab") == b"0123456789ab"
    echo.close()


def test_a_server_that_is_not_there_is_a_connection_that_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with closing(Proxy(port)) as proxy:
        assert turned_away(proxy)


def _more(end: socket.socket) -> bytes:
    try:
        return end.recv(65536)
    except ConnectionError:
        return b""
