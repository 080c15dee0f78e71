"""How fast files move: our client against OpenSSH's `sftp`, to the same sshd in the same run.

Every figure includes the login and, on our side, SHA-256 of every byte, temporary names and the sync to
disk. Medians of interleaved rounds.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh

from agents.ftp_relay.store import host_key_line
from agents.ftp_relay.store_accounts import StoreAccounts
from benchmarks.sshd import free_port, running_sshd, sshd_place, sshd_program
from transfer import Manifest, SftpSettings, SftpStore, build_manifest, upload_dataset

LARGE_MIB = 128
SMALL_FILES, SMALL_KIB = 100, 64
ROUNDS = 3
PEER = "sftp -c aes128-gcm@openssh.com"
USER = "gft-bench"

_SSHD = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/keys/{user}
StrictModes no
UsePAM no
Subsystem sftp internal-sftp -d {folder}/sshd
"""

# In a process of its own, as at a relay: in ours, both ends would share one interpreter.
_EMBEDDED = """\
import asyncio, sys
from pathlib import Path
from agents.ftp_relay.store import SftpServer
async def serve():
    folder = Path(sys.argv[1])
    server = SftpServer(folder / "embedded", folder / "keys", folder / "host_key", 0)
    await server.start()
    print(server.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()
asyncio.run(serve())
"""

Times = dict[tuple[str, str], list[float]]


def run() -> list[dict[str, Any]]:
    """Measure; returns rows with name, value, p99, unit, ratio, against and runs.

    Raises
    ------
    RuntimeError
        When OpenSSH's programs are missing, or a server does not start.
    """
    if sshd_program() is None or shutil.which("sftp") is None:
        raise RuntimeError("sshd and sftp are needed (Debian: openssh-server, openssh-client)")
    memory = Path("/dev/shm")  # noqa: S108  # a disk would be what is measured
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        (folder / "sshd").mkdir()
        _write_data(folder)
        with _sshd(folder) as sshd, _embedded(folder) as embedded:
            times = _measure(folder, sshd, embedded)
    rows = []
    for which, server in (("ours", "sshd"), ("ours, embedded server", "embedded")):
        for what in ("up", "down"):
            seconds, peer = (statistics.median(times[w, what]) for w in (server, "peer"))
            rows.append(
                _row(f"SFTP {LARGE_MIB} MiB {what}, {which}", LARGE_MIB / seconds, "MiB/s", peer / seconds)
            )
        for what in ("files up", "files down"):
            seconds, peer = (statistics.median(times[w, what]) for w in (server, "peer"))
            name = f"SFTP {SMALL_FILES} {what} ({SMALL_KIB} KiB each), {which}"
            rows.append(_row(name, seconds, "s", peer / seconds))
    return rows


def _row(name: str, value: float, unit: str, speed_ratio: float) -> dict[str, Any]:
    """Return a row; the ratio is of speeds, so that more than 1 is always faster than the peer."""
    return {
        "name": name,
        "value": round(value, 3),
        "p99": None,
        "unit": unit,
        "ratio": round(speed_ratio, 2),
        "against": f"{PEER} (speed)",
        "runs": ROUNDS,
    }


def _write_data(folder: Path) -> None:
    (folder / "large").write_bytes(os.urandom(2**20) * LARGE_MIB)
    (folder / "small").mkdir()
    for number in range(SMALL_FILES):
        (folder / "small" / f"{number:04}.fits").write_bytes(os.urandom(SMALL_KIB * 1024))


def _measure(folder: Path, sshd: SftpSettings, embedded: SftpSettings) -> Times:
    times: Times = defaultdict(list)
    digest = hashlib.sha256((folder / "large").read_bytes()).hexdigest()
    names = [path.name for path in (folder / "small").iterdir()]
    manifest = build_manifest(folder / "small", names, campaign=f"bench.{USER}", dataset="small")
    for _ in range(ROUNDS):
        got = folder / "got"
        got.mkdir()
        for what, command in {
            "up": f"put {folder}/large peer-large",
            "down": f"get peer-large {got}/peer-large",
            "files up": f"put -R {folder}/small peer-small",
            "files down": f"get -R peer-small {got}/peer-small",
        }.items():
            with _timed(times, "peer", what):
                _sftp(folder, sshd, command)
        for which, settings in (("sshd", sshd), ("embedded", embedded)):
            for what, work in _works(folder, got / which, digest, manifest).items():
                store = SftpStore(settings)
                try:
                    with _timed(times, which, what):
                        work(store)
                finally:
                    store.close()
        for left in (got, folder / "sshd", folder / "embedded" / USER):
            shutil.rmtree(left)
        (folder / "sshd").mkdir()
        (folder / "embedded" / USER).mkdir()
    return times


def _works(
    folder: Path, got: Path, digest: str, manifest: Manifest
) -> dict[str, Callable[[SftpStore], object]]:
    """Return what one round of ours does, each over a connection of its own."""

    def fetch_small(store: SftpStore) -> None:
        for entry in manifest.files:
            store.download(
                f"{manifest.folder}/{entry.path}",
                got / entry.path,
                size_bytes=entry.bytes,
                sha256=entry.sha256,
            )

    size = LARGE_MIB * 2**20
    return {
        "up": lambda store: store.upload(folder / "large", "large", sha256=digest),
        "down": lambda store: store.download("large", got / "large", size_bytes=size, sha256=digest),
        "files up": lambda store: upload_dataset(store, folder / "small", manifest),
        "files down": fetch_small,
    }


@contextmanager
def _timed(times: Times, which: str, what: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    times[which, what].append(time.perf_counter() - begun)


def _sftp(folder: Path, settings: SftpSettings, command: str) -> None:
    options = {
        "Port": settings.port,
        "IdentityFile": settings.key_file,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": folder / "known_hosts",
        "StrictHostKeyChecking": "yes",
        "LogLevel": "ERROR",
    }
    subprocess.run(  # noqa: S603  # arguments of our own
        [
            *PEER.split(), "-q", "-F", "/dev/null", "-b", "-",
            *(f"-o{name}={value}" for name, value in options.items()),
            f"{settings.user}@{settings.host}",
        ],
        input=command.encode(), check=True, capture_output=True,
    )  # fmt: skip


@contextmanager
def _sshd(folder: Path) -> Iterator[SftpSettings]:
    """Run an sshd that lets in who runs this."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    key_file = folder / "key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(key.export_private_key("openssh"))
    StoreAccounts(folder / "embedded", folder / "keys").admit(USER, key.export_public_key().decode())
    port = free_port()
    settings = SftpSettings(
        host="127.0.0.1",
        port=port,
        user=getpass.getuser(),
        key_file=key_file,
        host_key=host_key_line(folder / "host_key"),
    )
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {settings.host_key}\n")
    (folder / "sshd_config").write_text(_SSHD.format(port=port, folder=folder, user=USER))
    with running_sshd(folder / "sshd_config", port, folder / "sshd.log", prefix=sshd_place()):
        yield settings


@contextmanager
def _embedded(folder: Path) -> Iterator[SftpSettings]:
    """Run the embedded server in another process."""
    with subprocess.Popen(  # noqa: S603  # this interpreter
        [sys.executable, "-c", _EMBEDDED, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes to the embedded server")
        port = process.stdout.readline().decode().strip()
        if not port:
            raise RuntimeError("the embedded SFTP server did not start")
        yield SftpSettings(
            host="127.0.0.1",
            port=int(port),
            user=USER,
            key_file=folder / "key",
            host_key=host_key_line(folder / "host_key"),
        )
        process.stdin.close()
