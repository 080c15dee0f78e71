"""The embedded SFTP server as a process of its own, to be killed: its folder and port are arguments."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from agents.ftp_relay.store import SftpServer


async def serve(folder: Path, port: int) -> None:
    server = SftpServer(folder / "store", folder / "keys", folder / "host_key", port)
    await server.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
