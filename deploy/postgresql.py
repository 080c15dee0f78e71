"""A PostgreSQL of our own, as a child process that listens on a Unix socket only."""

from __future__ import annotations

import asyncio
import os
import pwd
from pathlib import Path
from typing import Final

from deploy.child import Child, program, setpriv
from deploy.errors import DeployError, ServerFailedError

_READY_S: Final = 60.0
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
        self._child = Child()

    @property
    def url(self) -> str:
        """SQLAlchemy URL of its database."""
        return f"postgresql://{_USER}@/{self.database}?host={self.folder}"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid

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
                        await self._spawn()
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            await self.stop()
            raise ServerFailedError(
                f"PostgreSQL did not answer within {_READY_S:.0f} s", hint=f"read {self.log}"
            ) from error

    async def stop(self) -> None:
        """End it, whoever is connected; its data stay."""
        await self._child.stop()

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

    async def _do(self, name: str, *arguments: str, said: str = "") -> None:
        process = await asyncio.create_subprocess_exec(
            *setpriv(*_as_service()), _program(name), *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self.folder,
        )  # fmt: skip
        output, _ = await process.communicate(said.encode())
        if process.returncode != 0:
            last = output.decode(errors="replace").strip().splitlines()[-1:]
            raise ServerFailedError(f"{name} failed: {' '.join(last)}", hint=f"look into {self.folder}")

    async def _spawn(self) -> None:
        options = ["-k", str(self.folder), *(f"--{option}" for option in _QUIET)]
        with self.log.open("ab") as log:
            await self._child.start(
                _program("postgres"), "-D", "data", *options,
                privileges=_as_service(),
                on_our_death="INT",
                log=log,
                folder=self.folder,
            )  # fmt: skip

    async def _answers(self) -> bool:
        process = await asyncio.create_subprocess_exec(
            _program("pg_isready"), "-q", "-h", str(self.folder),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        return await process.wait() == 0


def _as_service() -> list[str]:
    """Privileges to take from PostgreSQL, which does not run as root."""
    if os.geteuid() != 0:
        return []
    return ["--reuid", _SERVICE_USER, "--regid", _SERVICE_USER, "--clear-groups"]


def _program(name: str) -> str:
    """Find a program of PostgreSQL: Debian's newest, else one on the path."""
    found = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(found[-1]) if found else program(name, "postgresql")
