"""The exposure-time calculator, held against photometry of rendered frames."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import numpy as np
import pytest

from followup.devices import FrameType
from simulators.afterglow import Afterglow, SimulatedBurst
from simulators.atmosphere import Atmosphere
from simulators.imager import Imager
from simulators.pointspread import PointSources, draw, noise_pixels
from simulators.sensitivity import signal_to_noise
from simulators.sites import known_telescope
from simulators.sky import SimulatedSky
from voevent.packet import SkyPosition

SPM = known_telescope("gft-spm")
NIGHT = datetime(2026, 11, 8, 6, 0, tzinfo=UTC)
HIGH = SkyPosition(ra_deg=40.0, dec_deg=30.0)


def _snr(mag=20.0, *, telescope=SPM, position=HIGH, **changes):
    how = {"time": NIGHT, "exposure_s": 60.0, "filter_name": "r"} | changes
    return signal_to_noise(telescope, position, mag, **how)


@pytest.mark.parametrize("fwhm_px", [3.0, 5.0])
def test_noise_pixels_are_those_of_the_drawn_profile(fwhm_px):
    image = np.zeros((201, 201), dtype=np.float32)
    draw(image, PointSources(x=np.array([100.0]), y=np.array([100.0]), electrons=np.array([1.0])), fwhm_px)
    assert noise_pixels(fwhm_px) == pytest.approx(1.0 / np.sum(image.astype(float) ** 2), rel=0.15)


def test_the_scatter_of_the_best_photometry_is_as_promised():
    """Frames of a faint source, weighted by its profile: their scatter over their mean."""
    mag = 21.5  # so faint that the wandering of the seeing does not matter
    small = dataclasses.replace(
        SPM, instrument=dataclasses.replace(SPM.instrument, width_px=61, height_px=61)
    )
    burst = SimulatedBurst(
        name="b",
        trigger_time=datetime(2026, 11, 7, tzinfo=UTC),
        position=HIGH,
        afterglow=Afterglow(r_mag=mag, indices=(0.0,), breaks_s=(), spectral_index=0.0),
    )
    with_it, without = Imager(small, _NoStars(0), [burst]), Imager(small, _NoStars(0))

    def pixels(imager, seed):
        frame = imager.frame(
            frame_type=FrameType.LIGHT,
            start=NIGHT,
            exposure_s=60.0,
            filter_name="r",
            pointing=HIGH,
            rng=np.random.default_rng(seed),
        )
        return frame.pixels.astype(float)

    empty = np.mean([pixels(without, 1000 + seed) for seed in range(100)], axis=0)
    profile = np.zeros((61, 61), dtype=np.float32)
    fwhm = Atmosphere(SPM).fwhm_px(HIGH, NIGHT, "r")
    draw(profile, PointSources(x=np.array([30.0]), y=np.array([30.0]), electrons=np.array([1.0])), fwhm)
    fluxes = [np.sum(profile * (pixels(with_it, seed) - empty)) / np.sum(profile**2) for seed in range(300)]
    low, middle, high = np.percentile(fluxes, [16, 50, 84])
    assert middle / ((high - low) / 2) == pytest.approx(_snr(mag), rel=0.2)


class _NoStars(SimulatedSky):
    def stars(self, centre, radius_deg):
        found = super().stars(centre, radius_deg)
        return dataclasses.replace(
            found,
            ra_deg=found.ra_deg[:0],
            dec_deg=found.dec_deg[:0],
            mags={name: mags[:0] for name, mags in found.mags.items()},
        )


def test_signal_grows_with_light_and_noise_with_the_sky():
    assert _snr(25.0) / _snr(26.0) == pytest.approx(10**0.4, rel=0.01)
    assert _snr(12.0) / _snr(13.0) == pytest.approx(10**0.2, rel=0.01)
    assert _snr(22.0, exposures=4) == pytest.approx(2 * _snr(22.0))
    # One long exposure is read out once.
    assert _snr(22.0, exposure_s=240.0) > _snr(22.0, exposures=4)
    assert _snr(position=SkyPosition(ra_deg=40.0, dec_deg=-30.0)) < _snr() / 1.5
    assert _snr(time=datetime(2026, 11, 24, 6, 0, tzinfo=UTC)) < _snr() / 1.3
    assert _snr(telescope=known_telescope("gft-jilin"), time=NIGHT.replace(hour=14)) < _snr() / 1.3


def test_the_limits_are_those_of_a_metre_class_telescope():
    """Five standard deviations in 3 x 180 s of r, dark and high: at about r = 22.8."""
    assert 4.0 < _snr(22.8, exposure_s=180.0, exposures=3) < 6.5
