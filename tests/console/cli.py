"""Giving commands as a person does: in this process; agents, in processes of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from typer.testing import CliRunner

from console.app import app

ENVIRONMENT = {"COLUMNS": "80", "NO_COLOR": "1", "TERMINAL_WIDTH": "80"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error, without the hint below it; fails when there is more."""
        first, *rest = self.err.splitlines()
        assert first.startswith("error: "), self.err
        assert len(rest) <= 1, self.err
        assert all(line.startswith("  → ") for line in rest), self.err
        return first.removeprefix("error: ")

    @property
    def hint(self) -> str:
        """What to do about it."""
        assert self.complaint
        return self.err.splitlines()[1].removeprefix("  → ")


def followup(*words: str | Path, columns: int = 80, **environment: str) -> Answer:
    """Give a command in this process."""
    given = {**ENVIRONMENT, "COLUMNS": str(columns), **environment}
    result = CliRunner().invoke(app, [str(word) for word in words], env=given)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(status=result.exit_code, out=result.stdout, err=result.stderr)


@contextlib.contextmanager
def child(*words: str | Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Give a command in a process group of its own; it is over when the context ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "console", *(str(word) for word in words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1", **environment},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        process.communicate()


def run(*words: str | Path, timeout_s: float = 60.0, **environment: str) -> Answer:
    """Give a command in a process of its own, and wait for its end."""
    with child(*words, **environment) as process:
        out, err = process.communicate(timeout=timeout_s)
        return Answer(status=process.returncode, out=out, err=err)


def interrupt(process: subprocess.Popen[str], *, timeout_s: float = 60.0) -> Answer:
    """Press Ctrl-C."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=timeout_s)
    return Answer(status=process.returncode, out=out, err=err)


def processes_of(state: Path) -> list[str]:
    """Command lines of all processes that work in a state's folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if process.pid != os.getpid() and any(str(state) in word for word in words):
                found.append(" ".join(words))
    return found


@contextlib.contextmanager
def busy_port(port: int = 0) -> Iterator[int]:
    """Listen on a port, as a stranger."""
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        yield stranger.getsockname()[1]
