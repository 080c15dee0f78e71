"""The known telescopes."""

from __future__ import annotations

import pytest

from followup.errors import ConfigurationError
from followup.names import check_telescope
from simulators.filters import PASSBANDS, zero_point
from simulators.sites import KNOWN_TELESCOPES, known_telescope


@pytest.mark.parametrize("known", KNOWN_TELESCOPES.values(), ids=KNOWN_TELESCOPES)
def test_a_known_telescope_is_consistent(known):
    instrument = known.instrument
    assert check_telescope(known.name) == instrument.telescope
    assert set(instrument.filters) == {name for name, _ in instrument.zero_points}
    assert set(instrument.filters) <= set(PASSBANDS) == set(known.conditions.sky_mag)
    # Stars must be sampled, or their photometry is not worth much.
    assert known.conditions.seeing_arcsec > 1.5 * instrument.pixel_scale_arcsec
    # An error circle of ECLAIRs fits on the detector.
    assert instrument.width_px * instrument.pixel_scale_arcsec / 60.0 > 2 * 9.0
    azimuths = [azimuth for azimuth, _ in known.site.horizon]
    assert azimuths == sorted(azimuths)


def test_the_telescopes_of_the_demonstration_are_known():
    assert known_telescope("gft-spm").site.latitude_deg == pytest.approx(31.04, abs=0.01)
    assert known_telescope("gft-jilin").site.longitude_deg == pytest.approx(126.33, abs=0.01)


def test_an_unknown_one_is_refused_with_those_that_are_known():
    with pytest.raises(ConfigurationError, match="no telescope named 'gft-moon'") as caught:
        known_telescope("gft-moon")
    assert "gft-spm" in caught.value.hint


def test_a_larger_mirror_gives_a_deeper_zero_point():
    small = zero_point("r", aperture_m=0.5, throughput=0.4)
    large = zero_point("r", aperture_m=5.0, throughput=0.4)
    assert large - small == pytest.approx(5.0, abs=0.01)
    # Vega's 1000 photons per second, square centimetre and angstrom, in the rough.
    assert zero_point("r", aperture_m=1.0, throughput=1.0) == pytest.approx(24.85, abs=0.15)
