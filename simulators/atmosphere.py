"""What the air over a telescope does to the light: extinction, seeing, and the brightness of the sky.

References
----------
Seeing with air mass and wavelength: Kolmogorov turbulence, Fried 1966, J. Opt. Soc. Am. 56, 1372. Moonlight
and twilight are rough fits to what sites publish (Krisciunas & Schaefer 1991, PASP 103, 1033; Patat et al.
2006, A&A 455, 385).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

from simulators.earth import airmass, altitude_azimuth_deg, angle_deg, moon, sun
from simulators.filters import PASSBANDS
from simulators.sites import Conditions, KnownTelescope
from voevent.packet import SkyPosition

_FULL_MOON_MAG = {"g": 19.0, "r": 19.7, "i": 19.8, "z": 19.6, "y": 19.4}
"""AB mag per square arcsecond that a full Moon in the zenith adds, 60 deg away from it."""


ConditionsAt = Callable[[datetime], Conditions]
"""The conditions at a time."""


class Atmosphere:
    """The air over a telescope.

    Parameters
    ----------
    telescope
        Whose site, conditions and camera it is about.
    conditions
        Those at each time, where they change; None for the site's own at all times.
    """

    def __init__(self, telescope: KnownTelescope, conditions: ConditionsAt | None = None) -> None:
        self._telescope = telescope
        self._conditions = conditions or (lambda _time: telescope.conditions)
        self._zero_points = dict(telescope.instrument.zero_points)

    def airmass(self, position: SkyPosition, time: datetime) -> float:
        """Air mass towards a position; that of the horizon when it has set."""
        altitude, _ = altitude_azimuth_deg(position, self._telescope.site, time)
        return airmass(altitude)

    def zero_point(self, position: SkyPosition, time: datetime, filter_name: str) -> float:
        """AB magnitude above the atmosphere that gives one electron per second through it."""
        coefficient = PASSBANDS[filter_name].extinction + self._conditions(time).haze
        return self._zero_points[filter_name] - coefficient * self.airmass(position, time)

    def fwhm_px(self, position: SkyPosition, time: datetime, filter_name: str) -> float:
        """Median full width at half maximum of a star: as airmass**0.6, as wavelength**-0.2."""
        blue = (PASSBANDS["r"].wavelength_nm / PASSBANDS[filter_name].wavelength_nm) ** 0.2
        zenith = self._conditions(time).seeing_arcsec / self._telescope.instrument.pixel_scale_arcsec
        return float(zenith * self.airmass(position, time) ** 0.6 * blue)

    def sky_e_px(self, position: SkyPosition, time: datetime, filter_name: str) -> float:
        """Electrons per second and pixel: night sky, Moon and twilight."""
        site = self._telescope.site
        dark = 10 ** (-0.4 * self._conditions(time).sky_mag[filter_name])
        dark *= self.airmass(position, time) ** 0.5
        sun_altitude, _ = altitude_azimuth_deg(sun(time), site, time)
        # About a magnitude a degree, from where it drowns in the night sky on.
        twilight = dark * 10 ** (0.4 * min(16.0, 0.9 * (sun_altitude + 18.0) - 1.5))
        brightness = dark + twilight + self._moonlight(position, time, filter_name)
        area = self._telescope.instrument.pixel_scale_arcsec**2
        return float(brightness * area * 10 ** (0.4 * self._zero_points[filter_name]))

    def _moonlight(self, position: SkyPosition, time: datetime, filter_name: str) -> float:
        """Surface brightness that the Moon adds, in units of AB magnitude 0 per square arcsecond."""
        where, lit = moon(time)
        moon_altitude, _ = altitude_azimuth_deg(where, self._telescope.site, time)
        if moon_altitude <= 0.0:
            return 0.0
        full = 10 ** (-0.4 * _FULL_MOON_MAG[filter_name])
        scatter = (60.0 / max(10.0, angle_deg(where, position))) ** 0.7
        return float(full * lit**2 * scatter * math.sin(math.radians(moon_altitude)) ** 0.5)
