"""Known telescopes: where they stand, what they carry, and how they behave when simulated.

The site and the instrument are what the telescope's own agent is told. Conditions and mechanics belong to the
simulation alone. The numbers are those published for the places, rounded; detectors are read out binned to
1024 x 1024 pixels so that a night can be simulated on a small machine. Two are made up: ``gft-peary`` and
``gft-schlei``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from followup.errors import ConfigurationError
from followup.site import Instrument, Site
from simulators.filters import zero_point


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """The atmosphere over a site.

    Attributes
    ----------
    seeing_arcsec
        Median full width at half maximum of a star at the zenith, optics and guiding included.
    sky_mag
        Moonless night sky at the zenith, AB mag per square arcsecond, by filter.
    haze
        Extinction in every filter in excess of a good high site's, mag per airmass.
    """

    seeing_arcsec: float
    sky_mag: Mapping[str, float]
    haze: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Mechanics:
    """How a telescope moves.

    Attributes
    ----------
    pointing_error_arcsec
        Standard deviation, per axis, of where it lands after a slew.
    drift_arcsec_min
        Speed at which it drifts off while tracking.
    rotation_deg
        Position angle of the detector's y axis, from north through east; what nobody has measured yet.
    german
        Whether it stands on one side of its pier for the eastern half of the sky, and on the other for the
        western one.
    """

    slew_deg_s: float
    settle_s: float
    filter_change_s: float
    dome_s: float
    pointing_error_arcsec: float
    drift_arcsec_min: float
    rotation_deg: float
    german: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownTelescope:
    """A telescope with its site, camera, atmosphere and mechanics."""

    title: str
    site: Site
    instrument: Instrument
    conditions: Conditions
    mechanics: Mechanics

    @property
    def name(self) -> str:
        """The telescope's user name, ``gft-NAME``."""
        return self.instrument.telescope


def _zero_points(
    filters: tuple[str, ...], aperture_m: float, throughput: Mapping[str, float]
) -> tuple[tuple[str, float], ...]:
    return tuple((f, zero_point(f, aperture_m=aperture_m, throughput=throughput[f])) for f in filters)


_DEEP_DEPLETED = {"g": 0.42, "r": 0.46, "i": 0.45, "z": 0.36, "y": 0.18}
_CMOS = {"g": 0.42, "r": 0.40, "i": 0.28, "z": 0.12, "y": 0.04}

_SPM = KnownTelescope(
    title="COLIBRI (F-GFT), San Pedro Mártir",
    site=Site(
        name="San Pedro Mártir",
        latitude_deg=31.0439,
        longitude_deg=-115.4637,
        elevation_m=2790.0,
        min_altitude_deg=20.0,
    ),
    # DDRAGO sees 26'; the central 21.7' are kept, so that stars stay sampled on 1024 pixels.
    instrument=Instrument(
        telescope="gft-spm",
        aperture_m=1.3,
        width_px=1024,
        height_px=1024,
        pixel_scale_arcsec=1.27,
        gain_e_adu=2.0,
        read_noise_e=6.0,
        saturation_adu=60000.0,
        dark_current_e_s=0.01,
        readout_s=6.0,
        filters=("g", "r", "i", "z"),
        zero_points=_zero_points(("g", "r", "i", "z"), 1.3, _DEEP_DEPLETED),
    ),
    conditions=Conditions(seeing_arcsec=2.2, sky_mag={"g": 22.0, "r": 21.0, "i": 20.2, "z": 19.2, "y": 18.3}),
    mechanics=Mechanics(
        slew_deg_s=9.0,
        settle_s=2.0,
        filter_change_s=2.0,
        dome_s=20.0,
        pointing_error_arcsec=12.0,
        drift_arcsec_min=0.3,
        rotation_deg=0.35,
    ),
)

_JILIN = KnownTelescope(
    title="C-GFT, Jilin",
    site=Site(
        name="Jilin",
        latitude_deg=43.8244,
        longitude_deg=126.3306,
        elevation_m=313.0,
        horizon=((0.0, 16.0), (70.0, 22.0), (130.0, 18.0), (230.0, 18.0), (300.0, 24.0), (360.0, 16.0)),
        min_altitude_deg=20.0,
    ),
    # The real one splits the beam and takes g, r and i at once; this one has them on a wheel.
    instrument=Instrument(
        telescope="gft-jilin",
        aperture_m=1.2,
        width_px=1024,
        height_px=1024,
        pixel_scale_arcsec=1.26,
        gain_e_adu=1.6,
        read_noise_e=5.0,
        saturation_adu=58000.0,
        dark_current_e_s=0.05,
        readout_s=4.0,
        filters=("g", "r", "i"),
        zero_points=_zero_points(("g", "r", "i"), 1.2, _CMOS),
    ),
    conditions=Conditions(
        seeing_arcsec=2.7, sky_mag={"g": 20.8, "r": 20.0, "i": 19.3, "z": 18.6, "y": 17.9}, haze=0.08
    ),
    mechanics=Mechanics(
        slew_deg_s=4.0,
        settle_s=4.0,
        filter_change_s=4.0,
        dome_s=40.0,
        pointing_error_arcsec=20.0,
        drift_arcsec_min=0.8,
        rotation_deg=-0.8,
    ),
)

_XINGLONG = KnownTelescope(
    title="60 cm of the GWAC array, Xinglong",
    site=Site(
        name="Xinglong",
        latitude_deg=40.3958,
        longitude_deg=117.5775,
        elevation_m=960.0,
        min_altitude_deg=20.0,
    ),
    instrument=Instrument(
        telescope="gft-xinglong",
        aperture_m=0.6,
        width_px=1024,
        height_px=1024,
        pixel_scale_arcsec=1.12,
        gain_e_adu=1.3,
        read_noise_e=7.0,
        saturation_adu=60000.0,
        dark_current_e_s=0.03,
        readout_s=5.0,
        filters=("g", "r", "i"),
        zero_points=_zero_points(("g", "r", "i"), 0.6, _CMOS),
    ),
    conditions=Conditions(
        seeing_arcsec=2.4, sky_mag={"g": 20.9, "r": 20.2, "i": 19.4, "z": 18.6, "y": 17.9}, haze=0.05
    ),
    mechanics=Mechanics(
        slew_deg_s=5.0,
        settle_s=3.0,
        filter_change_s=3.0,
        dome_s=30.0,
        pointing_error_arcsec=25.0,
        drift_arcsec_min=1.0,
        rotation_deg=1.1,
    ),
)

_LA_SILLA = KnownTelescope(
    title="1 m, La Silla",
    site=Site(
        name="La Silla",
        latitude_deg=-29.2567,
        longitude_deg=-70.7377,
        elevation_m=2400.0,
        min_altitude_deg=20.0,
    ),
    instrument=Instrument(
        telescope="gft-lasilla",
        aperture_m=1.0,
        width_px=1024,
        height_px=1024,
        pixel_scale_arcsec=1.2,
        gain_e_adu=1.8,
        read_noise_e=6.0,
        saturation_adu=60000.0,
        dark_current_e_s=0.01,
        readout_s=6.0,
        filters=("g", "r", "i", "z"),
        zero_points=_zero_points(("g", "r", "i", "z"), 1.0, _DEEP_DEPLETED),
    ),
    conditions=Conditions(seeing_arcsec=2.0, sky_mag={"g": 22.1, "r": 21.1, "i": 20.2, "z": 19.2, "y": 18.2}),
    mechanics=Mechanics(
        slew_deg_s=6.0,
        settle_s=3.0,
        filter_change_s=3.0,
        dome_s=25.0,
        pointing_error_arcsec=15.0,
        drift_arcsec_min=0.4,
        rotation_deg=-0.2,
    ),
)

# Nobody has built it. Its detector is small and it moves fast, so that a campaign costs little; and where it
# stands the Sun stays down from November to January: campaigns can follow each other without a day between.
_PEARY = KnownTelescope(
    title="30 cm patrol camera in the polar night, Peary Land",
    site=Site(
        name="Cape Morris Jesup",
        latitude_deg=83.66,
        longitude_deg=-33.37,
        elevation_m=10.0,
        min_altitude_deg=20.0,
    ),
    instrument=Instrument(
        telescope="gft-peary",
        aperture_m=0.3,
        width_px=288,
        height_px=288,
        pixel_scale_arcsec=4.0,
        gain_e_adu=1.5,
        read_noise_e=6.0,
        saturation_adu=60000.0,
        dark_current_e_s=0.01,
        readout_s=1.0,
        filters=("g", "r"),
        zero_points=_zero_points(("g", "r"), 0.3, _CMOS),
    ),
    conditions=Conditions(seeing_arcsec=6.5, sky_mag={"g": 21.8, "r": 20.9, "i": 20.0, "z": 19.1, "y": 18.2}),
    mechanics=Mechanics(
        slew_deg_s=30.0,
        settle_s=1.0,
        filter_change_s=1.0,
        dome_s=5.0,
        pointing_error_arcsec=12.0,
        drift_arcsec_min=0.3,
        rotation_deg=0.4,
    ),
)

_SCHLEI = KnownTelescope(
    title="made up: gft-spm's telescope where a night of June lasts half an hour",
    site=Site(
        name="Schlei",
        latitude_deg=54.80,
        longitude_deg=9.50,
        elevation_m=40.0,
        min_altitude_deg=20.0,
    ),
    instrument=dataclasses.replace(_SPM.instrument, telescope="gft-schlei"),
    conditions=_SPM.conditions,
    mechanics=_SPM.mechanics,
)

KNOWN_TELESCOPES: Mapping[str, KnownTelescope] = MappingProxyType(
    {known.name: known for known in (_SPM, _JILIN, _XINGLONG, _LA_SILLA, _PEARY, _SCHLEI)}
)
"""By user name."""


def known_telescope(name: str) -> KnownTelescope:
    """Look a telescope up by its user name.

    Raises
    ------
    ConfigurationError
        When there is none of that name.
    """
    try:
        return KNOWN_TELESCOPES[name]
    except KeyError:
        raise ConfigurationError(
            f"no telescope named {name!r} can be simulated", hint=f"known are {', '.join(KNOWN_TELESCOPES)}"
        ) from None
