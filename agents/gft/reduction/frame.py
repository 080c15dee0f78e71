"""A calibrated frame: what is known about it, and its FITS file.

The header holds everything, so that a campaign can be taken up again from the files alone.

References
----------
FITS Standard 4.0 (2018), sections 4.4.2 (keywords), 8 (WCS), 9 (time).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from agents.gft.reduction.calibration import SATURATED
from agents.gft.reduction.errors import ReductionError
from agents.gft.reduction.image import Shape, SkyImage, ZeroPoint
from agents.gft.reduction.profile import StarProfile
from agents.gft.reduction.store import open_verified, write_atomically
from followup.devices import RawFrame
from voevent.packet import SkyPosition

_RESERVED = re.compile(
    r"SIMPLE|BITPIX|NAXIS\d*|EXTEND|EXTNAME|BZERO|BSCALE|BUNIT|CHECKSUM|DATASUM|COMMENT|HISTORY|END|"
    r"CTYPE\d|CRVAL\d|CRPIX\d|CDELT\d|CROTA\d|CUNIT\d|CD\d_\d|PC\d_\d|RADESYS|EQUINOX|WCSAXES|"
    r"LONPOLE|LATPOLE|GAIN|TELESCOP|INSTRUME|"
)
Card = str | int | float | bool
"""Value of a header card."""

_LONG_TEXT = 30
_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReducedFrame:
    """A calibrated frame on the disk.

    Attributes
    ----------
    start
        Start of the exposure, UTC.
    wcs
        Astrometric solution (TAN, ICRS); None when there is none.
    shape, zero
        How stars look on it and its magnitude scale; None when not measured.
    noise_factor
        By how much the noise of apertures exceeds what single pixels suggest.
    limit_mag
        5-sigma limit at a typical place, AB; not-a-number when not measured.
    problem
        Why the frame cannot be measured; empty for a good one.
    """

    path: Path
    task: str
    number: int
    filter: str
    start: datetime
    exposure_s: float
    wcs: WCS | None
    shape: Shape | None
    zero: ZeroPoint | None
    noise_factor: float = 1.0
    limit_mag: float = math.nan
    problem: str = ""

    @classmethod
    def unmeasured(cls, raw: RawFrame, *, path: Path, task: str, number: int) -> ReducedFrame:
        """Return what is known of a frame before anything on it is measured."""
        return cls(
            path=path,
            task=task,
            number=number,
            filter=raw.filter,
            start=raw.date_obs,
            exposure_s=raw.exposure_s,
            wcs=None,
            shape=None,
            zero=None,
        )

    @property
    def mid(self) -> datetime:
        """Middle of the exposure."""
        return self.start + timedelta(seconds=self.exposure_s / 2.0)

    @property
    def usable(self) -> bool:
        """Whether sources on it can be measured."""
        return not self.problem

    @property
    def centre(self) -> SkyPosition:
        """Where the middle of the frame looks.

        Raises
        ------
        ReductionError
            When the frame has no astrometric solution.
        """
        if self.wcs is None:
            raise ReductionError(f"{self.path.name} has no astrometric solution: {self.problem}")
        ra_deg, dec_deg = self.wcs.wcs.crval
        return SkyPosition(ra_deg=float(ra_deg) % 360.0, dec_deg=float(dec_deg))

    def image(self) -> SkyImage:
        """Read the pixels.

        Raises
        ------
        ReductionError
            When the frame is not usable, or its file is gone or damaged.
        """
        if self.wcs is None or self.shape is None or self.zero is None:
            raise ReductionError(f"{self.path.name} cannot be measured: {self.problem}")
        pixels, mask = self._read()
        return SkyImage(
            pixels=pixels,
            masked=mask != 0,
            wcs=self.wcs,
            shape=self.shape,
            zero=self.zero,
            noise_factor=self.noise_factor,
        )

    def saturated(self) -> NDArray[np.bool_]:
        """Read which good pixels are beyond the detector's linear range.

        Raises
        ------
        ReductionError
            When its file is gone or damaged.
        """
        saturated: NDArray[np.bool_] = self._read()[1] == SATURATED
        return saturated

    def _read(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        try:
            with fits.open(self.path, memmap=False) as hdus:
                return hdus[0].data.astype(np.float32), hdus["MASK"].data.astype(np.uint8)
        except (OSError, KeyError, TypeError, AttributeError) as error:
            raise ReductionError(
                f"the calibrated frame {self.path} cannot be read: {error}",
                hint="restore it, or delete it and let the frame be reduced again",
            ) from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """What a header says beyond the measurements: `cards` are (keyword, value, comment)."""

    cards: tuple[tuple[str, Card, str], ...]
    driver: Mapping[str, Card]
    history: tuple[str, ...]


def write_frame(
    frame: ReducedFrame, pixels: NDArray[np.float32], mask: NDArray[np.uint8], provenance: Provenance
) -> ReducedFrame:
    """Write the frame's FITS file: electrons in the primary HDU, the mask in the extension MASK.

    Returns
    -------
    ReducedFrame
        The frame as the file says it, to the last digit: a process that reads it later sees the same.
    """
    header = fits.Header() if frame.wcs is None else frame.wcs.to_header()
    # What the driver said comes first: where our cards say the same thing, ours stand.
    for keyword, value in provenance.driver.items():
        if _KEYWORD.fullmatch(keyword.upper()) and not _RESERVED.fullmatch(keyword.upper()):
            header[keyword.upper()] = _printable(value)
    for keyword, value, comment in (*provenance.cards, *_cards(frame)):
        # A long text leaves no room for a comment.
        header[keyword] = _printable(value) if len(str(value)) > _LONG_TEXT else (_printable(value), comment)
    for sentence in provenance.history:
        header.add_history(_ascii(sentence))
    primary = fits.PrimaryHDU(pixels, header=header)
    extension = fits.ImageHDU(mask, name="MASK")
    extension.header.add_comment("bit 0: hot, dead or insensitive; bit 1: saturated")
    write_atomically(fits.HDUList([primary, extension]), frame.path)
    return _from_header(primary.header, frame.path)


def read_frame(path: Path) -> ReducedFrame:
    """Read back what `write_frame` wrote; the pixels stay on the disk.

    Raises
    ------
    ReductionError
        When the file is damaged (its checksum differs) or not one of ours.
    """
    try:
        with open_verified(path) as hdus:
            header = hdus[0].header
        return _from_header(header, path)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ReductionError(
            f"{path} is not a calibrated frame of ours, or is damaged: {error}",
            hint="move it away; the campaign goes on without it",
        ) from error


def _from_header(header: Any, path: Path) -> ReducedFrame:
    wcs = WCS(header) if "CTYPE1" in header else None
    shape = zero = None
    if "PSFFWHM" in header:
        shape = Shape(profile=StarProfile(header["PSFFWHM"], header["PSFBETA"]), radius_px=header["APRADIUS"])
    if "MAGZP" in header:
        zero = ZeroPoint(
            mag=header["MAGZP"], err=header["MAGZPERR"], scatter=header["MAGSCAT"], stars=header["MAGSTARS"]
        )
    return ReducedFrame(
        path=path,
        task=header["TASKID"],
        number=header["FRAMENUM"],
        filter=header["FILTER"],
        start=datetime.fromisoformat(header["DATE-OBS"]).replace(tzinfo=UTC),
        exposure_s=header["EXPTIME"],
        wcs=wcs,
        shape=shape,
        zero=zero,
        noise_factor=header.get("APNOISE", 1.0),
        limit_mag=header.get("LIMMAG5", math.nan),
        problem=header.get("PROBLEM", ""),
    )


def _cards(frame: ReducedFrame) -> list[tuple[str, Card, str]]:
    end = frame.start + timedelta(seconds=frame.exposure_s)
    cards: list[tuple[str, Card, str]] = [
        ("DATE-OBS", _iso(frame.start), "start of the exposure"),
        ("DATE-END", _iso(end), "end of the exposure"),
        ("TIMESYS", "UTC", "time scale of all dates"),
        ("EXPTIME", frame.exposure_s, "[s] open-shutter time"),
        ("FILTER", frame.filter, "filter in the beam"),
        ("TASKID", frame.task, "observation task of the campaign"),
        ("FRAMENUM", frame.number, "number of the frame in its task"),
        ("BUNIT", "electron", "unit of the pixels"),
    ]
    if frame.shape is not None:
        profile = frame.shape.profile
        cards += [
            ("PSFFWHM", profile.fwhm_px, "[pix] FWHM of stars (Moffat)"),
            ("PSFBETA", profile.beta, "exponent of the Moffat profile"),
            ("APRADIUS", frame.shape.radius_px, "[pix] photometric aperture radius"),
            ("APFRAC", profile.enclosed(frame.shape.radius_px), "part of a star's light in it"),
        ]
    if frame.zero is not None:
        cards += [
            ("MAGSYS", "AB", "system of the magnitudes"),
            ("MAGZP", frame.zero.mag, "[mag] AB of 1 electron in aperture"),
            ("MAGZPERR", frame.zero.err, "[mag] error of MAGZP"),
            ("MAGSCAT", frame.zero.scatter, "[mag] excess scatter of stars"),
            ("MAGSTARS", frame.zero.stars, "stars that MAGZP rests on"),
        ]
    if math.isfinite(frame.limit_mag):
        cards.append(("APNOISE", frame.noise_factor, "aperture noise over pixel noise"))
        cards.append(("LIMMAG5", frame.limit_mag, "[mag] typical 5-sigma limit"))
    if frame.problem:
        cards.append(("PROBLEM", frame.problem, "why it cannot be measured"))
    return cards


def _iso(time: datetime) -> str:
    """FITS writes UTC without an offset."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")


def _ascii(text: str) -> str:
    """Header cards hold printable ASCII only (FITS Standard 4.0, section 4.1)."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def _printable(value: Card) -> Card:
    if isinstance(value, str):
        return _ascii(value)
    # A card holds 16 digits, a float may need 17: with 14 what is written is what is read.
    return float(f"{value:.14g}") if isinstance(value, float) else value
