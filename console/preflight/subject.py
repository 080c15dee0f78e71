"""The telescope that is looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from agents.gft.reduction.calibration import Masters
from console.settings import IndiTelescope, TelescopeSettings
from followup.catalogue import ReferenceCatalogue
from followup.clock import Clock, WallClock
from followup.site import Instrument, Site
from simulators.sites import known_telescope


@dataclass(kw_only=True)
class Subject:
    """A telescope's folder and settings.

    Attributes
    ----------
    agent_pid
        The agent's process while one runs on this folder: its devices are left to it.
    exposure_s
        Of the test exposure.
    catalogue, masters
        Reference stars and calibration frames, once they have been read.
    """

    folder: Path
    config: TelescopeSettings
    agent_pid: int | None
    exposure_s: float
    wall: Clock = field(default_factory=WallClock)
    catalogue: ReferenceCatalogue | None = None
    masters: Masters | None = None

    @property
    def indi(self) -> IndiTelescope | None:
        """The telescope over INDI; None for simulated devices."""
        return self.config.over_indi()

    @property
    def site(self) -> Site:
        """Where it stands."""
        indi = self.indi
        return indi.place.site() if indi else known_telescope(self.config.model).site

    @property
    def instrument(self) -> Instrument:
        """What it is."""
        indi = self.indi
        if indi:
            return indi.detector.instrument(self.config.name)
        return known_telescope(self.config.model).instrument
