"""INDI's device simulators behind an `indiserver` of our own, as child processes with their own home."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.child import Child, check_free, program
from deploy.errors import DeployError, ServerFailedError

DRIVERS: Final = {
    "mount": ("indi_simulator_telescope", "Telescope Simulator"),
    "camera": ("indi_simulator_ccd", "CCD Simulator"),
    "filter_wheel": ("indi_simulator_wheel", "Filter Simulator"),
    "focuser": ("indi_simulator_focus", "Focuser Simulator"),
    "dome": ("indi_simulator_dome", "Dome Simulator"),
    "weather": ("indi_simulator_weather", "Weather Simulator"),
}
"""Program and device by what it is."""

_PACKAGE: Final = "indi-bin"
_READY_S: Final = 30.0


def check_installed() -> None:
    """Look whether the server and its simulators are there.

    Raises
    ------
    ProgramMissingError
        When one is not.
    """
    for name in ("indiserver", "indi_setprop", "indi_getprop", *(driver for driver, _ in DRIVERS.values())):
        _found(name)


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
        self._child = Child()

    @property
    def programs(self) -> Path:
        """Folder that is searched first for programs that drivers run."""
        return self.folder / "bin"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid

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
        drivers = [_found(driver) for driver, _ in DRIVERS.values()]
        check_free("indiserver", "*", self.port)
        self.programs.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.log.open("ab") as log:
            # The (abstract) name of its local socket would be the same for all servers of a machine.
            await self._child.start(
                _found("indiserver"), "-r", "3", "-p", str(self.port), "-u", f"followup-indi-{self.port}",
                *drivers,
                log=log,
                environment=self._environment(),
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
        await self._child.stop()

    async def _get(self, what: str) -> str:
        _, said = await self._run("indi_getprop", "-t", "1", what)
        return said

    async def _run(self, name: str, *arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            _found(name), "-p", str(self.port), *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode(errors="replace").strip()

    def _environment(self) -> dict[str, str]:
        path = f"{self.programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return {**os.environ, "HOME": str(self.folder), "PATH": path}


def _found(name: str) -> str:
    return program(name, _PACKAGE)
