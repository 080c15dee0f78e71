"""What ``site.toml`` says of a telescope that is not one of the known models: place, detector, devices."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from agents.gft.drill.terms import BUDGET, DrillTerms, Stage
from agents.gft.focusing.terms import FocusTerms
from agents.gft.indi.settings import IndiSettings
from followup.site import Instrument, Site

Altitude = Annotated[float, Field(ge=-90, le=90)]
Positive = Annotated[float, Field(gt=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Place(_Section):
    """Where the telescope stands, and how low it may look. See `followup.site.Site`."""

    name: str
    latitude_deg: Altitude
    longitude_deg: float = Field(ge=-180, le=360)
    elevation_m: float
    horizon: tuple[tuple[Annotated[float, Field(ge=0, le=360)], Altitude], ...] = ()
    min_altitude_deg: float = Field(default=20.0, ge=0, le=80)
    max_sun_altitude_deg: float = Field(default=-12.0, ge=-30, le=0)
    min_moon_separation_deg: float = 20.0

    def site(self) -> Site:
        """Return it as planning knows it."""
        return Site(**self.model_dump())


class Detector(_Section):
    """The telescope's optics and camera. See `followup.site.Instrument`."""

    aperture_m: Positive
    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)
    pixel_scale_arcsec: Positive
    gain_e_adu: Positive
    read_noise_e: Positive
    saturation_adu: Positive
    dark_current_e_s: float = Field(default=0.0, ge=0)
    readout_s: float = Field(ge=0)
    zero_points: dict[str, float] = Field(min_length=1)
    """AB magnitude that gives one electron per second, by filter: names the telescope's filters."""

    def instrument(self, telescope: str) -> Instrument:
        """Return it as planning and reduction know it."""
        values = self.model_dump(exclude={"zero_points"})
        return Instrument(
            telescope=telescope,
            filters=tuple(self.zero_points),
            zero_points=tuple(self.zero_points.items()),
            **values,
        )


class Indi(_Section):
    """The devices of a telescope behind an `indiserver`. See `agents.gft.indi.settings.IndiSettings`."""

    host: str = "localhost"
    port: int = Field(default=7624, gt=0, le=65535)
    mount: str
    camera: str
    filter_wheel: str
    dome: str
    weather: str
    focuser: str = ""
    slots: dict[str, Annotated[int, Field(ge=1)]] = Field(min_length=1)
    ccd_temperature_c: float | None = None
    binning: int = Field(default=1, ge=1, le=16)
    pointing_tolerance_arcsec: Positive = 10.0
    flip_after_min: float | None = Field(default=None, ge=0, le=240)
    weather_s: Positive = 5.0
    slew_s: Positive = 180.0
    filter_s: Positive = 60.0
    shutter_s: Positive = 120.0
    dome_s: Positive = 180.0
    focus_s: Positive = 120.0
    cooling_s: Positive = 900.0
    readout_s: Positive = 60.0

    def settings(self) -> IndiSettings:
        """Return them as the drivers know them."""
        return IndiSettings(**self.model_dump())


class Focus(_Section):
    """How and when the telescope is focused. See `agents.gft.focusing.terms.FocusTerms`."""

    step: int = Field(default=0, ge=0)
    """0: it is not."""
    points: int = Field(default=9, ge=5, le=31)
    exposure_s: float = Field(default=3.0, gt=0, le=300)
    backlash: int = Field(default=0, ge=0)
    filter: str = ""
    min_stars: int = Field(default=5, ge=3)
    after_degrees: Positive = 2.0

    def terms(self) -> FocusTerms:
        """Return it as the agent knows it."""
        return FocusTerms(**self.model_dump())


class Drill(_Section):
    """What a drill plays, and its budget. See `agents.gft.drill.terms.DrillTerms`."""

    magnitude: float = 16.5
    fading: float = Field(default=0.8, ge=0, le=5)
    error_radius_deg: float = Field(default=0.03, gt=0, le=1)
    at_most_s: Positive = 1800.0
    receipt_s: Positive = BUDGET[Stage.RECEIPT]
    slew_s: Positive = BUDGET[Stage.SLEW]
    shutter_s: Positive = BUDGET[Stage.SHUTTER]
    photometry_s: Positive = BUDGET[Stage.PHOTOMETRY]
    result_s: Positive = BUDGET[Stage.RESULT]

    def terms(self) -> DrillTerms:
        """Return it as the agent knows it."""
        return DrillTerms(
            magnitude=self.magnitude,
            fading=self.fading,
            error_radius_deg=self.error_radius_deg,
            at_most_s=self.at_most_s,
            budget_s={stage: getattr(self, f"{stage}_s") for stage in Stage},
        )
