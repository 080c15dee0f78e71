"""What is as it should be, and would look like a warning."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def untold(ivorn: str) -> Iterator[None]:
    """Keep it out of the log that a packet of that name is not believed: so it should be."""

    def wanted(record: logging.LogRecord) -> bool:
        return getattr(record, "ivorn", "") != ivorn or getattr(record, "event", "") != "packet.rejected"

    courier = logging.getLogger("messaging.courier")
    courier.addFilter(wanted)
    try:
        yield
    finally:
        courier.removeFilter(wanted)
