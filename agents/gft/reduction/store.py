"""FITS files written so that a reader sees all of one, or none."""

from __future__ import annotations

import os
from pathlib import Path

from astropy.io import fits


def write_atomically(hdus: fits.HDUList, path: Path) -> None:
    """Write with CHECKSUM and DATASUM to a temporary name beside `path`, flush to the disk, rename.

    References
    ----------
    FITS Standard 4.0 (2018), section 4.4.2.7 (CHECKSUM, DATASUM).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            hdus.writeto(file, checksum=True)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
