"""Where a telescope stands and what it can do, as planning and reduction need to know it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A place on Earth with its horizon.

    Attributes
    ----------
    latitude_deg, longitude_deg, elevation_m
        Geodetic WGS84, longitude east positive.
    horizon
        Pairs (azimuth_deg, altitude_deg), azimuth ascending from north through east; between two pairs
        the local horizon is interpolated. Empty for a free horizon.
    min_altitude_deg
        Lowest altitude at which the telescope may observe.
    max_sun_altitude_deg
        The Sun must be lower than this.
    min_moon_separation_deg
        Smallest angle to the Moon while it is up.
    """

    name: str
    latitude_deg: float
    longitude_deg: float
    elevation_m: float
    horizon: tuple[tuple[float, float], ...] = ()
    min_altitude_deg: float = 20.0
    max_sun_altitude_deg: float = -12.0
    min_moon_separation_deg: float = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Instrument:
    """A telescope with its camera.

    Attributes
    ----------
    width_px, height_px, pixel_scale_arcsec
        Of the detector as read out (binning included).
    gain_e_adu, read_noise_e, saturation_adu, dark_current_e_s
        Of the detector.
    filters
        In the order of the wheel.
    zero_points
        AB magnitude of a source giving 1 electron per second, above the atmosphere, per filter; a first
        guess for exposure planning. The photometry is calibrated on field stars, not on these.
    """

    telescope: str
    aperture_m: float
    width_px: int
    height_px: int
    pixel_scale_arcsec: float
    gain_e_adu: float
    read_noise_e: float
    saturation_adu: float
    dark_current_e_s: float
    readout_s: float
    filters: tuple[str, ...]
    zero_points: tuple[tuple[str, float], ...]
