"""A real sshd as a child process, for measurements and for the tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

_READY_S = 10.0


def sshd_program() -> str | None:
    """Return the path of sshd, None when it is not installed."""
    return shutil.which("sshd", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/bin")


def free_port() -> int:
    """Return a loopback port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def sshd_place() -> list[str]:
    """Return a command that gives sshd the folder /run/sshd, where only an installed service would make it.

    As root sshd does not start without it; the folder is made in a mount namespace, not on the machine.
    """
    if os.geteuid() != 0 or Path("/run/sshd").is_dir():
        return []
    script = 'mount -t tmpfs tmpfs /run && mkdir -m 0755 /run/sshd && exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]


@contextlib.contextmanager
def running_sshd(config: Path, port: int, log: Path, *, prefix: Sequence[str] = ()) -> Iterator[None]:
    """Run sshd with a configuration file until the block ends.

    Parameters
    ----------
    prefix
        Command that sets up a place for it and then becomes it.

    Raises
    ------
    RuntimeError
        When it does not listen soon; the message has its log.
    """
    program = sshd_program()
    if program is None:
        raise RuntimeError("sshd is not installed (Debian: openssh-server)")
    with log.open("wb") as output:
        # With -D it stays our child, which setpriv lets end with us; -e logs to the file.
        process = subprocess.Popen(  # noqa: S603  # a program found in the system's folders
            [*prefix, "/usr/bin/setpriv", "--pdeathsig", "TERM", program, "-D", "-e", "-f", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _await_port(process, port, log)
        yield
    finally:
        sessions = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.terminate()
        process.wait(_READY_S)
        for session in sessions:
            with contextlib.suppress(psutil.NoSuchProcess):
                session.terminate()
        psutil.wait_procs(sessions, timeout=_READY_S)


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"sshd does not listen on port {port}: {log.read_text(errors='replace')}")
        time.sleep(0.02)
