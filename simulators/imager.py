"""A frame of the simulated sky as a telescope's camera takes it: stars, afterglows, atmosphere, detector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from followup.devices import FrameType, RawFrame
from simulators.afterglow import SimulatedBurst
from simulators.atmosphere import Atmosphere, ConditionsAt
from simulators.detector import Detector
from simulators.earth import angle_deg
from simulators.pointspread import PointSources
from simulators.projection import Projection
from simulators.sites import KnownTelescope
from simulators.sky import StarField
from voevent.packet import SkyPosition


class Imager:
    """The optics and the detector of a simulated telescope under its sky.

    Parameters
    ----------
    telescope
        Which one.
    sky
        The constant stars.
    bursts
        The afterglows that may be in a field.
    conditions
        Those of the air at each time; None for the site's own at all times.
    """

    def __init__(
        self,
        telescope: KnownTelescope,
        sky: StarField,
        bursts: Sequence[SimulatedBurst] = (),
        *,
        conditions: ConditionsAt | None = None,
    ) -> None:
        self._telescope = telescope
        self._sky = sky
        self._bursts = tuple(bursts)
        self._detector = Detector(telescope.instrument)
        self._atmosphere = Atmosphere(telescope, conditions)

    def show(self, bursts: Sequence[SimulatedBurst]) -> None:
        """Have these afterglows in the sky from now on."""
        self._bursts = tuple(bursts)

    def frame(
        self,
        *,
        frame_type: FrameType,
        start: datetime,
        exposure_s: float,
        filter_name: str,
        pointing: SkyPosition,
        rng: np.random.Generator,
        looks_at: SkyPosition | None = None,
        blur_arcsec: float = 0.0,
        upside_down: bool = False,
    ) -> RawFrame:
        """Take a frame.

        Parameters
        ----------
        pointing
            Where the mount says it looks: what the frame's header says.
        looks_at
            Where it looks in truth, which falls on the detector's centre; `pointing` when None.
        blur_arcsec
            What being out of focus adds, in squares, to the width of a star.
        upside_down
            Whether the telescope has swung to the other side of its pier.
        """
        header: dict[str, str | int | float | bool] = {
            "GAIN": self._telescope.instrument.gain_e_adu,
            "RDNOISE": self._telescope.instrument.read_noise_e,
            "SATURATE": self._telescope.instrument.saturation_adu,
            "CCD-TEMP": -60.0,
            "SIMULATD": True,
        }
        if frame_type is FrameType.LIGHT:
            truth = looks_at or pointing
            # The seeing wanders.
            seeing_px = self._atmosphere.fwhm_px(truth, start, filter_name) * math.exp(rng.normal(0.0, 0.05))
            blur_px = blur_arcsec / self._telescope.instrument.pixel_scale_arcsec
            header["AIRMASS"] = round(self._atmosphere.airmass(truth, start), 3)
            pixels = self._detector.light(
                sources=self._sources(truth, start, exposure_s, filter_name, rng, upside_down=upside_down),
                sky_e_px=self._atmosphere.sky_e_px(truth, start, filter_name) * exposure_s,
                fwhm_px=math.hypot(seeing_px, blur_px),
                exposure_s=exposure_s,
                filter_name=filter_name,
                rng=rng,
            )
        elif frame_type is FrameType.FLAT:
            pixels = self._detector.flat(exposure_s=exposure_s, filter_name=filter_name, rng=rng)
        elif frame_type is FrameType.DARK:
            pixels = self._detector.dark(exposure_s=exposure_s, rng=rng)
        else:
            pixels = self._detector.bias(rng=rng)
        return RawFrame(
            pixels=pixels,
            frame_type=frame_type,
            date_obs=start,
            exposure_s=exposure_s,
            filter=filter_name,
            pointing=pointing,
            header=header,
        )

    def _sources(
        self,
        centre: SkyPosition,
        start: datetime,
        exposure_s: float,
        filter_name: str,
        rng: np.random.Generator,
        *,
        upside_down: bool,
    ) -> PointSources:
        """Return the stars, and the light each afterglow sends while the shutter is open."""
        instrument = self._telescope.instrument
        projection = Projection(
            centre=centre,
            width_px=instrument.width_px,
            height_px=instrument.height_px,
            pixel_scale_arcsec=instrument.pixel_scale_arcsec,
            rotation_deg=self._telescope.mechanics.rotation_deg + (180.0 if upside_down else 0.0),
        )
        stars = self._sky.stars(centre, projection.reach_deg + 0.02)
        near = [
            burst
            for burst in self._bursts
            if angle_deg(burst.position, centre) <= projection.reach_deg + 0.02
        ]
        since = [(start - burst.trigger_time).total_seconds() + exposure_s / 2 for burst in near]
        mags = [burst.magnitude(t_s, filter_name, exposure_s) for burst, t_s in zip(near, since, strict=True)]
        x, y = projection.pixels(
            np.concatenate([stars.ra_deg, [burst.position.ra_deg for burst in near]]),
            np.concatenate([stars.dec_deg, [burst.position.dec_deg for burst in near]]),
        )
        # Transparency wanders by some hundredths from frame to frame, for all sources alike.
        transparency = math.exp(rng.normal(0.0, 0.02))
        zero_point = self._atmosphere.zero_point(centre, start, filter_name)
        magnitudes = np.concatenate([stars.mags[filter_name], mags])
        electrons = transparency * exposure_s * 10 ** (0.4 * (zero_point - magnitudes))
        return PointSources(x=x, y=y, electrons=electrons)
