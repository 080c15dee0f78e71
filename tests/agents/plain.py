"""A reduction that takes no time: for tests of what is done around it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from followup.adapting import Depth
from followup.devices import RawFrame
from voevent.kinds import PhotometryPoint, PowerLaw, Trigger
from voevent.packet import SkyPosition

PICTURE = b"\x89PNG"


class PlainReduction:
    """Stands in for `agents.gft.reduction.FieldReduction`: like it, it knows only what is in its folder."""

    def __init__(self, *, trigger: Trigger, folder: Path, **_facts: Any) -> None:
        self.trigger = trigger
        self.folder = folder

    def retarget(self, trigger: Trigger) -> None:
        self.trigger = trigger

    @property
    def frames(self) -> list[SimpleNamespace]:
        parts = [(path, *path.stem.split("_")) for path in sorted(self.folder.glob("*.fits"))]
        return [
            SimpleNamespace(path=path, task=task, filter=filter_name, number=int(number))
            for path, task, filter_name, number in parts
        ]

    def reduce(self, raw: RawFrame, *, task: str, number: int) -> SimpleNamespace:
        t_s = (raw.date_obs - self.trigger.trigger_time).total_seconds()
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{task}_{raw.filter}_{number:03d}.fits"
        path.write_text(
            json.dumps({"task": task, "filter": raw.filter, "t_s": t_s, "exposure_s": raw.exposure_s})
        )
        return SimpleNamespace(path=path)

    def photometry(self, task: str, filter_name: str) -> list[PhotometryPoint]:
        return [p for p in self.result()[0] if (p.task, p.filter) == (task, filter_name)]

    def result(self) -> tuple[list[PhotometryPoint], SkyPosition | None, PowerLaw | None]:
        frames = [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.fits"))]
        points = [PhotometryPoint(**frame, mag=17.0, mag_err=0.02, limit=False) for frame in frames]
        return sorted(points, key=lambda p: p.t_s), self.trigger.position, None

    def depths(self) -> dict[str, Depth]:
        return {}

    def sed(self) -> None:
        return None

    def deepest(self) -> None:
        return None


def picture(*_args: Any, **_facts: Any) -> bytes:
    """Stands in for what draws."""
    return PICTURE
