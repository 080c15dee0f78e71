"""The VOEvent broker Comet, where it is installed, as a peer: its events are acknowledged, too.

It runs as ``twistd comet`` from the search path; nothing of it is imported here. It remembers which events it
has seen, in a file that is not synchronised to the disk, and passes them on to whoever is connected.

References
----------
VOEvent Transport Protocol 2.0, IVOA Note 2017-03-20: a length in four bytes, then the document; the broker
answers with an ``ack``.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from benchmarks.sshd import free_port

_READY_S = 30.0
_ANSWER_S = 60.0
_AT_ONCE = 64
"""Connections; an author opens one for each event."""


def installed() -> str | None:
    """Return the path of a twistd that knows Comet, None when there is none."""
    program = shutil.which("twistd")
    if program is None:
        return None
    asked = subprocess.run([program, "comet", "--version"], capture_output=True, check=False)  # noqa: S603 - from the search path
    return program if asked.returncode == 0 else None


@contextlib.asynccontextmanager
async def broker(program: str, folder: Path) -> AsyncIterator[int]:
    """Run a broker that takes events from authors; gives its port.

    Raises
    ------
    RuntimeError
        When it does not listen.
    """
    await asyncio.to_thread(folder.mkdir)
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        program, "-n", "--pidfile=", "comet", "--receive", f"--receive-port={port}",
        "--local-ivo=ivo://followup/bench", f"--eventdb={folder}", "--quiet",
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_READY_S):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                if process.returncode is not None:
                    raise RuntimeError(f"Comet ended with {process.returncode}")
                await asyncio.sleep(0.05)
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def submit(port: int, events: Iterable[bytes]) -> None:
    """Submit events, many at a time; return when all are acknowledged.

    Raises
    ------
    RuntimeError
        When one is refused.
    """
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(raw: bytes) -> None:
        async with room, asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(len(raw).to_bytes(4) + raw)
            answer = await reader.readexactly(int.from_bytes(await reader.readexactly(4)))
            writer.close()
            if b'role="ack"' not in answer:
                raise RuntimeError(f"Comet refuses an event: {answer.decode(errors='replace')[:200]}")

    await asyncio.gather(*(one(raw) for raw in events))
