"""Making a telescope safe, as the agent does it and the watchdog: end the exposure, stop, park, close."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from followup.devices import Dome, Mount
from followup.errors import DeviceError

log = logging.getLogger(__name__)

_STOPS_S = 1.0
"""The mount is told to park after so long at the latest, whatever else it was doing."""


async def stow(
    *,
    mount: Mount,
    dome: Dome,
    end_exposure: Callable[[], Awaitable[None]],
    park_before_closing: bool,
    ending: Iterable[asyncio.Future[Any]] = (),
    stop_first: bool = False,
) -> tuple[str, ...]:
    """Do it all at once, as far as the dome allows; return what failed.

    Parameters
    ----------
    park_before_closing
        Whether the roof would hit a telescope that is not parked: then it is closed after parking only.
    ending
        Work with the devices that was given up and stops them: an order to stop would end the parking.
    stop_first
        Whether to stop the mount before it is parked; drivers park out of a slew as well.
    """

    async def park() -> None:
        still = [work for work in ending if not work.done()]
        if still:
            await asyncio.wait(still, timeout=_STOPS_S)
        if stop_first:
            try:
                async with asyncio.timeout(_STOPS_S):
                    await mount.stop()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is parked
                log.warning("the mount is parked without having stopped: %s", error)
        await mount.park()

    parking = asyncio.ensure_future(park())

    async def close() -> None:
        if park_before_closing:
            await asyncio.wait({parking})
            if parking.exception() is not None:
                raise DeviceError("dome", "it stays open: the telescope, which it would hit, is not parked")
        await dome.close()

    # Together: a camera that answers late must not keep the dome open.
    outcomes = await asyncio.gather(end_exposure(), parking, close(), return_exceptions=True)
    failed = []
    for outcome in outcomes:
        if isinstance(outcome, DeviceError):
            failed.append(f"{outcome}" + (f" ({outcome.hint})" if outcome.hint else ""))
        elif isinstance(outcome, Exception):
            log.error("a fault of ours while making the telescope safe", exc_info=outcome)
            failed.append(f"{type(outcome).__name__}: {outcome}")
        elif isinstance(outcome, BaseException):
            raise outcome
    return tuple(failed)
