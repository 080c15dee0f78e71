"""What is in a file, apart from when it was written.

FITS files carry the wall time of their writing in the comments of CHECKSUM and DATASUM; what differs in
nothing else has the same digest here.

References
----------
FITS Standard 4.0 (2018), sections 3 and 4.4.2.7.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from agents.gft.frames import read_raw
from followup.devices import RawFrame
from transfer.manifest import Manifest

_RAW = ".fits.fz"
_CARDS = re.compile(rb"(?:CHECKSUM|DATASUM |DATE    )= .{70}", re.DOTALL)


def timeless_digest(path: Path) -> str:
    """SHA-256 of a file without the stamps of its writing; of a raw frame, what the camera gave (blocking).

    Raises
    ------
    OSError
        When it cannot be read.
    """
    if path.name.endswith(_RAW):
        with contextlib.suppress(KeyError, ValueError):  # no frame of ours: its bytes are compared
            return _frame_digest(read_raw(path))
    raw = path.read_bytes()
    if path.name.endswith((".fits", ".fits.fz")):
        # Such cards stand in headers only: compressed pixels do not spell them.
        raw = _CARDS.sub(b"", raw)
    return hashlib.sha256(raw).hexdigest()


def _frame_digest(frame: RawFrame) -> str:
    """Digest pixels and what they are of: how they are compressed is of no account."""
    said = (
        frame.frame_type,
        frame.date_obs,
        frame.exposure_s,
        frame.filter,
        frame.pointing,
        frame.pixels.shape,
    )
    sha256 = hashlib.sha256(repr(said).encode())
    sha256.update(np.ascontiguousarray(frame.pixels).tobytes())
    return sha256.hexdigest()


def digests(folder: Path, manifest: Manifest) -> Mapping[str, str]:
    """Timeless digests of a dataset's files that are there, by path (blocking)."""
    return {
        entry.path: timeless_digest(folder / entry.path)
        for entry in manifest.files
        if (folder / entry.path).is_file()
    }
