"""Running SFTP stores for the contract suite: the embedded server, and a real sshd with its own accounts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import asyncssh
import paramiko
import pytest

from agents.ftp_relay.store import SftpServer, host_key_line
from agents.ftp_relay.store_accounts import StoreAccounts
from benchmarks.sshd import free_port, running_sshd, sshd_program
from deploy.openssh import SshdConfig
from transfer import SftpSettings, SftpStore
from transfer.session import close_session, open_session

TELESCOPES = ("gft-a", "gft-b", "gft-full")


@dataclass
class Site:
    """A running store, seen from the host and from its users."""

    kind: str
    port: int
    host_key: str
    folder: Path  # on the host, everything of this site
    root: Path  # on the host, the store
    outside: Path  # on the host, beside the store
    opened: list[SftpStore] = field(default_factory=list)
    sessions: dict[str, paramiko.SFTPClient] = field(default_factory=dict)

    def key(self, user: str) -> Path:
        return self.folder / "private" / user

    def settings(self, user: str, **changes: object) -> SftpSettings:
        settings = SftpSettings(
            host="127.0.0.1",
            port=self.port,
            user=user,
            key_file=self.key(user),
            host_key=self.host_key,
            connect_timeout_s=10,
            stall_timeout_s=10,
        )
        return replace(settings, **changes)

    def store(self, user: str, **changes: object) -> SftpStore:
        store = SftpStore(self.settings(user, **changes))
        self.opened.append(store)
        return store

    def raw(self, user: str) -> paramiko.SFTPClient:
        """A plain SFTP client, for what our own would never ask; shared by the tests of a module."""
        if user not in self.sessions:
            self.sessions[user] = open_session(self.settings(user))
        return self.sessions[user]

    @property
    def accounts(self) -> StoreAccounts:
        return StoreAccounts(self.root, self.folder / "keys")

    def home(self, telescope: str) -> Path:
        return self.root / telescope

    def close_stores(self) -> None:
        for store in self.opened:
            store.close()
        self.opened.clear()

    def close(self) -> None:
        self.close_stores()
        for sftp in self.sessions.values():
            close_session(sftp)


def make_key(path: Path) -> str:
    """Write a private key, return the public one."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(key.export_private_key("openssh"))
    return key.export_public_key("openssh").decode()


@contextlib.contextmanager
def embedded_site(folder: Path, **options: int) -> Iterator[Site]:
    server = SftpServer(folder / "store", folder / "keys", folder / "host_key", 0, **options)
    asyncio.run(server.start())
    try:
        for user in ("csc", *TELESCOPES):
            server.accounts.admit(user, make_key(folder / "private" / user))
        (folder / "outside").mkdir()
        yield Site(
            "embedded", server.port, host_key_line(folder / "host_key"),
            folder, folder / "store", folder / "outside",
        )  # fmt: skip
    finally:
        asyncio.run(server.stop())


@contextlib.contextmanager
def sshd_site(folder: Path) -> Iterator[Site]:
    """A real sshd with the configuration of deploy/, in a mount namespace with accounts of its own.

    The machine's accounts stay as they are. gft-full has a disk of 2 MiB.
    """
    if sshd_program() is None:
        pytest.skip("sshd is not installed (Debian: openssh-server)")
    if os.geteuid() != 0:
        pytest.skip("a real sshd with several accounts needs root; the embedded server was tested")
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine allows root no mount namespaces (a container?)")
    port = free_port()
    # sshd accepts no folder below /tmp, which all may write to: the site's folder appears as /mnt.
    config = SshdConfig(
        root=Path("/mnt/store"), keys=Path("/mnt/keys"), host_key=Path("/mnt/host_key"),
        port=port, interfaces=("127.0.0.1",), pidfile=Path("/mnt/sshd.pid"),
    )  # fmt: skip
    folder.chmod(0o755)
    host_key = make_key(folder / "host_key")
    (folder / "sshd_config").write_text(config.render())
    (folder / "keys").mkdir(mode=0o755)
    (folder / "outside").mkdir()
    store = folder / "store"
    store.mkdir()
    users = {user: 62001 + n for n, user in enumerate(("csc", "csc-ftp", *TELESCOPES))}
    groups = users | {"csc-ftp": users["csc"]}
    for user, uid in users.items():
        (folder / "keys" / user).write_text(make_key(folder / "private" / user))
        if user in TELESCOPES:
            (store / user).mkdir()
            os.chown(store / user, uid, users["csc"])
            (store / user).chmod(0o2770)
    os.chown(store, 0, users["csc"])
    store.chmod(0o751)
    for name, lines in {
        "passwd": [f"{u}:*:{i}:{groups[u]}::/:/usr/sbin/nologin" for u, i in users.items()],
        "group": [f"{u}:x:{i}:" for u, i in groups.items() if i == users[u]],
    }.items():
        own = Path("/etc", name).read_text().rstrip("\n")
        (folder / name).write_text("\n".join([own, *lines]) + "\n")
    place = (
        "mount --bind $0 /mnt && mount --bind /mnt/passwd /etc/passwd && mount --bind /mnt/group /etc/group"
        " && mount -t tmpfs tmpfs /run && mkdir -m 0755 /run/sshd"
        f" && mount -t tmpfs -o size=2m,uid={users['gft-full']},gid={users['csc']},mode=2770 tmpfs"
        ' /mnt/store/gft-full && exec "$@"'
    )
    prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", place, str(folder)]
    with running_sshd(Path("/mnt/sshd_config"), port, folder / "sshd.log", prefix=prefix):
        yield Site("sshd", port, " ".join(host_key.split()[:2]), folder, store, folder / "outside")
