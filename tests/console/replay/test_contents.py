"""What is in a file, whenever and however it was written; and a loop that knows when no thread works."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from agents.gft import frames
from agents.gft.frames import write_raw
from agents.gft.reduction.store import write_atomically
from console.replay import contents
from console.replay.contents import timeless_digest
from console.replay.stillness import CountingLoop
from followup.devices import FrameType, RawFrame
from voevent.packet import SkyPosition


def frame(value: int) -> RawFrame:
    return RawFrame(
        pixels=np.full((64, 64), value, np.uint16) + np.arange(64, dtype=np.uint16),
        frame_type=FrameType.LIGHT,
        date_obs=datetime(2026, 11, 22, 7, 0, tzinfo=UTC),
        exposure_s=20.0,
        filter="r",
        pointing=SkyPosition(ra_deg=95.0, dec_deg=40.0),
    )


def restamped(path: Path) -> Path:
    """The same file, written at another time: CHECKSUM and DATASUM say when in their comments."""
    raw, other = path.read_bytes(), path.with_name(f"later-{path.name}")
    assert b"CHECKSUM= " in raw
    at = raw.index(b"CHECKSUM= ") + 40
    other.write_bytes(raw[:at] + b"?" * 10 + raw[at + 10 :])
    return other


def test_a_raw_frame_is_what_the_camera_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, other, again = (tmp_path / f"{name}.fits.fz" for name in ("first", "other", "again"))
    write_raw(frame(100), first)
    write_raw(frame(101), other)
    monkeypatch.setattr(frames, "_TILE_ROWS", 8)
    write_raw(frame(100), again)
    assert first.read_bytes() != again.read_bytes(), "compressed in another way"
    assert timeless_digest(first) == timeless_digest(again) == timeless_digest(restamped(first))
    assert timeless_digest(other) != timeless_digest(first)


def test_not_all_frames_ever_seen_are_remembered() -> None:
    assert contents._digest_of_raw.cache_info().maxsize == contents._KNOWN


def test_other_files_are_their_bytes_without_stamps(tmp_path: Path) -> None:
    path, text = tmp_path / "reduced.fits", tmp_path / "text.json"
    write_atomically(fits.HDUList([fits.PrimaryHDU(np.arange(100.0))]), path)
    assert timeless_digest(path) == timeless_digest(restamped(path))
    changed = path.with_name("changed.fits")
    changed.write_bytes(path.read_bytes()[:-2880] + b"\1" * 2880)
    assert timeless_digest(changed) != timeless_digest(path)
    broken = tmp_path / "broken.fits.fz"
    broken.write_bytes(b"CHECKSUM= cut off")
    with pytest.raises(OSError, match="SIMPLE"):
        timeless_digest(broken)
    text.write_bytes(b"CHECKSUM= in a text is a word")
    first = timeless_digest(text)
    text.write_bytes(b"CHECKSUM= in a text is an other")
    assert timeless_digest(text) != first


def test_a_loop_rests_when_no_thread_works() -> None:
    go_on = threading.Event()

    async def work(loop: CountingLoop) -> None:
        await loop.rest()
        threads = [asyncio.ensure_future(asyncio.to_thread(go_on.wait, 60.0)) for _ in range(2)]
        await asyncio.sleep(0)
        assert loop.working == 2
        resting = asyncio.ensure_future(loop.rest())
        given_up = asyncio.ensure_future(loop.rest())
        await asyncio.sleep(0)
        given_up.cancel()
        assert not resting.done()
        go_on.set()
        await resting
        assert loop.working == 0
        assert await asyncio.gather(*threads) == [True, True]

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, CountingLoop)
        runner.run(work(loop))
