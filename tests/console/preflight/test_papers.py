"""What is written down: strategies, stars, calibration frames; a Prefect server that is away or another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from astropy.table import Table

from agents.gft.reduction.calibration import Masters, write_masters
from console.preflight import papers, prefect
from console.preflight.finding import Finding, Verdict
from console.preflight.machine import disk
from console.preflight.safety import safety
from console.preflight.subject import Subject
from console.simulation import empty_sky, write_sky
from console.site_papers import CALIBRATION
from console.state import watchdog_lock
from console.tenure import held
from followup.strategy import default_text
from tests.console.preflight.site import content, looked, subject


async def only(found: AsyncIterator[Finding]) -> Finding:
    (finding,) = [finding async for finding in found]
    return finding


def site(folder: Path, **changes: Any) -> Subject:
    return subject(folder, content(**changes))


async def test_strategies(tmp_path: Path) -> None:
    found = await only(papers.strategies(site(tmp_path)))
    assert (found.verdict, "filters" in found.said) == (Verdict.WARNING, True), "it has no i"
    settings = content()["indi"] | {"slots": {"H": 1}}
    none = site(tmp_path, detector=content()["detector"] | {"zero_points": {"H": 22.0}}, indi=settings)
    found = await only(papers.strategies(none))
    assert (found.verdict, "no filter of the telescope's (H)" in found.said) == (Verdict.FAIL, True)


async def test_a_strategies_file_that_is_wrong_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(default_text().replace("count = ", "cuont = ", 1))
    site(tmp_path, strategies_file="ours.toml")
    found = (await looked(tmp_path, "strategies"))["strategies"]
    assert found.verdict is Verdict.FAIL
    assert "ours.toml, line " in found.said
    site(tmp_path, strategies_file="absent.toml")
    assert "No such file" in (await looked(tmp_path, "strategies"))["strategies"].said


def catalogue(path: Path, count: int) -> None:
    rng = np.random.default_rng(2)
    columns = {"ra": rng.uniform(0, 360, count), "dec": rng.uniform(43.0, 44.6, count)}
    columns |= {f"{what}_{name}": np.full(count, 1.0) for what in ("mag", "err") for name in "gr"}
    Table(columns).write(path, format="fits", overwrite=True)


async def test_reference_stars(tmp_path: Path) -> None:
    found = await only(papers.stars(site(tmp_path)))
    assert (found.verdict, "no frame can be solved" in found.said) == (Verdict.FAIL, True)
    write_sky(tmp_path, empty_sky(1))
    found = await only(papers.stars(site(tmp_path)))
    assert (found.verdict, "a drill" in found.said) == (Verdict.WARNING, True)
    named = site(tmp_path, catalogue_file="stars.fits")
    catalogue(tmp_path / "stars.fits", 200_000)
    found = await only(papers.stars(named))
    assert found.verdict is Verdict.PASS, found
    assert named.catalogue is not None
    catalogue(tmp_path / "stars.fits", 1000)
    assert (await only(papers.stars(named))).verdict is Verdict.FAIL
    (tmp_path / "stars.fits").unlink()
    assert "is no catalogue" in (await looked(tmp_path, "stars"))["stars"].said


async def test_calibration_frames(tmp_path: Path) -> None:
    telescope = site(tmp_path)
    assert (await only(papers.calibration(telescope))).verdict is Verdict.WARNING
    flat = np.ones((1024, 1280), np.float32)
    masters = Masters(bias=flat, dark=flat, flats={"g": flat}, bad=np.zeros(flat.shape, bool))
    write_masters(masters, tmp_path / CALIBRATION)
    found = await only(papers.calibration(telescope))
    assert (found.verdict, "no flat field through r" in found.said) == (Verdict.FAIL, True)
    (tmp_path / CALIBRATION).write_bytes(b"no FITS")
    found = await only(papers.calibration(telescope))
    assert (found.verdict, "cannot be read" in found.said) == (Verdict.FAIL, True)


async def test_what_stands_between_the_telescope_and_harm(tmp_path: Path) -> None:
    telescope = site(tmp_path)
    found = {one.check: one async for one in safety(telescope)}
    assert (found["power"].verdict, found["watchdog"].verdict) == (Verdict.PASS, Verdict.WARNING)
    flag = tmp_path / telescope.config.safety.power_lost_file
    flag.parent.mkdir(exist_ok=True)
    flag.touch()
    with held(watchdog_lock(tmp_path)):
        found = {one.check: one async for one in safety(telescope)}
    assert (found["power"].verdict, found["watchdog"].verdict) == (Verdict.FAIL, Verdict.PASS)
    assert str(flag) in found["power"].said


async def test_a_folder_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    telescope = site(tmp_path)
    assert (await only(disk(telescope))).check == "disk"

    def full(_folder: Path) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "x"))

    monkeypatch.setattr("console.preflight.machine._try_to_write", full)
    found = (await looked(tmp_path, "disk"))["disk"]
    assert (found.verdict, "No space left on device" in found.said) == (Verdict.FAIL, True)


@pytest.mark.parametrize(
    ("answers", "verdict", "words"),
    [
        ({"/api/health": "true", "/api/admin/version": '"3.8.8"'}, Verdict.PASS, "version 3.8.8"),
        ({"/api/health": "true", "/api/admin/version": '"2.20.0"'}, Verdict.WARNING, "is of version 2.20.0"),
        ({}, Verdict.WARNING, "telescope and packets go on without"),
    ],
)
async def test_a_prefect_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: dict[str, str], verdict: Verdict, words: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        text = answers.get(request.url.path)
        return httpx.Response(200, text=text) if text else httpx.Response(503)

    client = httpx.AsyncClient
    monkeypatch.setattr(
        httpx, "AsyncClient", lambda **more: client(transport=httpx.MockTransport(answer), **more)
    )
    found = await only(prefect.prefect(site(tmp_path, prefect={"api_url": "http://p:4200/api"})))
    assert (found.verdict, words in found.said) == (verdict, True), found


async def test_no_prefect_server_is_no_fault(tmp_path: Path) -> None:
    assert (await only(prefect.prefect(site(tmp_path)))).verdict is Verdict.SKIPPED


async def test_wrong_settings_end_the_preflight(tmp_path: Path) -> None:
    site(tmp_path)
    path = tmp_path / "site.toml"
    path.write_text(path.read_text().replace("latitude_deg", "lattitude_deg"))
    found = await looked(tmp_path)
    assert set(found) == {"settings"}
    assert "place.lattitude_deg: there is no such setting" in found["settings"].said
    assert found["settings"].advice == "did you mean latitude_deg?"


async def test_a_check_that_fails_itself_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_subject: Subject) -> AsyncIterator[Finding]:
        raise ZeroDivisionError
        yield

    from console.preflight import run  # noqa: PLC0415 - its table is patched

    monkeypatch.setitem(run.CHECKS, "stars", run.Check(look=broken))
    site(tmp_path)
    found = await looked(tmp_path, "stars", "calibration")
    assert (found["stars"].verdict, found["calibration"].verdict) == (Verdict.FAIL, Verdict.WARNING)
    assert "the check itself failed" in found["stars"].said


async def test_a_check_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio  # noqa: PLC0415

    from console.preflight import run  # noqa: PLC0415 - its table is patched

    async def endless(_subject: Subject) -> AsyncIterator[Finding]:
        await asyncio.Event().wait()
        yield

    monkeypatch.setitem(run.CHECKS, "stars", run.Check(look=endless, within_s=0.05))
    site(tmp_path)
    assert "did not end within" in (await looked(tmp_path, "stars"))["stars"].said
