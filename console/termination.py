"""SIGTERM ends a command as Ctrl-C does: what it keeps for the time of its work is taken away."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def terminated_orderly() -> Iterator[None]:
    """Have SIGTERM do what SIGINT does, whoever deals with that."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only there signals are dealt with
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a script
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)
