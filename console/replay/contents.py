"""What is in a file, apart from when it was written.

FITS files carry the wall time of their writing in the comments of CHECKSUM and DATASUM; what differs in
nothing else has the same digest here.

References
----------
FITS Standard 4.0 (2018), sections 3 and 4.4.2.7.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from agents.gft.frames import read_raw
from followup.devices import RawFrame
from transfer.manifest import Manifest

_RAW = ".fits.fz"
_STAMPS = (b"CHECKSUM= ", b"DATASUM = ", b"DATE    = ")
_CARD_BYTES = 80
_KNOWN = 4096
"""So many digests of frames are kept: most frames are as they were, to the last compressed byte."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file, known by the digest of what is in it, wherever it is."""

    digest: str
    path: Path = field(compare=False)


def timeless_digest(path: Path) -> str:
    """SHA-256 of a file without the stamps of its writing; of a raw frame, what the camera gave (blocking).

    Raises
    ------
    OSError
        When it cannot be read.
    """
    raw = path.read_bytes()
    if not path.name.endswith((".fits", _RAW)):
        return hashlib.sha256(raw).hexdigest()
    of_file = _digest_without_stamps(raw)
    return _digest_of_raw(_File(of_file, path)) if path.name.endswith(_RAW) else of_file


@lru_cache(maxsize=_KNOWN)
def _digest_of_raw(file: _File) -> str:
    try:
        return _frame_digest(read_raw(file.path))
    except (KeyError, ValueError):  # no frame of ours: its bytes are compared
        return file.digest


def _digest_without_stamps(raw: bytes) -> str:
    """Digest a FITS file, the cards with stamps left out; compressed pixels do not spell such cards."""
    cuts = []
    for stamp in _STAMPS:
        at = raw.find(stamp)
        while at >= 0:
            cuts.append(at)
            at = raw.find(stamp, at + _CARD_BYTES)
    sha256, view, begin = hashlib.sha256(), memoryview(raw), 0
    for cut in sorted(cuts):
        sha256.update(view[begin:cut])
        begin = cut + _CARD_BYTES
    sha256.update(view[begin:])
    return sha256.hexdigest()


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
    paths = [entry.path for entry in manifest.files if (folder / entry.path).is_file()]
    with ThreadPoolExecutor(thread_name_prefix="digest", max_workers=os.cpu_count()) as pool:
        return dict(zip(paths, pool.map(lambda path: timeless_digest(folder / path), paths), strict=True))
