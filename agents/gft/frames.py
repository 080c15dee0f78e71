"""Raw frames on disk: what the camera gave, losslessly compressed, before anything is done with it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from astropy.io import fits

from agents.gft.reduction.store import write_atomically
from followup.devices import FrameType, RawFrame
from voevent.packet import SkyPosition

_STRUCTURAL = frozenset(
    {"SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "BZERO", "BSCALE", "CHECKSUM", "DATASUM"}
    | {"XTENSION", "PCOUNT", "GCOUNT", "EXTNAME"}
)
_TILE_ROWS = 16
_OWN = frozenset({"IMAGETYP", "DATE-OBS", "EXPTIME", "FILTER", "POINTRA", "POINTDEC"})


def write_raw(raw: RawFrame, path: Path) -> None:
    """Write a raw frame atomically, with CHECKSUM (blocking).

    References
    ----------
    FITS Standard 4.0 (2018), section 10 (compressed images; RICE_1 is lossless for integers).
    """
    header = fits.Header()
    for key, value in raw.header.items():
        header[key] = value
    header["IMAGETYP"] = (str(raw.frame_type), "purpose of the exposure")
    header["DATE-OBS"] = (raw.date_obs.astimezone(UTC).replace(tzinfo=None).isoformat(), "start, UTC")
    header["EXPTIME"] = (raw.exposure_s, "[s] open shutter")
    header["FILTER"] = (raw.filter, "filter in the beam")
    header["POINTRA"] = (raw.pointing.ra_deg, "[deg] where the mount says it points, ICRS")
    header["POINTDEC"] = (raw.pointing.dec_deg, "[deg] where the mount says it points, ICRS")
    # The next exposure waits for this: by rows, as astropy would, it takes twice as long.
    tile = (min(_TILE_ROWS, raw.pixels.shape[0]), raw.pixels.shape[1])
    hdu = fits.CompImageHDU(raw.pixels, header=header, compression_type="RICE_1", name="RAW", tile_shape=tile)
    write_atomically(fits.HDUList([fits.PrimaryHDU(), hdu]), path)


def read_raw(path: Path) -> RawFrame:
    """Read what `write_raw` wrote (blocking).

    Raises
    ------
    OSError
        When the file is absent or damaged.
    """
    with fits.open(path, memmap=False, checksum=True) as hdus:
        hdu = hdus["RAW"]
        header = hdu.header
        cards = {
            card.keyword: card.value
            for card in header.cards
            if card.keyword not in _STRUCTURAL | _OWN and card.keyword and not card.keyword.startswith("Z")
        }
        return RawFrame(
            pixels=np.asarray(hdu.data, dtype=np.uint16),
            frame_type=FrameType(header["IMAGETYP"]),
            date_obs=datetime.fromisoformat(header["DATE-OBS"]).replace(tzinfo=UTC),
            exposure_s=float(header["EXPTIME"]),
            filter=str(header["FILTER"]),
            pointing=SkyPosition(ra_deg=float(header["POINTRA"]), dec_deg=float(header["POINTDEC"])),
            header=cards,
        )
