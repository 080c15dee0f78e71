from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from pytest_socket import SocketBlockedError, SocketConnectBlockedError

from tests.conftest import leftovers
from tests.leftovers import ROOT, Leftovers


@pytest.fixture
def watch() -> Iterator[Leftovers]:
    watch = Leftovers(grace_s=0.2)
    watch.install()
    watch.begin()
    yield watch
    watch.uninstall()
    leftovers.begin()  # what was left on purpose is not held against these tests


@pytest.fixture
def lingering() -> Iterator[Callable[[], threading.Thread]]:
    """Starts threads that stay until the test is over."""
    over = threading.Event()
    threads = []

    def start() -> threading.Thread:
        threads.append(threading.Thread(target=over.wait))
        threads[-1].start()
        return threads[-1]

    yield start
    over.set()
    for thread in threads:
        thread.join()


def test_nothing_is_left(watch: Leftovers) -> None:
    threading.Thread(target=lambda: None).start()
    subprocess.run([sys.executable, "-c", ""], check=True)
    asyncio.run(asyncio.sleep(0))
    assert watch.end() == []
    assert watch.strays() == []


def test_a_thread_is_left(watch: Leftovers, lingering: Callable[[], threading.Thread]) -> None:
    thread = lingering()
    [left] = watch.end()
    assert thread.name in left
    watch.begin()
    assert watch.end() == [], "the next test is not to be blamed"


def test_a_child_is_left(watch: Leftovers) -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        left = watch.end(), watch.strays()
        child.kill()
    expected = [f"process {child.pid}: sleep 60"]
    assert left == (expected, expected)


def test_a_child_of_a_child_is_left(watch: Leftovers) -> None:
    script = "import subprocess as s; print(s.Popen(['sleep', '60'], stdout=s.DEVNULL).pid)"
    done = subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.PIPE, text=True)
    left = watch.end(), watch.strays()
    os.kill(int(done.stdout), signal.SIGKILL)
    assert left == ([], [f"process {done.stdout.strip()}: sleep 60"])


def test_a_task_is_left(watch: Leftovers) -> None:
    async def leave() -> None:
        leave.task = asyncio.create_task(asyncio.sleep(60), name="sleeper")  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    asyncio.run(leave())
    [left] = watch.end()
    assert left.startswith("task sleeper: ")


def test_a_file_is_left_in_the_tree(watch: Leftovers) -> None:
    path = ROOT / "tests" / "left-by-a-test"
    path.write_bytes(b"")
    assert watch.end() == [f"file {path}"]
    path.unlink()
    assert watch.end() == []


def test_what_a_wider_fixture_starts_lasts_as_long_as_it(
    watch: Leftovers, lingering: Callable[[], threading.Thread]
) -> None:
    setting_up = watch.lasting("a fixture")
    next(setting_up)
    server = lingering()
    next(setting_up, None)
    assert watch.end() == []
    watch.begin()
    watch.over("a fixture")
    [left] = watch.end()
    assert server.name in left
    watch.begin()
    assert watch.end() == []


def test_a_unit_test_opens_no_socket() -> None:
    with pytest.raises(SocketBlockedError), pytest.warns(UserWarning, match="socket"):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with pytest.raises(SocketBlockedError), pytest.warns(UserWarning, match="getaddrinfo"):
        socket.getaddrinfo("localhost", 1)
    one, other = socket.socketpair()
    one.close()
    other.close()


@pytest.mark.integration
def test_an_integration_test_stays_on_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    with pytest.raises(SocketConnectBlockedError), pytest.warns(UserWarning, match="connect"):
        socket.create_connection(("192.0.2.1", 9), timeout=0.1)
