"""INDI's device simulators behind an `indiserver` of our own, as child processes with their own home."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.errors import DeployError, PortInUseError, ProgramMissingError, ServerFailedError

DRIVERS: Final = {
    "mount": ("indi_simulator_telescope", "Telescope Simulator"),
    "camera": ("indi_simulator_ccd", "CCD Simulator"),
    "filter_wheel": ("indi_simulator_wheel", "Filter Simulator"),
    "dome": ("indi_simulator_dome", "Dome Simulator"),
    "weather": ("indi_simulator_weather", "Weather Simulator"),
}
"""Program and device by what it is."""

_PACKAGE: Final = "indi-bin"
_READY_S: Final = 30.0
_STOP_S: Final = 10.0


def check_installed() -> None:
    """Look whether the server and its simulators are there.

    Raises
    ------
    ProgramMissingError
        When one is not.
    """
    for program in ("indiserver", "indi_setprop", "indi_getprop", *(name for name, _ in DRIVERS.values())):
        _found(program)


class IndiServer:
    """A server with a simulated telescope; it ends with the process that started it.

    Parameters
    ----------
    folder
        Its home: what drivers keep (parking, configuration), programs for them, and its log.
    """

    def __init__(self, folder: Path, *, port: int) -> None:
        self.folder = folder.absolute()
        self.port = port
        self.log = self.folder / "indiserver.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def programs(self) -> Path:
        """Folder that is searched first for programs that drivers run."""
        return self.folder / "bin"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        if self._process is None or self._process.returncode is not None:
            return None
        return self._process.pid

    async def start(self) -> None:
        """Start it; return when it listens and its drivers are there.

        Raises
        ------
        ProgramMissingError
            When INDI is not installed.
        PortInUseError
            When its port is taken.
        ServerFailedError
            When it ends, or its drivers do not come.
        """
        check_installed()
        drivers = [_found(program) for program, _ in DRIVERS.values()]
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise ProgramMissingError("setpriv", "util-linux")
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", self.port))
            except OSError as error:
                raise PortInUseError("indiserver", "any interface", self.port) from error
        self.programs.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.log.open("ab") as log:
            # The (abstract) name of its local socket would be the same for all servers of a machine.
            self._process = await asyncio.create_subprocess_exec(
                setpriv, "--pdeathsig", "TERM", "--",
                _found("indiserver"), "-r", "3", "-p", str(self.port), "-u", f"followup-indi-{self.port}",
                *drivers,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=True,
            )  # fmt: skip
        try:
            async with asyncio.timeout(_READY_S):
                for _, device in DRIVERS.values():
                    while not await self._get(f"{device}.CONNECTION.CONNECT"):
                        if self.pid is None:
                            raise ServerFailedError("indiserver ended at once", hint=f"read {self.log}")
        except TimeoutError as error:
            raise ServerFailedError(
                f"the device simulators did not answer on port {self.port} within {_READY_S:.0f} s",
                hint=f"read {self.log}",
            ) from error

    async def tell(self, device: str, prop: str, values: Mapping[str, float | str]) -> None:
        """Set members of a device's property.

        Raises
        ------
        DeployError
            When the device does not know the property.
        """
        members, texts = ";".join(values), ";".join(str(value) for value in values.values())
        status, said = await self._run("indi_setprop", f"{device}.{prop}.{members}={texts}")
        if status:
            raise DeployError(f"{device} does not take {prop}: {said}", hint=f"read {self.log}")

    async def stop(self) -> None:
        """End it, and its drivers with it."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _get(self, what: str) -> str:
        _, said = await self._run("indi_getprop", "-t", "1", what)
        return said

    async def _run(self, program: str, *arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            _found(program), "-p", str(self.port), *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode(errors="replace").strip()

    def _environment(self) -> dict[str, str]:
        path = f"{self.programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return {**os.environ, "HOME": str(self.folder), "PATH": path}


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise ProgramMissingError(program, _PACKAGE)
    return path
