from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from agents.gft.reduction.errors import ReductionError
from agents.gft.reduction.frame import read_frame
from tests.agents.gft.reduction.observatory import burst_at


@pytest.fixture
def reduced(observatory):
    place = observatory()
    field = place.field()
    (raw,) = place.frames([burst_at(0.5, 0.5, 16.0)], start_s=300.0, count=1)
    return raw, field.reduce(raw, task="t1", number=3)


def test_the_file_says_all_there_is_to_know(reduced):
    raw, frame = reduced
    assert frame.path.name == "sb26112201_t1_r_003.fits"
    with fits.open(frame.path, checksum=True) as hdus:
        hdus.verify("exception")
        header, pixels = hdus[0].header, hdus[0].data
        assert hdus["MASK"].data.shape == pixels.shape == raw.pixels.shape
    expected = {
        "OBJECT": "sb26112201",
        "BURST": "sb26112201",
        "CAMPAIGN": "sb26112201.gft-spm",
        "TASKID": "t1",
        "FRAMENUM": 3,
        "FILTER": "r",
        "EXPTIME": 30.0,
        "DATE-OBS": "2026-11-22T07:05:00.000",
        "TIMESYS": "UTC",
        "TELESCOP": "gft-spm",
        "T-TRIG": 315.0,
        "BUNIT": "electron",
        "RADESYS": "ICRS",
        "CTYPE1": "RA---TAN",
        "MAGSYS": "AB",
        "DRILL": True,
        "GAIN": 1.0,
        "CCD-TEMP": -60.0,
    }
    assert {key: header[key] for key in expected} == expected
    assert {"CHECKSUM", "DATASUM", "MAGZP", "MAGZPERR", "LIMMAG5", "PSFFWHM", "AIRMASS"} <= set(header)
    assert any("flat field" in line for line in header["HISTORY"])
    assert header["SITENAME"] == "San Pedro M?rtir", "cards hold ASCII only"


def test_what_is_read_is_what_was_written(reduced):
    _, frame = reduced
    again = read_frame(frame.path)
    assert again.wcs.to_header() == frame.wcs.to_header()
    for name in ("path", "task", "number", "filter", "start", "exposure_s", "shape", "zero", "limit_mag"):
        assert getattr(again, name) == getattr(frame, name), name
    assert again.usable
    np.testing.assert_array_equal(again.image().pixels, frame.image().pixels)


def test_a_damaged_file_is_refused(reduced):
    _, frame = reduced
    content = bytearray(frame.path.read_bytes())
    content[100_000] ^= 0x10
    frame.path.write_bytes(content)
    with pytest.raises(ReductionError, match="is damaged") as caught:
        read_frame(frame.path)
    assert caught.value.hint


@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")
def test_a_cut_off_file_and_a_foreign_one_are_refused(reduced, tmp_path):
    _, frame = reduced
    frame.path.write_bytes(frame.path.read_bytes()[:200_000])
    with pytest.raises(ReductionError, match=r"_003\.fits is not a calibrated frame"):
        read_frame(frame.path)
    foreign = tmp_path / "foreign.fits"
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(foreign, checksum=True)
    with pytest.raises(ReductionError, match="TASKID"):
        read_frame(foreign)


def test_pixels_that_are_gone_are_reported(reduced):
    _, frame = reduced
    frame.path.unlink()
    with pytest.raises(ReductionError, match="cannot be read"):
        frame.image()
