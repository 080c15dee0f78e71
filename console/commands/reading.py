"""Opening what commands only read: packets in files, and the science centre's archive."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from console import settings
from console.state import State, archive_files, archive_url, own_archive
from followup.errors import FollowupError
from voevent.errors import OversizedError, VOEventError
from voevent.packet import MAX_PACKET_BYTES, Packet
from voevent.parse import parse

if TYPE_CHECKING:
    from archive.archive import Archive

_MEND = "is it a VOEvent? Then its author must mend it"


class BadPacketError(FollowupError):
    """A file holds no packet that can be read."""


def read_packet(file: Path) -> Packet:
    """Read the packet in a file.

    Raises
    ------
    BadPacketError
        When it cannot be parsed.
    OSError
        When the file cannot be read.
    """
    with file.open("rb") as opened:
        # One byte more than is taken in is enough to see that there is too much.
        raw = opened.read(MAX_PACKET_BYTES + 1)
    try:
        return parse(raw)
    except OversizedError as error:
        size = file.stat().st_size
        raise BadPacketError(
            f"{file}: a packet of {size} bytes is more than the limit of {MAX_PACKET_BYTES}", hint=_MEND
        ) from error
    except VOEventError as error:
        raise BadPacketError(f"{file}: {error}", hint=_MEND) from error


@contextlib.contextmanager
def opened_archive(where: State, *, make: bool = False) -> Iterator[Archive]:
    """Open the archive of a state's science centre, or one that was made for imported campaigns only.

    Parameters
    ----------
    make
        Make it when there is none.
    """
    from archive.archive import Archive  # noqa: PLC0415 - half a second that few commands need

    configured = ""
    if (where.csc / settings.SETTINGS).exists() or not (make or own_archive(where.csc).exists()):
        configured = settings.read(settings.CscSettings, where.csc).archive_url
    if make:
        where.csc.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Archive.open(archive_url(where.csc, configured), archive_files(where.csc), migrate=make) as archive:
        yield archive
