"""What is supposed to be otherwise than it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from console.replay.shift import spelt


@dataclass(frozen=True, kw_only=True, slots=True)
class Supposition:
    """What is otherwise; what is None is as recorded.

    Attributes
    ----------
    strategy
        File of the strategies to follow.
    site
        File that says where the telescope stands and what it carries.
    weather
        File of the weather there.
    shift
        By how much later the burst and all its triggers come.
    """

    strategy: Path | None = None
    site: Path | None = None
    weather: Path | None = None
    shift: timedelta | None = None

    def __bool__(self) -> bool:
        """Whether anything is."""
        return any(each is not None for each in (self.strategy, self.site, self.weather, self.shift))

    def __str__(self) -> str:
        """Tell it, for people."""
        files = {"strategy": self.strategy, "site": self.site, "weather": self.weather}
        parts = [f"{name} {path.name}" for name, path in files.items() if path is not None]
        if self.shift is not None:
            parts.append(f"shift {spelt(self.shift)}")
        return ", ".join(parts)
