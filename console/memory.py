"""Keeping a process that handles many large images small."""

from __future__ import annotations

import ctypes
import logging

log = logging.getLogger(__name__)

# Names and numbers of glibc's malloc.h.
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_LARGE_BYTES = 1 << 20
_ARENAS = 2


def give_back_large_blocks() -> None:
    """Have freed images returned to the system at once.

    Left alone, glibc keeps blocks of up to 32 MiB for later, in an arena per thread: a telescope's agent then
    holds half as much memory again as it uses. Elsewhere than on glibc this does nothing.
    """
    try:
        libc = ctypes.CDLL(None)
        done = libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES) and libc.mallopt(_M_ARENA_MAX, _ARENAS)
    except (OSError, AttributeError):
        done = 0
    if not done:
        log.debug("the memory allocator takes no advice here")
