"""Published photometry: what is read, what is left out and told, what is refused."""

from __future__ import annotations

import pytest

from console.replay.history.published import DUST_FREE, EARLY, LIMIT, NO_PASSBAND, NO_SYSTEM, read_published
from followup.errors import ConfigurationError
from tests.conftest import shared

HEAD = "Time(s)\tMag\tMagErr\tFilter\tSystem\tObservatory/Telescope/Instrument\tGalExtCorr\tSource\tFlag"


def _table(tmp_path, *rows, head=HEAD, name="990101A_mag.txt"):
    path = tmp_path / name
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def _row(*, t_s="100.0", mag="17.0", err="0.1", filter_name="r", system="AB", dust_free="n"):
    return f"{t_s}\t{mag}\t{err}\t{filter_name}\t{system}\tHill/1m/CCD\t{dust_free}\tSomebody1999\tno"


@pytest.mark.parametrize(
    ("filter_name", "system", "band", "ab"),
    [
        ("r", "AB", "r", 17.0),
        ("r'", "SDSS", "r", 17.0),
        ("g'", "USNO", "g", 17.0),
        ("r", "Vega", "r", 17.16),
        ("R", "AB", "R", 17.0),
        ("R", "Landolt", "R", 17.21),
        ("Rc", "USNO", "R", 17.21),
        ("Ic", "Lupton", "I", 17.45),
        ("Ks", "2MASS", "K", 18.85),
        ("B", "Johnson", "B", 16.91),
        ("V", "", "V", 17.02),
        ("Z", "AB", "Z", 17.0),
        ("R_c", "AB", "R", 17.0),
        ("I_C", "AB", "I", 17.0),
        ("K_s", "AB", "K", 17.0),
    ],
)
def test_magnitudes_are_made_ab_ones(tmp_path, filter_name, system, band, ab):
    (point,) = read_published(_table(tmp_path, _row(filter_name=filter_name, system=system))).points
    assert (point.band, point.mag) == (band, pytest.approx(ab))
    assert (point.t_s, point.mag_err, point.source) == (100.0, 0.1, "Somebody1999")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (_row(err="0.0"), LIMIT),
        (_row(err=""), LIMIT),
        (_row(t_s="-50.2"), EARLY),
        (_row(filter_name="white"), NO_PASSBAND),
        (_row(filter_name="CR"), NO_PASSBAND),
        (_row(filter_name="r_Gunn"), NO_PASSBAND),
        (_row(filter_name="UVW2"), NO_PASSBAND),
        (_row(system="Martian"), NO_SYSTEM),
        (_row(dust_free="y"), DUST_FREE),
    ],
)
def test_what_is_no_magnitude_of_the_sky_is_left_out_and_told(tmp_path, row, why):
    found = read_published(_table(tmp_path, _row(), row))
    assert len(found.points) == 1
    assert found.left_out == {why: 1}


def test_points_without_dust_are_dimmed_again_and_others_left_as_they_are(tmp_path):
    path = _table(tmp_path, _row(dust_free="y"), _row(t_s="200.0"))
    found = read_published(path, reddening=0.5)
    assert [point.mag for point in found.points] == [pytest.approx(17.0 + 0.5 * 2.285), 17.0]
    assert not found.left_out


def test_blanks_part_columns_and_remarks_are_passed_over(tmp_path):
    path = tmp_path / "burst.txt"
    path.write_text("# mine\nTime(s) Mag MagErr Filter\n\n900 18.1 0.05 i\n300 17.0 0.05 r\n")
    found = read_published(path)
    assert found.name == "burst"
    assert [(point.t_s, point.band, point.mag) for point in found.points] == [
        (300.0, "r", 17.0),
        (900.0, "i", 18.1),
    ]


@pytest.mark.parametrize(
    ("rows", "head", "told"),
    [
        ([], HEAD, "holds no magnitude to make light of: it is empty"),
        ([_row(err="0")], HEAD, "1 upper limits"),
        ([_row(mag="bright")], HEAD, "line 2: mag is 'bright', no number"),
        ([_row(t_s="inf")], HEAD, "line 2: time is 'inf'"),
        ([_row() + "\tmore"], HEAD, "line 2: 10 values in 9 columns"),
        (["100 17"], "Time(s) Mag", "has no column magerr, filter: its first line names time, mag"),
        (["1 17 0.1 r"], "Time(d) Mag MagErr Filter", "times must be in seconds"),
        (["1 17 0.1 r me"], "Time(d) Mag MagErr Filter Source(s)", "times must be in seconds"),
        (["1 17 18 0.1 r"], "Time(s) Mag(AB) Mag(Vega) MagErr Filter", "several columns mag"),
        (["1 2 17 0.1 r"], "Time(s) Time Mag MagErr Filter", "several columns time"),
        ([_row(err="1e200")], HEAD, "line 2: magerr is 1e200, which is not within 0 and 10"),
        ([_row(err="-1")], HEAD, "line 2: magerr is -1"),
        ([_row(mag="1e308")], HEAD, "line 2: mag is 1e308, which is not within -30 and 60"),
        ([_row(mag="-1e308")], HEAD, "line 2: mag is -1e308"),
        ([_row(t_s="1e308")], HEAD, "line 2: time is 1e308, which is not within"),
        ([_row(mag="-10000")], HEAD, "line 2: mag is -10000"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(tmp_path, rows, head, told):
    with pytest.raises(ConfigurationError, match=r"990101A_mag\.txt") as caught:
        read_published(_table(tmp_path, *rows, head=head))
    assert told in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("head", "ab"),
    [
        ("Time Mag(AB) MagErr Filter", 17.0),
        ("Time(s) Mag(Vega) MagErr(mag) Filter", 17.21),
        ("\ufeffTime(sec) Mag(mag) MagErr Filter", 17.21),
    ],
)
def test_the_first_line_may_say_units_and_the_system(tmp_path, head, ab):
    (point,) = read_published(_table(tmp_path, "100 17 0.1 R", head=head)).points
    assert (point.t_s, point.mag) == (100.0, pytest.approx(ab))


def test_a_points_own_system_goes_before_that_of_all(tmp_path):
    head = "Time(s)\tMag(Vega)\tMagErr\tFilter\tSystem"
    table = _table(tmp_path, "100\t17\t0.1\tR\tAB", "200\t17\t0.1\tR\t", head=head)
    assert [point.mag for point in read_published(table).points] == [17.0, pytest.approx(17.21)]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nothing\.txt cannot be read"):
        read_published(tmp_path / "nothing.txt")


@pytest.mark.parametrize(
    ("name", "least", "r_1000_s"), [("080319B", 1300, 13.8), ("130427A", 1500, 13.0), ("061121A", 150, 18.0)]
)
def test_real_tables_give_light(name, least, r_1000_s):
    published = read_published(shared("lightcurves", f"{name}_mag.txt"))
    assert published.name == name
    assert len(published.points) >= least
    assert published.light().magnitude(1000.0, "r", 30.0) == pytest.approx(r_1000_s, abs=0.15)
