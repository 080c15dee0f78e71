"""A whole campaign, from raw frames to the light curve."""

from __future__ import annotations

import dataclasses
import logging
import math

import numpy as np
import pytest

from agents.gft.reduction.errors import ReductionError
from agents.gft.reduction.field import FieldReduction
from simulators.sky import SimulatedCatalogue
from tests.agents.gft.reduction.observatory import CENTRE, burst_at, make_trigger
from voevent.packet import SkyPosition


def separation_arcsec(a: SkyPosition, b: SkyPosition) -> float:
    east = (a.ra_deg - b.ra_deg) * math.cos(math.radians(a.dec_deg))
    return math.hypot(east, a.dec_deg - b.dec_deg) * 3600.0


def pulls(points, burst):
    return np.array([(p.mag - burst.magnitude(p.t_s, p.filter)) / p.mag_err for p in points if not p.limit])


@pytest.mark.parametrize(("sky_seed", "r_mag"), [(3, 15.0), (5, 17.5), (8, 19.7)])
def test_magnitudes_are_recovered_within_their_errors(observatory, sky_seed, r_mag):
    place, burst = observatory(sky_seed), burst_at(-0.8, 1.1, r_mag)
    field = place.field()
    for i, name in enumerate("gr"):
        place.observe(
            field, "t1", [burst], start_s=700.0 + 180 * i, count=3, filter_name=name, seed=sky_seed + i
        )
    curve, source, _ = field.result()
    assert separation_arcsec(source, burst.position) < 1.0
    found = pulls(curve, burst)
    assert len(found) >= 2
    assert np.all(np.abs(found) < 3.5), found
    assert curve == sorted(curve, key=lambda p: p.t_s)
    if r_mag < 17.0:
        assert all(p.frames == 1 for p in curve), "bright: a point for every frame"
        assert len(curve) == 6
    if r_mag > 19.0:
        assert any(p.frames > 1 for p in curve), "faint: frames are joined"


def test_a_field_without_afterglow_gives_an_honest_limit_and_no_source(observatory):
    place = observatory(11)
    field = place.field()
    for name in "gr":
        place.observe(field, "t1", [], start_s=300.0, count=3, exposure_s=60.0, filter_name=name)
    for name in "gr":
        (limit,) = field.photometry("t1", name)
        assert limit.limit
        assert limit.mag_err is None
        assert limit.frames == 3
        assert limit.exposure_s == 180.0
        single = np.median([f.limit_mag for f in field.frames if f.filter == name])
        assert limit.mag == pytest.approx(single + 2.5 * math.log10(3.0) / 2.0, abs=0.15)
    curve, source, fit = field.result()
    assert (len(curve), source, fit, field.sed()) == (2, None, None, None)


def test_an_afterglow_too_bright_to_be_measured_is_no_limit(observatory, caplog):
    """GRB 080319B was of magnitude 7: its saturated frames exclude nothing."""
    place, burst = observatory(11), burst_at(0.4, -0.6, 8.0)
    field = place.field()
    place.observe(field, "t1", [burst], start_s=300.0, count=2)
    with caplog.at_level(logging.WARNING):
        assert field.photometry("t1", "r") == []
    assert "too bright to be measured in t1 r" in caplog.text
    assert field.result() == ([], None, None)

    # Found once it has faded: what was said of the first frames does not change.
    later = burst_at(0.4, -0.6, 16.0)
    place.observe(field, "t2", [later], start_s=1000.0, count=2)
    curve, source, _ = field.result()
    assert separation_arcsec(source, later.position) < 1.0
    assert {point.task for point in curve} == {"t2"}
    assert not any(point.limit for point in curve)


def test_sources_at_the_limit_are_found_about_half_the_time(observatory):
    place = observatory(11)
    empty = place.field()
    place.observe(empty, "t1", [], start_s=1000.0, count=2)
    (limit,) = empty.photometry("t1", "r")
    for path in place.folder.iterdir():
        path.unlink()
    angles = np.arange(24) * 2.4
    places = [
        (0.4 * math.sqrt(k + 1) * math.cos(a), 0.4 * math.sqrt(k + 1) * math.sin(a))
        for k, a in enumerate(angles)
    ]
    recovered = {}
    for offset in (-0.6, 0.0, 0.6):
        bursts = [burst_at(x, y, limit.mag + offset, 0.0) for x, y in places]
        field = place.field()
        place.observe(field, f"t{offset}", bursts, start_s=1000.0, count=2)
        search = field._hunt.search((f"t{offset}", "r"))
        recovered[offset] = np.mean(
            [any(separation_arcsec(c.position, b.position) < 2.5 for c in search.candidates) for b in bursts]
        )
    assert recovered[-0.6] > 0.75
    assert 0.2 < recovered[0.0] < 0.8
    assert recovered[0.6] < 0.2


def test_cosmic_rays_and_hot_pixels_are_no_afterglow(observatory, rng):
    place = observatory(12)
    field = place.field()
    hot = rng.integers(60, 450, (40, 2))
    for i, raw in enumerate(place.frames([], start_s=300.0, count=3)):
        pixels = raw.pixels.copy()
        pixels[hot[:, 0], hot[:, 1]] += 600
        for row, column in rng.integers(60, 450, (60, 2)):
            length = rng.integers(1, 6)
            pixels[row, column : column + length] += np.uint16(rng.integers(100, 6000))
        field.reduce(dataclasses.replace(raw, pixels=pixels), task="t1", number=i + 1)
    (point,) = field.photometry("t1", "r")
    assert point.limit


def test_a_cosmic_ray_on_the_source_spoils_no_point(observatory):
    place, burst = observatory(), burst_at(0.5, 0.5, 17.0)
    field = place.field()
    raws = place.frames([burst], start_s=900.0, count=4, off_arcsec=0.0)
    frames = [field.reduce(raw, task="t1", number=i + 1) for i, raw in enumerate(raws)]
    x, y = frames[2].wcs.wcs_world2pix([burst.position.ra_deg], [burst.position.dec_deg], 0)
    pixels = raws[2].pixels.copy()
    pixels[round(y[0]), round(x[0]) - 2 : round(x[0]) + 4] += 5000
    field.reduce(dataclasses.replace(raws[2], pixels=pixels), task="t1", number=3)
    points = field.photometry("t1", "r")
    assert len(points) == 3
    assert np.all(np.abs(pulls(points, burst)) < 3.5)


def test_a_later_task_measures_what_an_earlier_one_found(observatory):
    place, burst = observatory(), burst_at(0.5, 0.5, 17.5, 1.2)
    field = place.field()
    place.observe(field, "t1", [burst], start_s=300.0, count=2)
    place.observe(field, "t2", [burst], start_s=9000.0, count=3, exposure_s=60.0)
    curve, _, fit = field.result()
    late = [p for p in curve if p.task == "t2"]
    assert {p.frames for p in late} == {3} or all(p.limit for p in late)
    assert fit is None or fit.index == pytest.approx(1.2, abs=0.3)


def test_a_reduction_made_anew_over_its_files_knows_the_same(observatory):
    place, burst = observatory(), burst_at(0.2, -1.0, 17.0)
    field = place.field()
    for i, name in enumerate("gri"):
        place.observe(
            field, "t1", [burst], start_s=300.0 + 100 * i, count=1 + (name == "r"), filter_name=name, seed=i
        )
    again = place.field()
    assert [f.path for f in again.frames] == [f.path for f in field.frames]
    assert again.result() == field.result()
    assert again.sed() == field.sed()
    sed, _, fit = field.sed()
    assert [p.filter for p in sed] == ["g", "r", "i"]
    assert abs(fit.index - 1.0) < 4.0 * fit.index_err


@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")
def test_a_damaged_frame_is_left_out_and_said(observatory, caplog):
    place = observatory()
    field = place.field()
    place.observe(field, "t1", [], start_s=300.0, count=2)
    victim = field.frames[0].path
    victim.write_bytes(victim.read_bytes()[:5000])
    with caplog.at_level(logging.WARNING):
        again = place.field()
    assert len(again.frames) == 1
    assert victim.name in caplog.text


def test_a_frame_through_clouds_is_kept_but_not_used(observatory, rng):
    place = observatory()
    field = place.field()
    (raw,) = place.frames([], start_s=300.0, count=1)
    cloudy = dataclasses.replace(raw, pixels=rng.normal(1500, 20, raw.pixels.shape).astype(np.uint16))
    frame = field.reduce(cloudy, task="t1", number=1)
    assert not frame.usable
    assert "sources on the frame" in frame.problem
    assert frame.path.exists()
    assert place.field().frames[0].problem == frame.problem
    assert field.photometry("t1", "r") == []
    assert field.result() == ([], None, None)
    assert field.deepest() is None


def test_a_frame_of_another_field_is_not_used(observatory):
    place = observatory()
    (raw,) = place.frames([], start_s=300.0, count=1)
    away = dataclasses.replace(raw, pointing=SkyPosition(ra_deg=200.0, dec_deg=10.0))
    assert "match no arrangement" in place.field().reduce(away, task="t1", number=1).problem


def test_a_frame_reduced_twice_counts_once(observatory):
    place = observatory()
    field = place.field()
    (raw,) = place.frames([], start_s=300.0, count=1)
    assert field.reduce(raw, task="t1", number=1).path == field.reduce(raw, task="t1", number=1).path
    assert len(field.frames) == 1
    assert [p.name for p in place.folder.iterdir()] == ["sb26112201_t1_r_001.fits"]


def test_a_refined_position_moves_the_search(observatory):
    place, burst = observatory(), burst_at(-2.0, -2.0, 17.0)
    field = place.field()
    place.observe(field, "t1", [burst], start_s=300.0, count=2)
    assert field.result()[1] is not None
    elsewhere = SkyPosition(ra_deg=CENTRE.ra_deg, dec_deg=CENTRE.dec_deg + 0.02, error_radius_deg=0.01)
    field.retarget(make_trigger(elsewhere))
    assert field.result()[1] is None
    with pytest.raises(ReductionError, match="no position"):
        field.retarget(make_trigger(None))


def test_the_trigger_must_have_a_position(observatory):
    place = observatory()
    with pytest.raises(ReductionError, match="no position to search at"):
        FieldReduction(
            trigger=make_trigger(None),
            campaign="sb26112201.gft-spm",
            instrument=place.telescope.instrument,
            site=place.telescope.site,
            catalogue=SimulatedCatalogue(place.sky),
            masters=place.masters,
            folder=place.folder,
            drill=True,
        )


def test_the_deepest_image_is_for_showing(observatory):
    place = observatory()
    field = place.field()
    place.observe(field, "t1", [], start_s=300.0, count=3)
    image = field.deepest()
    assert image.pixels.shape == (512, 512)
    single = field.frames[0].image()
    assert np.std(image.pixels[::7, ::7]) < np.std(single.pixels[::7, ::7])


def test_frames_that_do_not_show_a_refined_position_are_not_measured(observatory):
    place, burst = observatory(3), burst_at(-0.8, 1.1, 16.0)
    field = place.field()
    place.observe(field, "t1", [burst], start_s=700.0, count=2)
    assert [p.limit for p in field.photometry("t1", "r")] == [False, False]
    elsewhere = SkyPosition(ra_deg=CENTRE.ra_deg + 1.0, dec_deg=CENTRE.dec_deg, error_radius_deg=0.02)
    field.retarget(make_trigger(elsewhere))
    assert field.photometry("t1", "r") == []
    assert field.result() == ([], None, None)
    assert len(field.frames) == 2, "they are kept"
    field.retarget(make_trigger())
    assert [p.limit for p in field.photometry("t1", "r")] == [False, False]


def test_depths_say_what_the_latest_frame_reached(observatory):
    place = observatory(3)
    field = place.field()
    assert field.depths() == {}
    place.observe(field, "t1", [], start_s=700.0, count=1, exposure_s=20.0)
    place.observe(field, "t2", [], start_s=2700.0, count=1, exposure_s=80.0)
    depth = field.depths()["r"]
    short, long = field.frames
    assert (depth.exposure_s, depth.limit_mag) == (80.0, long.limit_mag)
    assert long.limit_mag > short.limit_mag
    # Electrons per second do not depend on the exposure.
    assert depth.zero_mag == pytest.approx(short.zero.mag - 2.5 * math.log10(20.0), abs=0.1)
