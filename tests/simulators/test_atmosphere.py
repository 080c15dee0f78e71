"""Air whose conditions change; what it does at each time is tested with the frames and the sensitivity."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from simulators.atmosphere import Atmosphere
from simulators.sites import KNOWN_TELESCOPES, Conditions
from voevent.packet import SkyPosition

SPM = KNOWN_TELESCOPES["gft-spm"]
NIGHT = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
HIGH = SkyPosition(ra_deg=95.0, dec_deg=40.0)


def test_the_air_can_change() -> None:
    usual = SPM.conditions
    cloudy = replace(usual, seeing_arcsec=2.0 * usual.seeing_arcsec, haze=usual.haze + 1.0)

    def clouds_come(time: datetime) -> Conditions:
        return cloudy if time >= NIGHT else usual

    constant, air = Atmosphere(SPM), Atmosphere(SPM, clouds_come)
    before = NIGHT - timedelta(minutes=1)
    assert air.fwhm_px(HIGH, before, "r") == constant.fwhm_px(HIGH, before, "r")
    assert air.zero_point(HIGH, before, "r") == constant.zero_point(HIGH, before, "r")
    assert air.fwhm_px(HIGH, NIGHT, "r") == pytest.approx(2.0 * constant.fwhm_px(HIGH, NIGHT, "r"))
    dimmed = constant.zero_point(HIGH, NIGHT, "r") - air.zero_point(HIGH, NIGHT, "r")
    assert dimmed == pytest.approx(air.airmass(HIGH, NIGHT))
