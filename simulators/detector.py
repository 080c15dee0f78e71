"""A detector: what light, darkness and read-out leave in its pixels.

Fixed patterns (bias columns, hot pixels, pixel response, vignetting, dust) belong to the device and are the
same in every frame; noise and cosmic rays are drawn anew. Poisson noise is drawn as a Gaussian of the same
variance, in one draw with the read-out noise: at the levels of a sky background the two cannot be told apart.
"""

from __future__ import annotations

import functools
import zlib

import numpy as np
from numpy.typing import NDArray

from followup.site import Instrument
from simulators.pointspread import PointSources, draw

Image = NDArray[np.float32]

BIAS_ADU = 1000.0
_LAMP_LEVEL = 0.5
_COSMICS_PER_S = 0.04


class Detector:
    """The detector of one telescope.

    Parameters
    ----------
    instrument
        Its size, gain, noises and saturation.
    """

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._shape = (instrument.height_px, instrument.width_px)
        self._seed = zlib.crc32(instrument.telescope.encode())
        self._response = functools.lru_cache(maxsize=len(instrument.filters))(self._draw_response)

    def light(
        self,
        *,
        sources: PointSources,
        sky_e_px: float,
        fwhm_px: float,
        exposure_s: float,
        filter_name: str,
        rng: np.random.Generator,
    ) -> NDArray[np.uint16]:
        """Frame of the sky.

        Parameters
        ----------
        sources
            Points with the electrons each would leave on an ideal detector during the exposure.
        sky_e_px
            Electrons of the sky background per pixel during the exposure.
        fwhm_px
            Full width at half maximum of the points.

        Returns
        -------
        ndarray
            Shape (height, width), ADU.
        """
        electrons = np.full(self._shape, sky_e_px, dtype=np.float32)
        draw(electrons, sources, fwhm_px)
        electrons *= self._response(filter_name)
        electrons += self._dark_rate * np.float32(exposure_s)
        return self._read_out(electrons, exposure_s, rng)

    def bias(self, *, rng: np.random.Generator) -> NDArray[np.uint16]:
        """Frame read out at once, in the dark."""
        return self._read_out(np.zeros(self._shape, dtype=np.float32), 0.0, rng)

    def dark(self, *, exposure_s: float, rng: np.random.Generator) -> NDArray[np.uint16]:
        """Frame with the shutter closed."""
        return self._read_out(self._dark_rate * np.float32(exposure_s), exposure_s, rng)

    def flat(self, *, exposure_s: float, filter_name: str, rng: np.random.Generator) -> NDArray[np.uint16]:
        """Frame of the lit screen: half of the full well, whatever the exposure (the lamp is dimmed to it).

        The screen is lit evenly to some thousandths only, as real ones are.
        """
        instrument = self._instrument
        level = _LAMP_LEVEL * (instrument.saturation_adu - BIAS_ADU) * instrument.gain_e_adu
        across = np.linspace(-1.0, 1.0, instrument.width_px, dtype=np.float32)
        up = np.linspace(-1.0, 1.0, instrument.height_px, dtype=np.float32)
        screen = 1.0 + 0.003 * across[None, :] - 0.002 * up[:, None]
        electrons = np.float32(level) * screen * self._response(filter_name)
        electrons += self._dark_rate * np.float32(exposure_s)
        return self._read_out(electrons.astype(np.float32), 0.0, rng)

    def _read_out(self, electrons: Image, exposure_s: float, rng: np.random.Generator) -> NDArray[np.uint16]:
        instrument = self._instrument
        noise = rng.standard_normal(self._shape, dtype=np.float32)
        variance = np.maximum(electrons, np.float32(0.0)) + np.float32(instrument.read_noise_e**2)
        electrons = electrons + noise * np.sqrt(variance)
        self._add_cosmics(electrons, exposure_s, rng)
        adu = electrons * np.float32(1.0 / instrument.gain_e_adu) + self._bias
        pixels: NDArray[np.uint16] = np.rint(np.clip(adu, 0.0, instrument.saturation_adu)).astype(np.uint16)
        return pixels

    def _add_cosmics(self, electrons: Image, exposure_s: float, rng: np.random.Generator) -> None:
        """Short straight tracks with sharp edges."""
        height, width = self._shape
        for _ in range(int(rng.poisson(_COSMICS_PER_S * exposure_s))):
            length = 1 + int(rng.exponential(3.0))
            angle = rng.uniform(0.0, np.pi)
            steps = np.arange(length)
            x = np.rint(rng.uniform(0, width) + steps * np.cos(angle)).astype(np.intp)
            y = np.rint(rng.uniform(0, height) + steps * np.sin(angle)).astype(np.intp)
            on = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            electrons[y[on], x[on]] += np.float32(rng.lognormal(np.log(900.0), 0.8))

    @functools.cached_property
    def _bias(self) -> Image:
        rng = np.random.default_rng([self._seed, 1])
        columns = rng.normal(0.0, 1.5, self._instrument.width_px)
        slope = np.linspace(-2.0, 2.0, self._instrument.height_px)
        bias: Image = (BIAS_ADU + columns[None, :] + slope[:, None]).astype(np.float32)
        return bias

    @functools.cached_property
    def _dark_rate(self) -> Image:
        """Electrons per second of each pixel."""
        rng = np.random.default_rng([self._seed, 2])
        rate = self._instrument.dark_current_e_s * rng.lognormal(0.0, 0.3, self._shape)
        hot = rng.random(self._shape) < 3e-4
        rate[hot] += rng.lognormal(np.log(8.0), 1.2, int(hot.sum()))
        dark: Image = rate.astype(np.float32)
        return dark

    def _draw_response(self, filter_name: str) -> Image:
        """Sensitivity of each pixel in a filter, 1 near the centre: vignetting, pixel response, dust."""
        height, width = self._shape
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        radius = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2) / (np.hypot(width, height) / 2)
        response = 1.0 - 0.12 * radius**3
        pixels = np.random.default_rng([self._seed, 3])
        response *= 1.0 + 0.008 * pixels.standard_normal(self._shape)
        dust = np.random.default_rng([self._seed, 4, zlib.crc32(filter_name.encode())])
        for _ in range(6):
            distance = np.hypot(x - dust.uniform(0, width), y - dust.uniform(0, height))
            size = dust.uniform(12.0, 30.0)
            response *= 1.0 - 0.03 * np.exp(-0.5 * ((distance - size) / (0.25 * size)) ** 2)
        sensitivity: Image = response.astype(np.float32)
        return sensitivity
