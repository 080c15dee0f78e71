"""A site's own catalogue of reference stars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from agents.gft.local_catalogue import LocalCatalogue
from followup.errors import ConfigurationError
from simulators.sky import SimulatedSky
from voevent.packet import SkyPosition


def write(path: Path, columns: dict[str, np.ndarray]) -> Path:
    made = [fits.Column(name=name, format="D", array=values) for name, values in columns.items()]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(made)]).writeto(path)
    return path


@pytest.mark.parametrize(
    "centre",
    [
        pytest.param(SkyPosition(ra_deg=0.05, dec_deg=20.0), id="across 0 h"),
        pytest.param(SkyPosition(ra_deg=210.0, dec_deg=89.9), id="at the pole"),
        pytest.param(SkyPosition(ra_deg=100.0, dec_deg=-45.0), id="in the south"),
    ],
)
def test_a_cone_holds_the_stars_within_it(tmp_path: Path, centre: SkyPosition) -> None:
    sky = SimulatedSky(3)
    known = sky.catalogued(centre, 0.4)
    columns = {
        "ra": known.ra_deg,
        "dec": known.dec_deg,
        "mag_r": known.mags["r"],
        "err_r": known.mag_errs["r"],
    }
    found = LocalCatalogue(write(tmp_path / "stars.fits", columns), ("r",)).cone(centre, 0.2)
    wanted = sky.catalogued(centre, 0.2)
    assert len(found.ra_deg) == len(wanted.ra_deg) > 50
    order, wanted_order = np.argsort(found.mags["r"]), np.argsort(wanted.mags["r"])
    for part in ("ra_deg", "dec_deg"):
        assert np.array_equal(getattr(found, part)[order], getattr(wanted, part)[wanted_order])
    assert np.array_equal(found.mag_errs["r"][order], wanted.mag_errs["r"][wanted_order])


def test_a_file_without_a_filter_says_what_it_needs(tmp_path: Path) -> None:
    some = np.array([1.0])
    path = write(tmp_path / "stars.fits", {"ra": some, "dec": some, "mag_r": some, "err_r": some})
    with pytest.raises(ConfigurationError, match="is no catalogue of reference stars") as no:
        LocalCatalogue(path, ("r", "g"))
    assert "ra, dec, mag_r, err_r, mag_g, err_g" in no.value.hint


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "stars.fits").write_text("Vega")
    for name in ("stars.fits", "nothing.fits"):
        with pytest.raises(ConfigurationError, match="is no catalogue of reference stars"):
            LocalCatalogue(tmp_path / name, ("r",))
