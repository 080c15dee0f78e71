"""Server programs as child processes: they end with the process that started them."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from deploy.errors import DeployError, PortInUseError, ProgramMissingError

_SBIN: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where Debian puts servers; not on everybody's path."""


def program(name: str, package: str) -> str:
    """Find a program; `package` is Debian's that has it.

    Raises
    ------
    ProgramMissingError
        When it is not installed.
    """
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_SBIN}")
    if path is None:
        raise ProgramMissingError(name, package)
    return path


def check_free(server: str, interface: str, port: int) -> None:
    """Look whether a server can listen there.

    Parameters
    ----------
    server
        Its name, for the complaint.
    interface
        ``*`` for all of IPv4, ``::`` for all.

    Raises
    ------
    PortInUseError
        When somebody does already.
    DeployError
        When we may not.
    """
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    address = "" if interface == "*" else interface
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError as error:
            raise DeployError(
                f"{server} may not listen on port {port}: {error.strerror}", hint="choose a port above 1023"
            ) from error
        except OSError as error:
            raise PortInUseError(server, address or "any interface", port) from error


class Child:
    """A server program, started and ended as often as need be.

    It ends when the process (precisely: the thread) that started it ends, however that happens; so start
    it from the main thread's event loop. It is in a session of its own: a Ctrl-C on our terminal must not
    end it before the agents have said goodbye.

    Parameters
    ----------
    stop_s
        So long it has to end by itself when it is told to.
    """

    def __init__(self, *, stop_s: float = 10.0) -> None:
        self._stop_s = stop_s
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        if self._process is None or self._process.returncode is not None:
            return None
        return self._process.pid

    async def start(
        self,
        *words: str,
        privileges: Sequence[str] = (),
        on_our_death: str = "TERM",
        log: IO[bytes] | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it.

        Parameters
        ----------
        privileges
            What ``setpriv`` is to take from it besides.
        on_our_death
            Signal that it gets when we die.
        log
            Where its output goes; nowhere when None.
        folder
            In which it works.
        environment
            Ours when None.

        Raises
        ------
        ProgramMissingError
            When ``setpriv`` is not installed, which asks the kernel for that signal.
        """
        output = asyncio.subprocess.DEVNULL if log is None else log
        self._process = await asyncio.create_subprocess_exec(
            *setpriv(*privileges, "--pdeathsig", on_our_death), *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )  # fmt: skip

    async def stop(self) -> None:
        """End it."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(self._stop_s):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        self._process = None


def setpriv(*options: str) -> list[str]:
    """Return the words before a command that has it run with other privileges.

    Raises
    ------
    ProgramMissingError
        When ``setpriv`` is not installed.
    """
    return [program("setpriv", "util-linux"), *options, "--"]
