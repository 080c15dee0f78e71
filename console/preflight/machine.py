"""The telescope's computer: room on its disk, and its clock."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from console.preflight.finding import Finding, failed, passed, warned
from console.preflight.kernel_clock import KernelClock, kernel_clock, who_keeps_time
from console.preflight.subject import Subject
from console.preflight.xmpp import login
from followup.errors import FollowupError
from messaging.xmpp.visit import visit

_A_NIGHT_OF_FRAMES = 1000
_BYTES_PER_PIXEL = 6
"""A raw frame and its reduced one."""
_FAR_OFF_S = 2.0
"""Frames of a camera whose clock is further off than this are dated by the agent; so are the agent's own."""

Offset = tuple[timedelta, timedelta]


async def disk(subject: Subject) -> AsyncIterator[Finding]:
    """Look whether a night's frames find room, and whether the folder can be written to."""
    await asyncio.to_thread(_try_to_write, subject.folder)
    usage = await asyncio.to_thread(shutil.disk_usage, subject.folder)
    instrument = subject.instrument
    frame_gb = instrument.width_px * instrument.height_px * _BYTES_PER_PIXEL / 1e9
    yield judge_disk(
        usage.free / 1e9,
        night_gb=frame_gb * _A_NIGHT_OF_FRAMES,
        least_gb=subject.config.safety.min_free_gb,
        keep_gb=subject.config.keep_free_gb,
    )


def judge_disk(free_gb: float, *, night_gb: float, least_gb: float, keep_gb: float) -> Finding:
    """Say what so much free room means."""
    frames = f"{_A_NIGHT_OF_FRAMES} frames take {night_gb:.1f} GB"
    said = f"{free_gb:.1f} GB free; {frames}, the telescope closes below {least_gb:g} GB"
    make_room = "make room on the disk of the telescope's folder"
    if free_gb < night_gb + least_gb:
        return failed("disk", said, make_room, free_gb=free_gb)
    if free_gb < keep_gb:
        why = f"{make_room}: below {keep_gb:g} GB (keep_free_gb) the oldest archived campaigns are removed"
        return warned("disk", said, why, free_gb=free_gb)
    return passed("disk", said, free_gb=free_gb)


def _try_to_write(folder: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".preflight") as file:
        file.write(b"x" * 4096)
        file.flush()
        os.fsync(file.fileno())


async def clock(subject: Subject) -> AsyncIterator[Finding]:
    """Hold the computer's clock against the XMPP server's, and ask the kernel who keeps it."""
    offset: Offset | None = None
    try:
        async with visit(login(subject)) as visitor:
            offset = await visitor.clock_offset(subject.wall)
    except FollowupError:
        pass  # the line about the XMPP server says so
    yield judge_clock(kernel_clock(), offset)


def judge_clock(kernel: KernelClock | None, offset: Offset | None) -> Finding:
    """Say what the kernel's word and the server's time mean together."""
    kept = kernel is not None and kernel.synchronised
    if kernel is None:
        service = "the kernel does not tell whether a time service keeps it"
    elif kept:
        service = f"kept by a time service (NTP) within {kernel.max_error_s:.3f} s, says the kernel"
    else:
        service = "no time service (NTP) keeps it, says the kernel"
    if offset is None:
        said = f"{service}; the XMPP server tells no time to compare with"
        return passed("clock", said) if kept else warned("clock", said, f"{who_keeps_time()}")
    off_s, sure_s = (part.total_seconds() for part in offset)
    said = f"{off_s:+.1f} s from the XMPP server's (XEP-0202, known within {sure_s:.1f} s); {service}"
    if abs(off_s) > _FAR_OFF_S + sure_s:
        advice = f"{who_keeps_time()}; if this clock is right, the XMPP server's computer needs it"
        return failed("clock", said, advice, offset_s=off_s, uncertainty_s=sure_s)
    if not kept:
        return warned("clock", said, who_keeps_time(), offset_s=off_s, uncertainty_s=sure_s)
    return passed("clock", said, offset_s=off_s, uncertainty_s=sure_s)
