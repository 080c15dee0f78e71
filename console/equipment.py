"""What a telescope's agent observes with: its devices, simulated or over INDI, and its reference stars."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from agents.gft.local_catalogue import LocalCatalogue
from console.settings import IndiTelescope, TelescopeSettings
from followup.catalogue import ReferenceCatalogue
from followup.clock import Clock, WallClock
from followup.devices import Telescope
from followup.limits import Limits
from followup.safety import lowest_deg
from followup.site import Instrument, Site
from simulators.scenario import read_scenario
from simulators.sites import known_telescope
from simulators.sky import SimulatedCatalogue, SimulatedSky
from simulators.telescope import simulated_telescope


@dataclass(frozen=True, kw_only=True, slots=True)
class Equipment:
    """A telescope with its place, its detector and its stars.

    Attributes
    ----------
    simulated
        Whether any of it is: then all that the telescope says is a drill.
    """

    telescope: Telescope
    site: Site
    instrument: Instrument
    catalogue: ReferenceCatalogue
    simulated: bool


@asynccontextmanager
async def equipped(config: TelescopeSettings, folder: Path, sky: Clock) -> AsyncIterator[Equipment]:
    """Have the telescope's devices at hand.

    Raises
    ------
    ConfigurationError
        When the model, the sky or the catalogue cannot be had.
    DeviceError
        When a device cannot be reached.
    """
    indi = config.over_indi()
    if indi is None:
        model = known_telescope(config.model)
        scenario = folder / config.scenario_file
        yield Equipment(
            telescope=simulated_telescope(model, scenario, clock=sky),
            site=limited(model.site, config.safety),
            instrument=model.instrument,
            catalogue=_simulated_stars(scenario),
            simulated=True,
        )
        return
    site, instrument = limited(indi.place.site(), config.safety), indi.detector.instrument(config.name)
    catalogue = _stars(indi, folder, config.scenario_file, instrument)
    # Who has no INDI telescope does not load its library.
    from agents.gft.indi.telescope import indi_telescope  # noqa: PLC0415

    async with indi_telescope(indi.devices.settings(), site, sky=sky, wall=WallClock()) as telescope:
        yield Equipment(
            telescope=telescope,
            site=site,
            instrument=instrument,
            catalogue=catalogue,
            simulated=indi.catalogue_file is None,
        )


def limited(site: Site, limits: Limits) -> Site:
    """Give a site where nothing is planned so low that the airmass would end it."""
    return replace(site, min_altitude_deg=max(site.min_altitude_deg, lowest_deg(limits)))


def _stars(
    indi: IndiTelescope, folder: Path, scenario_file: Path, instrument: Instrument
) -> ReferenceCatalogue:
    if indi.catalogue_file is None:
        return _simulated_stars(folder / scenario_file)
    return LocalCatalogue(folder / indi.catalogue_file, instrument.filters)


def _simulated_stars(scenario: Path) -> ReferenceCatalogue:
    return SimulatedCatalogue(SimulatedSky(read_scenario(scenario).seed))
