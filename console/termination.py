"""SIGTERM ends a command as Ctrl-C does: what it keeps for the time of its work is taken away."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def terminated_orderly() -> Iterator[None]:
    """Have SIGTERM do what SIGINT does, whoever deals with that."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only there signals are dealt with
        return
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
