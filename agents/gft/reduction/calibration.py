"""Master calibration frames, and how they turn raw counts into electrons of an evenly sensitive detector.

References
----------
Howell, S. B., 2006, Handbook of CCD Astronomy, 2nd edition, chapter 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from agents.gft.reduction.errors import ReductionError
from agents.gft.reduction.store import open_verified, write_atomically
from followup.devices import FrameType, RawFrame
from followup.site import Instrument

BAD = 1
"""Bit of the mask: the pixel is hot, dead or insensitive."""
SATURATED = 2
"""Bit of the mask: the pixel is beyond the linear range."""

_LINEAR = 0.95
"""Pixels above this fraction of the saturation level are not trusted to be linear."""
_HOT_SIGMA = 7.0
"""Dark pixels this far above the others are hot: none of a million good ones is, by chance."""
_FLAT_RANGE = (0.3, 3.0)
"""Response outside this range cannot be corrected."""

Image = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Masters:
    """Master calibration frames of one detector, each of shape (height, width).

    Attributes
    ----------
    bias
        In ADU.
    dark
        Dark current in ADU per second.
    flats
        Response by filter, with median 1.
    bad
        Pixels that no correction saves.
    """

    bias: Image
    dark: Image
    flats: Mapping[str, Image] = field(default_factory=dict)
    bad: NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.bias.shape
        return height, width


def build_masters(frames: Iterable[RawFrame], instrument: Instrument) -> Masters:
    """Combine calibration frames.

    Parameters
    ----------
    frames
        Bias, dark and flat frames in any order; light frames are ignored. Kinds may be missing: then there
        is no correction of that kind, and the sky background absorbs what a constant can.

    Raises
    ------
    ReductionError
        When a frame does not have the detector's shape.
    """
    by_type: dict[FrameType, list[RawFrame]] = {kind: [] for kind in FrameType}
    shape = (instrument.height_px, instrument.width_px)
    for frame in frames:
        _check_shape(frame, shape)
        by_type[frame.frame_type].append(frame)

    biases = [f.pixels.astype(np.float32) for f in by_type[FrameType.BIAS]]
    bias = _combine(biases) if biases else np.zeros(shape, np.float32)
    darks = [
        (f.pixels - bias) / np.float32(f.exposure_s) for f in by_type[FrameType.DARK] if f.exposure_s > 0.0
    ]
    dark = _combine(darks) if darks else np.zeros(shape, np.float32)
    bad = _hot(dark) if darks else np.zeros(shape, np.bool_)

    flats: dict[str, Image] = {}
    for name in sorted({f.filter for f in by_type[FrameType.FLAT]}):
        lit = [_normalised(f, bias, dark) for f in by_type[FrameType.FLAT] if f.filter == name]
        flat = _combine(lit)
        unusable = (flat < _FLAT_RANGE[0]) | (flat > _FLAT_RANGE[1]) | ~np.isfinite(flat)
        bad |= unusable
        flats[name] = np.where(unusable, np.float32(1.0), flat)
    return Masters(bias=bias, dark=np.where(bad, np.float32(0.0), dark), flats=flats, bad=bad)


def calibrate(
    raw: RawFrame, masters: Masters, instrument: Instrument
) -> tuple[Image, NDArray[np.uint8], tuple[str, ...]]:
    """Turn raw counts into electrons.

    Returns
    -------
    pixels : ndarray of float32, shape (height, width)
        Electrons, corrected for bias, dark current and response. Bad pixels hold the median of the good
        pixels around them, so that filters can pass over them.
    mask : ndarray of uint8, shape (height, width)
        Bits `BAD` and `SATURATED`.
    history : tuple of str
        What was done, one sentence each.

    Raises
    ------
    ReductionError
        When the frame does not have the shape of the masters.
    """
    _check_shape(raw, masters.shape)
    saturated = raw.pixels >= _LINEAR * instrument.saturation_adu
    pixels = (raw.pixels - masters.bias - masters.dark * np.float32(raw.exposure_s)) * np.float32(
        instrument.gain_e_adu
    )
    history = ["bias subtracted", "dark current subtracted"]
    flat = masters.flats.get(raw.filter)
    if flat is None:
        history.append(f"no flat field for filter {raw.filter}: response not corrected")
    else:
        pixels /= flat
        history.append(f"divided by the flat field of filter {raw.filter}")
    mask = masters.bad.astype(np.uint8) * np.uint8(BAD) + saturated.astype(np.uint8) * np.uint8(SATURATED)
    _fill(pixels, masters.bad)
    return pixels.astype(np.float32, copy=False), mask, tuple(history)


def write_masters(masters: Masters, path: Path) -> None:
    """Write the masters into one FITS file, atomically."""
    hdus: list[fits.hdu.base.ExtensionHDU] = [
        fits.ImageHDU(masters.bias, name="BIAS"),
        fits.ImageHDU(masters.dark, name="DARK"),
        fits.ImageHDU(masters.bad.astype(np.uint8), name="BAD"),
    ]
    for name, flat in sorted(masters.flats.items()):
        hdu = fits.ImageHDU(flat, name="FLAT")
        hdu.header["FILTER"] = name
        hdus.append(hdu)
    write_atomically(fits.HDUList([fits.PrimaryHDU(), *hdus]), path)


def read_masters(path: Path) -> Masters:
    """Read what `write_masters` wrote.

    Raises
    ------
    ReductionError
        When the file is absent, damaged or something else.
    """
    try:
        with open_verified(path) as hdus:
            return Masters(
                bias=_native(hdus["BIAS"].data),
                dark=_native(hdus["DARK"].data),
                bad=hdus["BAD"].data.astype(np.bool_),
                flats={h.header["FILTER"]: _native(h.data) for h in hdus if h.name == "FLAT"},
            )
    except (OSError, KeyError, TypeError, AttributeError) as error:
        raise ReductionError(
            f"{path} is not a file of master calibration frames: {error}",
            hint="delete it and take calibration frames again",
        ) from error


def _check_shape(frame: RawFrame, shape: tuple[int, int]) -> None:
    if frame.pixels.shape != shape:
        height, width = frame.pixels.shape
        raise ReductionError(
            f"a {frame.frame_type} frame of {width} x {height} pixels came from a detector"
            f" of {shape[1]} x {shape[0]}",
            hint="check width_px, height_px and the camera's binning in the instrument's settings",
        )


def _combine(images: Sequence[Image]) -> Image:
    """Median of the images: a cosmic ray in one of three or more leaves no trace."""
    return np.median(np.stack(images), axis=0).astype(np.float32)


def _normalised(frame: RawFrame, bias: Image, dark: Image) -> Image:
    lit: Image = frame.pixels - bias - dark * np.float32(frame.exposure_s)
    level = np.median(lit)
    if not level > 0.0:
        raise ReductionError(
            f"the flat field of filter {frame.filter} of {frame.date_obs:%Y-%m-%d %H:%M:%S} has no light",
            hint="check the flat-field lamp and the dome, and take flat fields again",
        )
    return lit / np.float32(level)


def _hot(dark: Image) -> NDArray[np.bool_]:
    middle = np.median(dark)
    sigma = 1.4826 * np.median(np.abs(dark - middle))
    return np.asarray(dark > middle + _HOT_SIGMA * sigma) if sigma > 0.0 else np.zeros(dark.shape, np.bool_)


def _fill(pixels: Image, bad: NDArray[np.bool_]) -> None:
    """Put the median of the good neighbours into each bad pixel, in place."""
    rows, columns = np.nonzero(bad)
    if not rows.size:
        return
    height, width = pixels.shape
    dy, dx = (o.ravel() for o in np.mgrid[-2:3, -2:3])
    y = np.clip(rows[:, None] + dy, 0, height - 1)
    x = np.clip(columns[:, None] + dx, 0, width - 1)
    around = np.where(bad[y, x], np.nan, pixels[y, x])
    lonely = np.isnan(around).all(axis=1)
    around[lonely] = np.median(pixels)
    pixels[rows, columns] = np.nanmedian(around, axis=1)


def _native(data: NDArray[np.float32]) -> Image:
    """FITS is big-endian; numpy is several times faster on the machine's own order."""
    return data.astype(np.float32)
