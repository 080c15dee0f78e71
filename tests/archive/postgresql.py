"""A PostgreSQL of its own for tests, as a child process that listens on a Unix socket only."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

# Tests do not pull plugs: without waiting for the disk a database is made sooner.
_OPTIONS = (
    "listen_addresses=",
    "shared_buffers=16MB",
    "fsync=off",
    "full_page_writes=off",
    "autovacuum=off",
)


def programs() -> Path | None:
    """Folder of Debian's newest PostgreSQL programs; None when it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


class Server:
    """A server with its data and its socket in one folder."""

    def __init__(self, bin_folder: Path, folder: Path) -> None:
        self.bin_folder = bin_folder
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: dict[str, Any] = {"cwd": folder}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._identity |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def make(self) -> None:
        # A locale that sorts text otherwise than Python and SQLite do: nothing may depend on that.
        locale = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"]
        options = ["-D", "data", "-U", "followup", "-A", "trust", "-E", "UTF8", "--no-sync", *locale]
        subprocess.run(
            [self.bin_folder / "initdb", *options], check=True, capture_output=True, **self._identity
        )

    def start(self) -> None:
        command = [self.bin_folder / "postgres", "-D", "data", "-k", self.folder]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *(f"--{option}" for option in _OPTIONS)], stdout=log, stderr=log, **self._identity
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(host=str(self.folder), user="followup", dbname="postgres").close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """Kill it; its children find out and follow."""
        if self._process:
            self._process.kill()
            self._process.wait(timeout=30)
            self._process = None

    def stop(self) -> None:
        """End it at once, as a crash would."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=30)
            self._process = None


@contextmanager
def server(bin_folder: Path) -> Iterator[Server]:
    """Run a server."""
    # Directly under /tmp: a socket's path may have only 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="followup-pg-"))
    running = Server(bin_folder, folder)
    try:
        running.make()
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder)
