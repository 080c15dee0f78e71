"""What a campaign asks of its reduction, whoever does it; nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from followup.adapting import Depth
from followup.devices import RawFrame
from voevent.kinds import PhotometryPoint, PowerLaw, Trigger
from voevent.packet import SkyPosition

if TYPE_CHECKING:
    from agents.gft.reduction.image import SkyImage
    from agents.gft.reduction.sed import Sed


class Written(Protocol):
    """A reduced frame as it lies on the disk."""

    @property
    def path(self) -> Path:
        """Its FITS file."""
        ...

    @property
    def task(self) -> str:
        """Task of the campaign."""
        ...

    @property
    def filter(self) -> str:
        """Filter it was taken through."""
        ...

    @property
    def number(self) -> int:
        """Number of the frame in its task."""
        ...


class Reduction(Protocol):
    """The reduction of one campaign; `agents.gft.reduction.field` says what each method does."""

    @property
    def frames(self) -> Sequence[Written]:
        """All frames so far, in order of time."""
        ...

    def retarget(self, trigger: Trigger) -> None:
        """Search in another error circle from now on."""
        ...

    def reduce(self, raw: RawFrame, *, task: str, number: int) -> Written:
        """Calibrate, solve and write a frame."""
        ...

    def photometry(self, task: str, filter_name: str) -> list[PhotometryPoint]:
        """Measure the frames of one task and filter."""
        ...

    def result(self) -> tuple[list[PhotometryPoint], SkyPosition | None, PowerLaw | None]:
        """Everything so far: points, the counterpart, the power law."""
        ...

    def sed(self) -> Sed | None:
        """Give the spectral energy distribution, if there is one."""
        ...

    def depths(self) -> dict[str, Depth]:
        """Tell what one exposure through each filter reached."""
        ...

    def deepest(self) -> SkyImage | None:
        """Give an image for the finding chart."""
        ...


def on_site(**facts: Any) -> Reduction:
    """Make the reduction that telescopes use; the arguments are those of `FieldReduction`.

    Raises
    ------
    ReductionError
        When the trigger has no position.
    """
    # photutils and scipy take a second to load. Who plays a reduction, or only plans, does without them;
    # a telescope's process has them loaded before it is ready (`console.run_gft`).
    from agents.gft.reduction.field import FieldReduction  # noqa: PLC0415

    return FieldReduction(**facts)
