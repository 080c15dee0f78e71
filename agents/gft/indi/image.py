"""What a camera's BLOB holds: a FITS file with the frame."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from followup.errors import DeviceError

Card = str | int | float | bool

_KEPT = (
    "INSTRUME", "CCD-TEMP", "XBINNING", "YBINNING", "XPIXSZ", "YPIXSZ", "FOCALLEN", "APTDIA",
)  # fmt: skip
"""Cards worth keeping: the others say what we know better, or what a frame's own solution says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """A frame as the driver sent it.

    Attributes
    ----------
    pixels
        Shape (height, width), row 0 at the bottom.
    start
        Start of the exposure by the driver's clock, UTC; None when it does not say.
    exposure_s
        Open shutter; None when it does not say.
    """

    pixels: NDArray[np.uint16]
    start: datetime | None
    exposure_s: float | None
    cards: Mapping[str, Card]


def read_image(blob: bytes, form: str) -> Image:
    """Read a BLOB (blocking).

    Parameters
    ----------
    form
        Its format as INDI has it, e.g. ``.fits``.

    Raises
    ------
    DeviceError
        When it is not a FITS image of 16 bits.
    """
    if not form.startswith((".fits", ".fit")) or form.endswith((".z", ".fz")):
        raise DeviceError(
            "camera",
            f"it sent a frame in the format {form!r}",
            hint="set its driver to send plain FITS, uncompressed",
        )
    try:
        with fits.open(io.BytesIO(blob), memmap=False) as hdus:
            header, data = hdus[0].header, np.asarray(hdus[0].data)
    except (OSError, ValueError, TypeError, IndexError) as error:
        raise DeviceError(
            "camera", f"it sent a frame that cannot be read: {error}", retriable=True
        ) from error
    if data.ndim != 2 or data.min() < 0 or data.max() > 65535:
        raise DeviceError(
            "camera",
            f"it sent an array of shape {data.shape}, not a frame of 16 bits",
            hint="switch off colour and binning by addition beyond 16 bits in its driver",
        )
    if str(header.get("ROWORDER", "")).startswith("TOP"):
        data = data[::-1]
    start = header.get("DATE-OBS")
    exposure = header.get("EXPTIME")
    return Image(
        pixels=np.ascontiguousarray(data, dtype=np.uint16),
        start=datetime.fromisoformat(str(start)).replace(tzinfo=UTC) if start else None,
        exposure_s=float(exposure) if exposure is not None else None,
        cards={key: header[key] for key in _KEPT if isinstance(header.get(key), Card)},
    )
