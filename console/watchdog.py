"""Telling systemd that an agent's event loop turns: one that hangs is ended and started again.

References
----------
sd_notify(3): ``WATCHDOG=1``, ``NOTIFY_SOCKET``; systemd.service(5): ``WatchdogSec=``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket

log = logging.getLogger(__name__)

_OF_ITS_TIME = 3
"""Signs of life in the time that systemd waits for one."""


async def show_life() -> None:
    """Give signs of life for ever, if this process was started by a supervisor that wants them."""
    address, limit_us = os.environ.get("NOTIFY_SOCKET", ""), os.environ.get("WATCHDOG_USEC", "")
    if not address or not limit_us.isdecimal():
        return
    # A name that begins with @ is of Linux' abstract kind: a zero byte in its place.
    place = "\0" + address[1:] if address.startswith("@") else address
    pause_s = int(limit_us) / 1e6 / _OF_ITS_TIME
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notice:
        while True:
            try:
                notice.sendto(b"WATCHDOG=1", place)
            except OSError as error:
                log.warning("the supervisor cannot be told that we live: %s", error)
            await asyncio.sleep(pause_s)
