"""The relay's embedded SFTP server: a key per user, a directory per telescope that it cannot leave."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import threading
from concurrent.futures import Future
from pathlib import Path

import asyncssh

from agents.ftp_relay.store_accounts import StoreAccounts
from agents.ftp_relay.store_view import StoreView
from followup.errors import ConfigurationError

logger = logging.getLogger(__name__)

_LOGIN_TIMEOUT_S = 15
_KEEPALIVE_S = 30
_REVOCATION_CHECK_S = 1.0
_STOP_TIMEOUT_S = 10.0
RESERVE_BYTES = 64 * 1024 * 1024


class SftpServer:
    """An SFTP server in a thread of its own: a slow disk never delays the relay's receipts.

    Parameters
    ----------
    root
        One directory per telescope; made when missing.
    keys
        One file of public keys per user (see `StoreAccounts`); made when missing.
    host_key
        Private host key; made (ed25519, mode 0600) when missing.
    port
        0 takes a free one; `port` says which once started.
    host
        Address to listen on.
    reserve_bytes
        Uploads are refused when the disk has less than this free.
    """

    def __init__(
        self,
        root: Path,
        keys: Path,
        host_key: Path,
        port: int,
        *,
        host: str = "127.0.0.1",
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        self.accounts = StoreAccounts(root, keys)
        self.host = host
        self.port = port
        self._host_key = host_key
        self._reserve_bytes = reserve_bytes
        self._logins: set[_Login] = set()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    async def start(self) -> None:
        """Listen; logins work when this returns.

        Raises
        ------
        ConfigurationError
            When the port is taken, a folder cannot be written, or the host key cannot be read.
        """
        key = await asyncio.to_thread(self._prepare)
        started: Future[int] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(key, started)), name="sftp-store", daemon=True
        )
        self._thread.start()
        self.port = await asyncio.wrap_future(started)

    async def stop(self) -> None:
        """End all connections and the thread. What clients had not finished they resume later."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._stopping is not None:
            with contextlib.suppress(RuntimeError):  # its loop has ended by itself
                self._loop.call_soon_threadsafe(self._stopping.set)
        await asyncio.to_thread(thread.join, _STOP_TIMEOUT_S)

    def _prepare(self) -> asyncssh.SSHKey:
        for folder in (self.accounts.root, self.accounts.keys):
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            except OSError as error:
                raise ConfigurationError(
                    f"{folder}: cannot make this folder of the SFTP store ({error.strerror})",
                    hint="check the path and that the relay may write there",
                ) from error
        return _host_key(self._host_key)

    async def _serve(self, key: asyncssh.SSHKey, started: Future[int]) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        stopping = self._stopping
        try:
            acceptor = await asyncssh.listen(
                self.host,
                self.port,
                server_factory=lambda: _Login(self.accounts, self._logins),
                server_host_keys=[key],
                config=None,
                sftp_factory=self._view,
                allow_scp=False,
                allow_pty=False,
                agent_forwarding=False,
                gss_host=None,
                password_auth=False,
                kbdint_auth=False,
                host_based_auth=False,
                login_timeout=_LOGIN_TIMEOUT_S,
                keepalive_interval=_KEEPALIVE_S,
            )
        except OSError as error:
            started.set_exception(_cannot_listen(self.host, self.port, error))
            return
        started.set_result(acceptor.get_port())
        try:
            while not stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), _REVOCATION_CHECK_S)
                self._end_revoked()
        finally:
            acceptor.close()
            for login in list(self._logins):
                login.abort()
            await acceptor.wait_closed()  # from Python 3.12 on this waits for the connections too
            # What is left in this loop are the sessions' own tasks: they close the files that were open.
            if left := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(left, timeout=_STOP_TIMEOUT_S / 2)

    def _view(self, channel: asyncssh.SSHServerChannel[bytes]) -> StoreView:
        user: str = channel.get_extra_info("username")
        home = self.accounts.home(user)
        if not home.is_dir():
            # The view of a missing directory refuses everything; the operator needs to know why.
            logger.error("SFTP store: %s is missing: admit %s again", home, user, extra={"user": user})
        return StoreView(
            channel, root=home, writable=self.accounts.may_write(user), reserve_bytes=self._reserve_bytes
        )

    def _end_revoked(self) -> None:
        for login in list(self._logins):
            if login.key is not None and not self.accounts.authorises(login.user, login.key):
                logger.warning("SFTP store: %s was revoked, its connection ends", login.user)
                login.abort()


class _Login(asyncssh.SSHServer):
    """One connection: who it is, and with which key it proved that."""

    def __init__(self, accounts: StoreAccounts, logins: set[_Login]) -> None:
        self._accounts = accounts
        self._logins = logins
        self._connection: asyncssh.SSHServerConnection | None = None
        self.user = ""
        self.key: asyncssh.SSHKey | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._logins.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # a lost connection is ordinary
        self._logins.discard(self)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        if not self._accounts.authorises(username, key):
            logger.warning("SFTP store: refused %r with the key %s", username, key.get_fingerprint())
            return False
        self.user, self.key = username, key
        return True

    def abort(self) -> None:
        """End the connection at once."""
        if self._connection is not None:
            self._connection.abort()


def host_key_line(host_key: Path) -> str:
    """Return the public host key as clients pin it; the key is made when missing.

    Raises
    ------
    ConfigurationError
        When it cannot be read or made.
    """
    key = _host_key(host_key)
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


def _host_key(path: Path) -> asyncssh.SSHKey:
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            key = asyncssh.generate_private_key("ssh-ed25519")
            temporary = path.with_name(f".{path.name}.new")
            temporary.unlink(missing_ok=True)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(key.export_private_key("openssh"))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        return asyncssh.read_private_key(path)
    except (OSError, asyncssh.KeyImportError) as error:
        raise ConfigurationError(
            f"{path}: cannot use this as the SFTP host key ({error})",
            hint="restore it from a backup; a new one would have to be pinned again by every site",
        ) from error


def _cannot_listen(host: str, port: int, error: OSError) -> ConfigurationError:
    if error.errno == errno.EADDRINUSE:
        return ConfigurationError(
            f"SFTP store: port {port} on {host} is in use",
            hint="stop the other server, or set another sftp_port in the site.toml of the relay",
        )
    return ConfigurationError(
        f"SFTP store: cannot listen on {host} port {port} ({error.strerror or error})",
        hint="check the address; ports below 1024 need privileges",
    )
