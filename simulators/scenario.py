"""What is in a simulated sky, as a file: each simulated telescope has its own copy."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from followup.errors import ConfigurationError
from simulators.afterglow import Afterglow, Light, SimulatedBurst
from voevent.packet import SkyPosition


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """A simulated sky: the seed of its stars, and its bursts."""

    seed: int
    bursts: tuple[SimulatedBurst, ...] = ()

    def with_burst(self, burst: SimulatedBurst) -> Scenario:
        """Return the same sky with one burst more (or another one in place of one of the same name)."""
        others = tuple(known for known in self.bursts if known.name != burst.name)
        return dataclasses.replace(self, bursts=(*others, burst))


def write_scenario(scenario: Scenario, path: Path) -> None:
    """Write a scenario, all of it or nothing."""
    document = {"seed": scenario.seed, "bursts": [_written(burst) for burst in scenario.bursts]}
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(document, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_scenario(path: Path) -> Scenario:
    """Read a scenario.

    Raises
    ------
    ConfigurationError
        When it is missing or not a scenario.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Scenario(seed=int(document["seed"]), bursts=tuple(map(_read, document["bursts"])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} is not a simulated sky: {error}", hint="followup gft simulate makes one"
        ) from error


class ScenarioFile:
    """The bursts of a scenario file, read again when it changes: a burst may go off while one observes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.scenario = read_scenario(path)
        self._seen = path.stat().st_mtime_ns

    def bursts(self) -> Sequence[SimulatedBurst]:
        """All bursts that the file holds now."""
        changed = self.path.stat().st_mtime_ns
        if changed != self._seen:
            self.scenario = read_scenario(self.path)
            self._seen = changed
        return self.scenario.bursts


def _written(burst: SimulatedBurst) -> dict[str, Any]:
    return {
        "name": burst.name,
        "trigger_time": burst.trigger_time.isoformat(),
        "ra_deg": burst.position.ra_deg,
        "dec_deg": burst.position.dec_deg,
        "afterglow": _written_light(burst.afterglow),
    }


def _written_light(light: Light) -> dict[str, Any]:
    if not isinstance(light, Afterglow):
        raise TypeError(f"no scenario can hold a {type(light).__name__}")
    return dataclasses.asdict(light)


def _read(document: dict[str, Any]) -> SimulatedBurst:
    light = document["afterglow"]
    return SimulatedBurst(
        name=document["name"],
        trigger_time=datetime.fromisoformat(document["trigger_time"]),
        position=SkyPosition(ra_deg=document["ra_deg"], dec_deg=document["dec_deg"]),
        afterglow=Afterglow(
            r_mag=light["r_mag"],
            indices=tuple(light["indices"]),
            breaks_s=tuple(light["breaks_s"]),
            spectral_index=light["spectral_index"],
        ),
    )
