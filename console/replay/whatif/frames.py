"""What reduced frames say of themselves in their headers: when, how long, how deep, how sharp."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from astropy.io import fits

from console.replay.errors import ReplayError
from console.replay.record import Recording
from console.state import State
from followup.names import CampaignName

_REDUCED = "reduced"
_LONGEST_S = 86400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameFacts:
    """A reduced frame.

    Attributes
    ----------
    limit_mag
        Its 5-sigma limit; None when it could not be measured.
    fwhm_px, airmass
        Width of a star, and through how much air; None when not known.
    zero_mag
        AB magnitude of one electron per second, all the light of a star counted; None when not measured.
    """

    task: str
    filter: str
    start: datetime
    exposure_s: float
    limit_mag: float | None
    fwhm_px: float | None
    airmass: float | None
    zero_mag: float | None

    @property
    def end(self) -> datetime:
        """When the shutter closed."""
        return self.start + timedelta(seconds=self.exposure_s)


def recorded_frames(recording: Recording) -> list[FrameFacts]:
    """Read the headers of a record, whole or light, in order of time (blocking).

    Raises
    ------
    ReplayError
        When one cannot be understood.
    """
    folder = recording.bundle.folder
    if recording.bundle.manifest.light:
        texts = sorted(folder.glob(f"headers/*/{_REDUCED}/*.txt"))
        return _facts(texts, _of_text)
    return frames_of(sorted(folder.glob(f"files/*/{_REDUCED}/*.fits")))


def frames_of(paths: Iterable[Path]) -> list[FrameFacts]:
    """Read the headers of reduced frames, in order of time (blocking).

    Raises
    ------
    ReplayError
        When one cannot be understood.
    """
    return _facts(paths, _of_image)


def taken_frames(root: Path, name: CampaignName) -> list[FrameFacts]:
    """Read the headers of what was reduced in the folder in which a campaign was played (blocking).

    Raises
    ------
    ReplayError
        When one cannot be understood.
    """
    return frames_of(State(root).telescope(name.telescope).glob(f"data/{name}/reduced/*.fits"))


def _of_image(path: Path) -> fits.Header:
    return fits.getheader(path, 0)


def _of_text(path: Path) -> fits.Header:
    text = path.read_text(encoding="ascii").partition("\n\n")[0]
    return fits.Header.fromstring(text, sep="\n")


def _facts(paths: Iterable[Path], header_of: Callable[[Path], Mapping[str, Any]]) -> list[FrameFacts]:
    found = []
    for path in sorted(paths):
        try:
            found.append(_read(header_of(path)))
        except (OSError, KeyError, TypeError, ValueError, fits.VerifyError) as error:
            raise ReplayError(f"the header of {path.name} cannot be understood: {error}") from error
    return sorted(found, key=lambda each: each.start)


def _read(header: Mapping[str, Any]) -> FrameFacts:
    exposure_s = float(header["EXPTIME"])
    if not 0.0 <= exposure_s < _LONGEST_S:
        raise ValueError(f"EXPTIME is {exposure_s:g} s")
    zero_mag = None
    if "MAGZP" in header and "APFRAC" in header:
        zero_mag = float(header["MAGZP"]) - 2.5 * math.log10(exposure_s * float(header["APFRAC"]))
    return FrameFacts(
        task=str(header["TASKID"]),
        filter=str(header["FILTER"]),
        start=datetime.fromisoformat(header["DATE-OBS"]).replace(tzinfo=UTC),
        exposure_s=exposure_s,
        limit_mag=_number(header, "LIMMAG5"),
        fwhm_px=_number(header, "PSFFWHM"),
        airmass=_number(header, "AIRMASS"),
        zero_mag=zero_mag,
    )


def _number(header: Mapping[str, Any], name: str) -> float | None:
    return float(header[name]) if name in header else None
