"""The XMPP server Prosody as a child process, and its accounts.

Nothing here speaks XMPP: topics are made by the relay's session.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import sqlite3
from pathlib import Path
from urllib.parse import quote

from deploy.child import Child, check_free, program
from deploy.errors import DeployError, ServerFailedError
from deploy.prosody_config import ProsodyConfig

_USER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_ADMIN_SOCKET = "admin.sock"
_NO_SERVER = "Unable to connect to server"
_DATABASE = "prosody.sqlite"
"""As the configuration names it."""
_READY_S = 15.0
_STOP_S = 5.0
_PACKAGES = "prosody lua-dbi-sqlite3"
_CONTROL_S = 30.0
_LEAST_BYTES = 1_000_000
"""With less than this free on its disk, that is what Prosody complains of, whatever its words."""


class Prosody:
    """A Prosody of our own, as a child process.

    It ends with the process that started it (`deploy.child`). Accounts can be added and removed whether it
    runs or not.

    Parameters
    ----------
    config
        Its data folder, log and pidfile must be its own.
    """

    def __init__(self, config: ProsodyConfig) -> None:
        self.config = config
        self._file = config.data / "prosody.cfg.lua"
        self._child = Child(stop_s=_STOP_S)

    @classmethod
    def embedded(
        cls,
        folder: Path,
        *,
        domain: str,
        port: int,
        certificate: Path,
        key: Path,
        interface: str = "127.0.0.1",
    ) -> Prosody:
        """Return one that keeps everything it writes in `folder`."""
        folder = folder.absolute()
        return cls(
            ProsodyConfig(
                domain=domain,
                data=folder,
                certificate=certificate.absolute(),
                key=key.absolute(),
                port=port,
                interfaces=(interface,),
                log=folder / "prosody.log",
                pidfile=folder / "prosody.pid",
                as_root=os.geteuid() == 0,
            )
        )

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid

    async def start(self) -> None:
        """Start it; return when clients can log in.

        Raises
        ------
        ProgramMissingError
            When Prosody is not installed.
        PortInUseError
            When its port is taken.
        ServerFailedError
            When it ends or does not become ready; the message has the reason from its log.
        DeployError
            When it runs already, or its folder cannot be written.
        """
        if self.pid is not None:
            raise DeployError(f"Prosody already runs with process id {self.pid}")
        prosody = program("prosody", _PACKAGES)
        for interface in self.config.interfaces:
            check_free("Prosody", interface, self.config.port)
        self._write_config()
        _write_ahead(self.config.data / _DATABASE)
        seen = self._log_size()
        await self._child.start(prosody, "--config", str(self._file), "-F")
        try:
            async with asyncio.timeout(_READY_S):
                await self._ready(seen)
        except TimeoutError:
            await self.stop()
            raise ServerFailedError(
                f"Prosody did not open port {self.config.port} within {_READY_S:.0f} s",
                hint=f"read {self.config.log}",
            ) from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End it; its data stay."""
        await self._child.stop()

    def accounts(self) -> frozenset[str]:
        """Users that have an account, as far as can be read (whether it runs or not)."""
        database = f"file:{quote(str(self.config.data / _DATABASE))}?mode=ro"
        try:
            with contextlib.closing(sqlite3.connect(database, uri=True)) as connection:
                rows = connection.execute(
                    "SELECT DISTINCT user FROM prosody WHERE host = ? AND store = 'accounts'",
                    (self.config.domain,),
                )
                return frozenset(user for (user,) in rows)
        except sqlite3.Error:  # there is none yet, or no longer
            return frozenset()

    async def add_account(self, user: str, *, password: str = "") -> str:
        """Make an account, or give an existing one a new password; return the password.

        Parameters
        ----------
        password
            A random one when empty.

        Raises
        ------
        DeployError
            When `user` cannot be a user's name, or the account cannot be made.
        """
        _check_user(user)
        password = password or secrets.token_urlsafe(24)
        address = f"{user}@{self.config.domain}"
        answer = f"{password}\n{password}\n"
        code, output = await self._control("adduser", address, stdin=answer)
        if code != 0 and "exists" in output:
            code, output = await self._control("passwd", address, stdin=answer)
        if code != 0:
            raise DeployError(
                f"the account {address} cannot be made: {output}", hint=f"read {self.config.log}"
            )
        return password

    async def remove_account(self, user: str) -> None:
        """Remove an account and end its connections; removing one that is not there does nothing.

        Raises
        ------
        DeployError
            When it cannot be removed.
        """
        _check_user(user)
        address = f"{user}@{self.config.domain}"
        code, output = 1, _NO_SERVER
        if (self.config.data / _ADMIN_SOCKET).exists():
            # Through the running server, whoever started it: only it can end the account's connections.
            code, output = await self._control("shell", "user", "delete", address)
        if _NO_SERVER in output:
            code, output = await self._control("deluser", address)
        if code != 0 and "No such user" not in output and "does not exist" not in output:
            raise DeployError(
                f"the account {address} cannot be removed: {output}", hint=f"read {self.config.log}"
            )

    async def _ready(self, seen: int) -> None:
        while True:
            if self._child.pid is None:
                raise ServerFailedError(
                    f"Prosody ended at once: {self._complaint(seen) or 'it gave no reason'}",
                    hint=f"read {self.config.log}",
                )
            if await _answers(self.config):
                break
            await asyncio.sleep(0.02)
        # It opens its port even when its storage or certificate failed to load: then nobody can log in.
        if complaint := self._complaint(seen):
            raise ServerFailedError(f"Prosody is not usable: {complaint}", hint=_hint(complaint, self.config))

    def _log_size(self) -> int:
        try:
            return self.config.log.stat().st_size
        except OSError:
            return 0

    def _complaint(self, seen: int) -> str:
        """First error in the log since it had `seen` bytes."""
        try:
            with self.config.log.open("rb") as log:
                log.seek(seen)
                text = log.read().decode(errors="replace")
        except OSError:
            return ""
        return next((line.split("\terror\t", 1)[1] for line in text.splitlines() if "\terror\t" in line), "")

    def _write_config(self) -> None:
        try:
            self.config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = self._file.with_suffix(".new")
            temporary.write_text(self.config.render(), encoding="utf-8")
            temporary.replace(self._file)
        except OSError as error:
            raise DeployError(
                f"cannot write {self._file}: {error.strerror}",
                hint="check the folder's permissions and free space",
            ) from error

    async def _control(self, *arguments: str, stdin: str = "") -> tuple[int, str]:
        """Run prosodyctl; return its exit code and what it printed."""
        self._write_config()
        process = await asyncio.create_subprocess_exec(
            program("prosodyctl", "prosody"), "--config", str(self._file), *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_CONTROL_S):
                output, _ = await process.communicate(stdin.encode())
        except BaseException as error:
            process.kill()
            await process.wait()
            if isinstance(error, TimeoutError):
                raise DeployError(
                    f"prosodyctl {arguments[0]} did not end within {_CONTROL_S:.0f} s"
                ) from error
            raise
        lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
        return process.returncode or 0, "; ".join(lines[-3:])


def _write_ahead(database: Path) -> None:
    """Have a database keep a log that is written ahead: one wait for the disk an item instead of several.

    Prosody 0.12 has no setting for it; the database's file itself remembers it.

    References
    ----------
    SQLite: Write-Ahead Logging, section 3 ("Activating And Configuring WAL Mode").
    """
    # What is wrong with the file, or its folder, Prosody tells when it starts.
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def _check_user(user: str) -> None:
    if not _USER.fullmatch(user):
        raise DeployError(
            f"{user!r} cannot be a user's name", hint="use lower-case letters, digits and dashes"
        )


async def _answers(config: ProsodyConfig) -> bool:
    """Whether the server says anything to a client.

    A connection alone means little: the kernel takes it while Prosody still loads modules and makes tables.
    """
    interface = config.interfaces[0]
    try:
        reader, writer = await asyncio.open_connection(
            {"*": "127.0.0.1", "::": "::1"}.get(interface, interface), config.port
        )
    except OSError:
        return False
    try:
        writer.write(
            f"<stream:stream to='{config.domain}' version='1.0' xmlns='jabber:client'"
            " xmlns:stream='http://etherx.jabber.org/streams'>".encode()
        )
        return bool(await reader.read(1))
    except OSError:
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _hint(complaint: str, config: ProsodyConfig) -> str:
    if shutil.disk_usage(config.data).free < _LEAST_BYTES:
        return f"make room on the disk of {config.data}, and try again"
    if "LuaDBI" in complaint or "DBI" in complaint:
        return "install its storage driver, on Debian and Ubuntu with: sudo apt-get install lua-dbi-sqlite3"
    return f"read {config.log}"
