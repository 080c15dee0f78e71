"""The Earth orientation table, read at once: astropy's own, value by value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.utils import iers

from followup import earth_orientation as ours
from followup.offline import astroplan  # noqa: F401 - nothing is asked of the network


def test_it_is_the_table_that_astropy_reads() -> None:
    read, theirs = ours.earth_orientation(), iers.IERS_Auto.read()
    assert read is not None
    assert len(read) == len(theirs)
    for name in read.colnames:
        if name.endswith("Flag"):
            known = np.isin(np.asarray(theirs[name]), ["I", "P", "B"])
            assert known.any()
            assert np.array_equal(np.asarray(read[name])[known], np.asarray(theirs[name])[known])
            assert not np.isin(np.asarray(read[name])[~known], ["I", "P", "B"]).any()
        else:
            assert read[name].unit == theirs[name].unit
            assert np.array_equal(read[name].value, theirs[name].value, equal_nan=True)
    for name in ("predictive_index", "predictive_mjd"):
        assert read.meta[name] == theirs.meta[name]


def test_files_of_another_form_are_left_to_astropy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "finals"
    other.write_bytes(Path(iers.IERS_A_FILE).read_bytes()[:1880] + b"one more line\n")
    monkeypatch.setattr(iers, "IERS_A_FILE", str(other))
    assert ours.earth_orientation() is None
    monkeypatch.setattr(iers, "IERS_A_FILE", str(tmp_path / "absent"))
    assert ours.earth_orientation() is None
