"""FITS files written so that a reader sees all of one, or none, and read so that damage does not pass."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def open_verified(path: Path) -> Iterator[fits.HDUList]:
    """Open a file with all its checksums held against its content.

    Raises
    ------
    OSError
        When it cannot be read or is damaged.
    """
    # The file is opened here because astropy leaves it open when it fails half-way.
    with path.open("rb") as file, fits.open(file, memmap=False, lazy_load_hdus=False) as hdus:
        for hdu in hdus:
            # Asked to check by itself astropy would only warn, and warnings belong to all threads.
            if hdu.verify_datasum() != 1 or hdu.verify_checksum() != 1:
                raise OSError(f"the checksum of its part {hdu.name or 'PRIMARY'} is wrong or missing")
        yield hdus
