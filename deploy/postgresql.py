"""A PostgreSQL of our own, as a child process that listens on a Unix socket only."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
from pathlib import Path
from typing import Final

from deploy.errors import DeployError, ProgramMissingError, ServerFailedError

_READY_S: Final = 60.0
_STOP_S: Final = 10.0
_POLL_S: Final = 0.05
_USER: Final = "followup"
_SERVICE_USER: Final = "postgres"
_LONGEST_SOCKET: Final = 80
"""The path of a Unix socket may have 107 bytes, its own name included."""
_DEBIAN: Final = Path("/usr/lib/postgresql")
_QUIET: Final = ("listen_addresses=", "shared_buffers=32MB", "max_connections=50")


class PostgreSQL:
    """A PostgreSQL server that ends with the process that started it.

    Parameters
    ----------
    folder
        Its home: data, socket and log. PostgreSQL refuses to run as root: then the folder is given to the
        user that Debian's packages make for it.
    database
        The one database that it is made with.
    """

    def __init__(self, folder: Path, *, database: str) -> None:
        self.folder = folder.absolute()
        self.database = database
        self.log = self.folder / "server.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """SQLAlchemy URL of its database."""
        return f"postgresql://{_USER}@/{self.database}?host={self.folder}"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        if self._process is None or self._process.returncode is not None:
            return None
        return self._process.pid

    async def start(self) -> None:
        """Start it, made first if it is new; return when it answers.

        Raises
        ------
        ProgramMissingError
            When PostgreSQL is not installed.
        ServerFailedError
            When it does not answer in time.
        DeployError
            When its folder cannot be used.
        """
        if len(os.fsencode(self.folder)) > _LONGEST_SOCKET:
            raise DeployError(f"{self.folder} is too long for a socket's path", hint="choose a shorter one")
        if not (self.folder / "data" / "PG_VERSION").exists():
            await self._make()
        try:
            async with asyncio.timeout(_READY_S):
                # After a kill its children hold the old memory for a moment: it will not start before.
                while not await self._answers():
                    if self.pid is None:
                        self._process = await self._spawn()
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            await self.stop()
            raise ServerFailedError(
                f"PostgreSQL did not answer within {_READY_S:.0f} s", hint=f"read {self.log}"
            ) from error

    async def stop(self) -> None:
        """End it, whoever is connected; its data stay."""
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

    async def _make(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.geteuid() == 0:
                user = pwd.getpwnam(_SERVICE_USER)
                os.chown(self.folder, user.pw_uid, user.pw_gid)
        except (OSError, KeyError) as error:
            raise DeployError(f"{self.folder} cannot be made PostgreSQL's: {error}") from error
        await self._do("initdb", "-D", "data", "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        await self._do(
            "postgres", "--single", "-D", "data", "postgres", said=f"CREATE DATABASE {self.database}\n"
        )

    async def _do(self, program: str, *arguments: str, said: str = "") -> None:
        process = await asyncio.create_subprocess_exec(
            *self._as_service(), str(_program(program)), *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self.folder,
        )  # fmt: skip
        output, _ = await process.communicate(said.encode())
        if process.returncode != 0:
            last = output.decode(errors="replace").strip().splitlines()[-1:]
            raise ServerFailedError(f"{program} failed: {' '.join(last)}", hint=f"look into {self.folder}")

    async def _spawn(self) -> asyncio.subprocess.Process:
        options = ["-k", str(self.folder), *(f"--{option}" for option in _QUIET)]
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *self._as_service(), str(_program("postgres")), "-D", "data", *options,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )  # fmt: skip

    async def _answers(self) -> bool:
        process = await asyncio.create_subprocess_exec(
            str(_program("pg_isready")), "-q", "-h", str(self.folder),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        return await process.wait() == 0

    @staticmethod
    def _as_service() -> list[str]:
        """Words before a command that has it end with us, and not run as root."""
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise ProgramMissingError("setpriv", "util-linux")
        user = (
            ["--reuid", _SERVICE_USER, "--regid", _SERVICE_USER, "--clear-groups"]
            if os.geteuid() == 0
            else []
        )
        return [setpriv, *user, "--pdeathsig", "INT", "--"]


def _program(name: str) -> Path:
    """Find a program of PostgreSQL: Debian's newest, else one on the path.

    Raises
    ------
    ProgramMissingError
        When it is not installed.
    """
    found = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1]
    path = shutil.which(name)
    if path is None:
        raise ProgramMissingError(name, "postgresql")
    return Path(path)
