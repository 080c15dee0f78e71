"""A Prefect server of our own, as a child process with its own home."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from deploy.child import Child, check_free
from deploy.errors import DeployError, ServerFailedError

_READY_S: Final = 90.0
_QUIET: Final = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
}


class PrefectServer:
    """A Prefect server that ends with the process that started it.

    Parameters
    ----------
    folder
        Its home: database and log.
    """

    def __init__(self, folder: Path, *, port: int, host: str = "127.0.0.1") -> None:
        self.folder = folder.absolute()
        self.port = port
        self.host = host
        self.log = self.folder / "server.log"
        self._child = Child()

    @property
    def ui_url(self) -> str:
        """Where a browser finds it."""
        return f"http://{self.host}:{self.port}"

    @property
    def api_url(self) -> str:
        """Where agents find it."""
        return f"{self.ui_url}/api"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid

    async def start(self) -> None:
        """Start it, without waiting until it is ready: nothing depends on it.

        Raises
        ------
        PortInUseError
            When its port is taken.
        DeployError
            When its folder cannot be written.
        """
        check_free("Prefect", self.host, self.port)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            log = self.log.open("ab")
        except OSError as error:
            raise DeployError(
                f"cannot write {self.folder}: {error.strerror}",
                hint="check the folder's permissions and free space",
            ) from error
        with log:
            await self._child.start(
                sys.executable, "-m", "prefect",
                "server", "start", "--host", self.host, "--port", str(self.port),
                log=log,
                environment=self._environment(),
            )  # fmt: skip

    async def ready(self, timeout_s: float = _READY_S) -> None:
        """Return when it answers.

        Raises
        ------
        ServerFailedError
            When it ends, or does not answer in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not await self._answers():
                    if self.pid is None:
                        raise ServerFailedError("the Prefect server ended at once", hint=f"read {self.log}")
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise ServerFailedError(
                f"the Prefect server did not answer on port {self.port} within {timeout_s:.0f} s",
                hint=f"read {self.log}",
            ) from error

    async def stop(self) -> None:
        """End it; its data stay."""
        await self._child.stop()

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            writer.write(b"GET /api/health HTTP/1.0\r\n\r\n")
            line = await reader.readline()
            writer.close()
        except OSError:
            return False
        return b" 200 " in line

    def _environment(self) -> dict[str, str]:
        ours = {"PREFECT_HOME": str(self.folder), "PREFECT_API_URL": self.api_url, **_QUIET}
        # Settings of the person's own Prefect must not reach this one.
        theirs = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
        return {**theirs, **ours}
