"""A sky of recorded reference stars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from console.replay.errors import ReplayError
from console.replay.whatif.stars import RecordedStars
from voevent.packet import SkyPosition

CENTRE = SkyPosition(ra_deg=95.0, dec_deg=40.0)


def catalogue(path: Path, **columns: list[float]) -> Path:
    count = len(next(iter(columns.values())))
    columns = {"ra": [95.0 + 0.01 * n for n in range(count)], "dec": [40.0] * count, **columns}
    table = fits.BinTableHDU.from_columns(
        [fits.Column(name=name, format="D", array=np.array(values)) for name, values in columns.items()]
    )
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    return path


def test_stars_are_as_the_catalogue_says_within_its_errors(tmp_path: Path) -> None:
    count = 400
    path = catalogue(tmp_path / "c.fits", mag_r=[15.0] * count, err_r=[0.1] * count)
    sky = RecordedStars(path, seed=7)
    true, said = sky.stars(CENTRE, 10.0), sky.cone(CENTRE, 10.0)
    assert (said.mags["r"] == 15.0).all()
    assert (said.mag_errs["r"] == 0.1).all()
    assert np.std(true.mags["r"]) == pytest.approx(0.1, rel=0.2)
    assert np.mean(true.mags["r"]) == pytest.approx(15.0, abs=0.03)
    again = RecordedStars(path, seed=7).stars(CENTRE, 10.0)
    assert (again.mags["r"] == true.mags["r"]).all()


def test_only_what_is_near_is_given(tmp_path: Path) -> None:
    sky = RecordedStars(catalogue(tmp_path / "c.fits", mag_r=[15.0] * 50, err_r=[0.01] * 50), seed=1)
    near = sky.stars(CENTRE, 0.1)
    assert 0 < len(near.ra_deg) < 50
    assert len(sky.cone(CENTRE, 0.1).ra_deg) == len(near.ra_deg) == len(near.mags["g"])
    assert 0.3 < sky.reach_deg(CENTRE) < 0.4


def test_magnitudes_that_are_missing_are_those_of_the_next_filter(tmp_path: Path) -> None:
    nan = float("nan")
    path = catalogue(
        tmp_path / "c.fits",
        mag_g=[16.0, 17.0, nan, nan],
        err_g=[0.01, 0.01, nan, nan],
        mag_i=[15.0, 15.8, 14.0, nan],
        err_i=[0.02, 0.02, nan, nan],
    )
    said = RecordedStars(path, seed=1).cone(CENTRE, 1.0)
    assert len(said.ra_deg) == 3, "who has no magnitude gives no light"
    assert said.mags["g"][2] == pytest.approx(14.0 + 1.1)
    assert (said.mags["z"] == said.mags["i"]).all()
    assert said.mag_errs["z"][0] == said.mag_errs["i"][2] == 0.05
    assert said.mag_errs["i"][0] == 0.02


def test_a_catalogue_of_no_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="no recorded reference star"):
        RecordedStars(catalogue(tmp_path / "c.fits", mag_R=[15.0], err_R=[0.1]), seed=1)
    with pytest.raises(ReplayError, match="cannot be read"):
        RecordedStars(tmp_path / "none.fits", seed=1)
    columns = [fits.Column(name=name, format="D", array=np.ones(2)) for name in ("dec", "mag_r", "err_r")]
    table = fits.BinTableHDU.from_columns(columns)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "placeless.fits")
    with pytest.raises(ReplayError, match="cannot be read: there is no column ra"):
        RecordedStars(tmp_path / "placeless.fits", seed=1)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((4, 4)))]).writeto(tmp_path / "image.fits")
    with pytest.raises(ReplayError, match="cannot be read: there is an image"):
        RecordedStars(tmp_path / "image.fits", seed=1)
