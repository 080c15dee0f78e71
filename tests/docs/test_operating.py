"""The first night's recipes do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from astropy.table import MaskedColumn, Table

from agents.gft.local_catalogue import LocalCatalogue
from voevent.packet import SkyPosition

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")


def test_the_recipe_for_reference_stars(tmp_path: Path) -> None:
    (recipe,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = ("g", "r", "i")
    asked = re.findall(r"p\.(\w+)", re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)[0])
    count = 50
    gaia = Table({"ra": np.full(count, 120.0), "dec": np.full(count, 60.0)})
    gaia["pmra"] = np.full(count, 1000.0)
    gaia["pmdec"] = MaskedColumn(np.full(count, -500.0), mask=np.arange(count) == 1)
    for name in names:
        gaia[f"{name}_sdss_mag"] = MaskedColumn(np.linspace(13.0, 18.0, count), mask=np.arange(count) == 2)
        gaia[f"{name}_sdss_flux"] = np.full(count, 1e-28)
        gaia[f"{name}_sdss_flux_error"] = np.full(count, 1e-30)
    assert {column for column in gaia.colnames if "sdss" in column} <= set(asked)
    gaia.write(tmp_path / "gaia.fits")
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", recipe],
        cwd=tmp_path,
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    stars = LocalCatalogue(tmp_path / "stars.fits", names).cone(SkyPosition(ra_deg=120.0, dec_deg=60.0), 1.0)
    assert stars.ra_deg.size == count
    # Eleven years at 1 arcsec a year of ra cos(dec), and at -0.5 arcsec a year.
    assert np.isclose(stars.ra_deg.max(), 120.0 + 11.0 / 3600.0 / 0.5)
    assert np.isclose(stars.dec_deg.min(), 60.0 - 5.5 / 3600.0)
    assert np.isclose(stars.dec_deg.max(), 60.0), "a motion that is not known is none"
    assert np.nanmax(stars.mags["i"]) < 16.2 < np.nanmax(stars.mags["g"]) < 17.5
    assert np.isnan(stars.mags["g"]).sum() >= 1
    assert np.allclose(stars.mag_errs["g"], 0.010857)
