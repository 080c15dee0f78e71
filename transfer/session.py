"""One login at an SFTP store: connection, pinned host key, and paramiko's errors in our words."""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import hashlib
import socket
import threading
from collections.abc import Iterator

import paramiko
from paramiko.sftp import SFTPError

from followup.errors import ConfigurationError
from transfer.errors import (
    AuthenticationRefusedError,
    HostKeyMismatchError,
    StoreForbidsError,
    StoreRefusedError,
    StoreUnreachableError,
    TransferInterruptedError,
)
from transfer.settings import SftpSettings
from transfer.wire import BufferingPacketizer, ChunkPipe

# Measured over loopback against OpenSSH: larger windows and packets are slower again.
_WINDOW_BYTES = 4 * 1024 * 1024
_PACKET_BYTES = 64 * 1024
_KEEPALIVE_S = 15
_JOIN_S = 5


def check_keys(settings: SftpSettings) -> None:
    """Make sure, before there is anything to transfer, that the keys of a login can be read.

    Raises
    ------
    ConfigurationError
        When the key file or the pinned host key cannot be.
    """
    _private_key(settings)
    _pinned_key(settings)


def open_session(settings: SftpSettings) -> paramiko.SFTPClient:
    """Connect, check the host key, log in and start SFTP (blocking).

    Raises
    ------
    ConfigurationError
        When the key file or the pinned host key cannot be read.
    StoreUnreachableError, HostKeyMismatchError, AuthenticationRefusedError
        As they say.
    """
    key = _private_key(settings)
    pinned_type, pinned = _pinned_key(settings)
    try:
        connection = socket.create_connection((settings.host, settings.port), settings.connect_timeout_s)
    except OSError as error:
        raise _unreachable(settings, error) from error
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(
        connection,
        default_window_size=_WINDOW_BYTES,
        default_max_packet_size=_PACKET_BYTES,
        packetizer_class=BufferingPacketizer,
    )
    if isinstance(transport.packetizer, BufferingPacketizer):
        transport.packetizer.stall_timeout_s = settings.stall_timeout_s
    options = transport.get_security_options()
    options.ciphers = sorted(options.ciphers, key=lambda name: "-gcm@" not in name)  # several times faster
    options.key_types = sorted(options.key_types, key=lambda name: name not in _algorithms(pinned_type))
    # Some waits inside paramiko have no time-out of their own; closing the transport ends them all.
    too_long = threading.Timer(settings.connect_timeout_s, transport.close)
    too_long.daemon = True
    too_long.start()
    try:
        sftp = _log_in(transport, settings, key, pinned)
    except BaseException:
        transport.close()
        raise
    finally:
        too_long.cancel()
    if not transport.is_active():  # the timer was faster
        raise _unreachable(settings, TimeoutError("login took too long"))
    return sftp


def _log_in(
    transport: paramiko.Transport, settings: SftpSettings, key: paramiko.PKey, pinned: bytes
) -> paramiko.SFTPClient:
    try:
        transport.start_client(timeout=settings.connect_timeout_s)
        shown = transport.get_remote_server_key().asbytes()
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise _unreachable(settings, error) from error
    if shown != pinned:
        raise HostKeyMismatchError(
            f"{settings}: the server's host key is {_fingerprint(shown)}, expected {_fingerprint(pinned)}",
            hint="if the relay's host key was renewed on purpose, enrol this site again; otherwise another "
            "machine answers at this address",
        )
    try:
        transport.auth_publickey(settings.user, key)
    except paramiko.AuthenticationException as error:
        if not transport.is_active():  # paramiko says the same of a connection that ended meanwhile
            raise _unreachable(settings, error) from error
        raise AuthenticationRefusedError(
            f"{settings}: the store refuses user {settings.user} with the key {settings.key_file}",
            hint="check that the site is admitted and not revoked, and that this is the key it was given",
        ) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise _unreachable(settings, error) from error
    try:
        transport.set_keepalive(_KEEPALIVE_S)
        channel = transport.open_session(timeout=settings.connect_timeout_s)
        channel.settimeout(settings.stall_timeout_s)
        channel.in_buffer = ChunkPipe()  # before the subsystem starts: no byte has come yet
        channel.invoke_subsystem("sftp")
        return paramiko.SFTPClient(channel)
    except (paramiko.SSHException, OSError, EOFError, SFTPError) as error:
        raise StoreUnreachableError(
            f"{settings}: logged in, but there is no SFTP service ({str(error) or type(error).__name__})",
            hint="the user's directory may be missing on the relay; the relay's log says why",
        ) from error


@contextlib.contextmanager
def translated(settings: SftpSettings, what: str) -> Iterator[None]:
    """Turn what paramiko raises while doing `what` into this package's errors."""
    try:
        yield
    except PermissionError as error:
        raise StoreForbidsError(
            f"{settings}: {what}: permission denied", hint="a site may only use its own directory"
        ) from error
    except FileNotFoundError as error:
        raise StoreRefusedError(f"{settings}: {what}: no such file or directory") from error
    except (paramiko.SSHException, EOFError, TimeoutError, ConnectionError, SFTPError) as error:
        raise _interrupted(settings, what, error) from error
    except OSError as error:
        # A closed channel is an OSError without a number and so is a failure status, which has a text.
        if error.errno in {errno.EPIPE, errno.EBADF, errno.ENOTCONN} or str(error) == "Socket is closed":
            raise _interrupted(settings, what, error) from error
        raise StoreRefusedError(f"{settings}: {what}: the store answers '{error}'") from error


def close_session(sftp: paramiko.SFTPClient) -> None:
    """Cut the connection; a call in another thread that uses it ends with an error."""
    channel = sftp.get_channel()
    transport = channel.get_transport() if channel is not None else None
    if transport is not None:
        with contextlib.suppress(OSError):  # it may be closed already
            transport.sock.shutdown(socket.SHUT_RDWR)  # wakes paramiko's thread at once
        transport.close()
        transport.join(_JOIN_S)


def _private_key(settings: SftpSettings) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(settings.key_file)
    except OSError as error:
        raise ConfigurationError(
            f"{settings.key_file}: cannot read the SFTP key ({error.strerror})",
            hint="enrolment writes this file; point the setting at it",
        ) from error
    except (ValueError, TypeError, paramiko.SSHException) as error:  # TypeError: it wants a passphrase
        raise ConfigurationError(
            f"{settings.key_file}: is not a private key without passphrase ({error})",
            hint="an agent starts unattended: give it a key of its own without a passphrase",
        ) from error


def _pinned_key(settings: SftpSettings) -> tuple[str, bytes]:
    words = settings.host_key.split()
    try:
        if len(words) < 2:
            raise ValueError("expected a type and a key")  # noqa: TRY301  # one place words the error
        return words[0], base64.b64decode(words[1], validate=True)
    except (ValueError, binascii.Error) as error:
        raise ConfigurationError(
            f"{settings}: the pinned host key {settings.host_key[:40]!r} is not a public key ({error})",
            hint="it reads as in the relay's host key file with the ending .pub: ssh-ed25519 AAAA…",
        ) from error


def _algorithms(key_type: str) -> tuple[str, ...]:
    """Return the signature algorithms that show a host key of this type."""
    return ("rsa-sha2-512", "rsa-sha2-256") if key_type == "ssh-rsa" else (key_type,)


def _fingerprint(key: bytes) -> str:
    """Return the fingerprint as ``ssh-keygen -l`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _unreachable(settings: SftpSettings, error: Exception) -> StoreUnreachableError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return StoreUnreachableError(
        f"{settings}: cannot reach the store ({reason})",
        hint="is the relay running, and are host and port right?",
    )


def _interrupted(settings: SftpSettings, what: str, error: Exception) -> TransferInterruptedError:
    return TransferInterruptedError(
        f"{settings}: {what}: connection lost ({str(error) or type(error).__name__})",
        hint="trying again resumes where it stopped",
    )
