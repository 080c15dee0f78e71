"""A relay whose store is a real OpenSSH: it serves none of its own, and looks after that one."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.ftp_relay.holdings import RemoteHoldings
from console import settings
from console.run_relay import _store
from tests.transfer.sites import sshd_site

pytestmark = pytest.mark.integration


async def test_a_relay_with_a_store_on_openssh(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with sshd_site(tmp_path_factory.mktemp("sshd")) as site, socket.create_server(("127.0.0.1", 0)) as taken:
        folder = tmp_path / "csc-ftp"
        content = {
            "sftp_port": taken.getsockname()[1],  # it would be in the way of a store of its own
            "xmpp": {"host": "127.0.0.1", "domain": "x"},
            "sftp": {"host": "127.0.0.1", "port": site.port},
        }
        settings.write(folder, content)
        (folder / "id_ed25519").touch(mode=0o600)
        (folder / "id_ed25519").write_bytes(site.key("csc-ftp").read_bytes())
        (folder / "relay_host_key.pub").write_text(site.host_key)
        async with _store(folder, settings.read(settings.RelaySettings, folder)) as holdings:
            assert isinstance(holdings, RemoteHoldings)
            assert holdings.remove_parts(before=datetime.now(UTC)) == []
