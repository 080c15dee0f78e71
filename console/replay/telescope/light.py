"""What stands for the pixels when a light bundle is replayed: headers, and the measurements that were made.

Everything around the image processing is the real agent's: what it takes, when it measures and reports, what
it plans by what was measured. The measurements themselves are the recorded ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from agents.gft.planning import Planner
from agents.gft.reduction.calibration import Masters
from agents.gft.reduction.errors import ReductionError
from console.replay.errors import ReplayError
from console.replay.record import Recording
from followup.adapting import Depth
from followup.catalogue import ReferenceStars
from followup.devices import FrameType, RawFrame
from followup.errors import DeviceError
from followup.plan import Plan
from voevent.kinds import PhotometryPoint, PowerLaw, Product, Result, Trigger
from voevent.packet import SkyPosition

if TYPE_CHECKING:
    from agents.gft.reduction.image import SkyImage
    from agents.gft.reduction.sed import Sed

NO_MASTERS = Masters(
    bias=np.zeros((1, 1), np.float32), dark=np.zeros((1, 1), np.float32), bad=np.zeros((1, 1), np.bool_)
)
_SEPARATOR = "\n\n"


class NoStars:
    """`followup.catalogue.ReferenceCatalogue` of an empty sky: nothing is measured."""

    def cone(self, centre: SkyPosition, radius_deg: float) -> ReferenceStars:  # noqa: ARG002 - the port's
        """Find no stars."""
        none = np.zeros(0)
        return ReferenceStars(ra_deg=none, dec_deg=none, mags={}, mag_errs={})


class UndrawnPlanner(Planner):
    """Plans, and draws nothing."""

    async def picture(self, trigger: Trigger, plan: Plan) -> bytes:  # noqa: ARG002 - the planner's
        """Draw nothing."""
        return b""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Written:
    """`agents.gft.reduction.port.Written`."""

    path: Path
    task: str
    filter: str
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reduced:
    """A reduced frame that was left out: its file name, and what it reached."""

    name: str
    filter: str
    depth: Depth | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Headers:
    """The headers of the frames of a light bundle.

    Attributes
    ----------
    raw
        Frames without their pixels, by when they were begun.
    reduced
        By task and number.
    """

    raw: Mapping[datetime, RawFrame]
    reduced: Mapping[tuple[str, int], _Reduced]

    @classmethod
    def read(cls, recording: Recording) -> Headers:
        """Read them (blocking).

        Raises
        ------
        ReplayError
            When one cannot be understood.
        """
        folder = recording.bundle.folder / "headers"
        try:
            raw = [_raw(path) for path in sorted(folder.glob("*/raw/*.txt"))]
            reduced = dict(map(_reduced, sorted(folder.glob("*/reduced/*.txt"))))
        except (KeyError, ValueError, IndexError) as error:
            raise ReplayError(f"a header of {recording.name} cannot be understood: {error}") from error
        return cls(raw={frame.date_obs: frame for frame in raw}, reduced=reduced)

    def __call__(self, date_obs: str) -> RawFrame:
        """Give the frame that was begun at that time, without its pixels.

        Raises
        ------
        DeviceError
            When it was not kept.
        """
        found = self.raw.get(datetime.fromisoformat(date_obs))
        if found is None:
            raise DeviceError("camera", f"the frame begun at {date_obs} was not kept")
        return found


class PlayedReduction:
    """`agents.gft.reduction.port.Reduction` from the record: it measures what was measured, when asked to."""

    def __init__(self, recording: Recording, headers: Headers, *, folder: Path, **_facts: Any) -> None:
        said = [packet.content for packet in recording.by(recording.name.telescope)]
        results = [content for content in said if isinstance(content, Result)]
        self._curves = [result for result in results if result.product is Product.LIGHT_CURVE]
        self._seds = [result for result in results if result.product is Product.SED]
        self._headers = headers
        self._into = folder
        self._done: dict[str, Depth] = {}
        self._taken: set[tuple[str, str]] = set()

    @property
    def frames(self) -> tuple[_Written, ...]:
        """None: a replay is never taken up again."""
        return ()

    def retarget(self, trigger: Trigger) -> None:
        """Go on: what was measured then took the later trigger into account."""

    def reduce(self, raw: RawFrame, *, task: str, number: int) -> _Written:
        """Write an empty file of the name that the reduced frame had.

        Raises
        ------
        ReductionError
            When it could not be reduced then.
        """
        found = self._headers.reduced.get((task, number))
        if found is None:
            raise ReductionError(f"frame {number} of {task} was not reduced then either")
        self._taken.add((task, raw.filter))
        if found.depth is not None:
            self._done[found.filter] = found.depth
        self._into.mkdir(parents=True, exist_ok=True)
        path = self._into / found.name
        path.write_bytes(b"")
        return _Written(path=path, task=task, filter=raw.filter, number=number)

    def photometry(self, task: str, filter_name: str) -> list[PhotometryPoint]:
        """Give what was measured of a task through a filter."""
        points, _, _ = self.result()
        return [point for point in points if (point.task, point.filter) == (task, filter_name)]

    def result(self) -> tuple[list[PhotometryPoint], SkyPosition | None, PowerLaw | None]:
        """Give the recorded light curve of all frames so far."""
        for curve in reversed(self._curves):
            if {(point.task, point.filter) for point in curve.points} <= self._taken:
                return list(curve.points), curve.source, curve.fit
        return [], None, None

    def sed(self) -> Sed | None:
        """Give the recorded SED of the last task so far."""
        taken = {task for task, _ in self._taken}
        for result in reversed(self._seds):
            if result.task in taken and result.epoch_s is not None:
                return result.sed, result.epoch_s, result.fit
        return None

    def depths(self) -> dict[str, Depth]:
        """Tell what the frames reached, by their headers."""
        return dict(self._done)

    def deepest(self) -> SkyImage | None:
        """Give nothing to look at."""
        return None


def _parts(path: Path) -> list[fits.Header]:
    text = path.read_text(encoding="ascii")
    return [fits.Header.fromstring(part, sep="\n") for part in text.split(_SEPARATOR)]


def _raw(path: Path) -> RawFrame:
    header = next(part for part in _parts(path) if "IMAGETYP" in part)
    return RawFrame(
        pixels=np.zeros((2, 2), np.uint16),
        frame_type=FrameType(header["IMAGETYP"]),
        date_obs=datetime.fromisoformat(header["DATE-OBS"]).replace(tzinfo=UTC),
        exposure_s=float(header["EXPTIME"]),
        filter=str(header["FILTER"]),
        pointing=SkyPosition(ra_deg=float(header["POINTRA"]), dec_deg=float(header["POINTDEC"])),
    )


def _reduced(path: Path) -> tuple[tuple[str, int], _Reduced]:
    header = _parts(path)[0]
    depth = None
    if "LIMMAG5" in header and "MAGZP" in header:
        exposure_s = float(header["EXPTIME"])
        depth = Depth(
            exposure_s=exposure_s,
            limit_mag=float(header["LIMMAG5"]),
            zero_mag=float(header["MAGZP"]) - 2.5 * float(np.log10(exposure_s)),
        )
    found = _Reduced(name=path.name.removesuffix(".txt"), filter=str(header["FILTER"]), depth=depth)
    return (str(header["TASKID"]), int(header["FRAMENUM"])), found
