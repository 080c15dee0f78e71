"""The checks in their order; each ends within its time, and none is in another's way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from console.preflight import devices, exposure, machine, papers, prefect, safety, store, xmpp
from console.preflight.finding import Finding, Verdict, failed, passed
from console.preflight.subject import Subject
from console.settings import SETTINGS, TelescopeSettings, read
from console.state import agent_lock
from console.tenure import holder
from followup.errors import ConfigurationError, FollowupError

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing to look at; it may take several lines to say what was found.

    Attributes
    ----------
    within_s
        How long it may take.
    after
        Checks that must not have failed.
    """

    look: Callable[[Subject], AsyncIterator[Finding]]
    within_s: float = 60.0
    after: tuple[str, ...] = ()


CHECKS = {
    "strategies": Check(look=papers.strategies),
    "stars": Check(look=papers.stars),
    "calibration": Check(look=papers.calibration),
    "disk": Check(look=machine.disk),
    "clock": Check(look=machine.clock),
    "xmpp": Check(look=xmpp.xmpp),
    "sftp": Check(look=store.sftp, within_s=180.0),
    "prefect": Check(look=prefect.prefect),
    "safety": Check(look=safety.safety),
    "devices": Check(look=devices.devices, within_s=240.0),
    "weather": Check(look=devices.weather, within_s=180.0, after=("indi", "weather_station")),
    "exposure": Check(look=exposure.exposure, within_s=600.0, after=("indi", "mount", "camera")),
}
"""In the order in which they are made. A telescope's settings come first, and nothing without them."""


async def preflight(
    folder: Path,
    *,
    only: Collection[str] = (),
    exposure_s: float | None,
    begins: Callable[[str], None],
) -> AsyncIterator[Finding]:
    """Look at everything; give what was found, line by line.

    Parameters
    ----------
    only
        Names of `CHECKS`; all of them when empty.
    exposure_s
        Of the test exposure; None for none.
    begins
        Told of each check before it is made.
    """
    begins("settings")
    try:
        config = await asyncio.to_thread(read, TelescopeSettings, folder)
    except ConfigurationError as error:
        yield failed("settings", str(error), error.hint)
        return
    pid = holder(agent_lock(folder))
    yield passed("settings", f"{folder / SETTINGS} can be read")
    subject = Subject(folder=folder, config=config, agent_pid=pid, exposure_s=exposure_s or 0.0)
    spoilt: set[str] = set()
    for name, check in CHECKS.items():
        if (only and name not in only) or (name == "exposure" and exposure_s is None):
            continue
        if spoilt.intersection(check.after):
            continue  # what is wrong has been said
        begins(name)
        async for finding in _looking(name, check, subject):
            if finding.verdict is Verdict.FAIL:
                spoilt.add(finding.check)
            yield finding


async def _looking(name: str, check: Check, subject: Subject) -> AsyncIterator[Finding]:
    looking = check.look(subject)
    last = asyncio.get_running_loop().time() + check.within_s
    while True:
        try:
            async with asyncio.timeout_at(last):
                finding = await anext(looking)
        except StopAsyncIteration:
            return
        except TimeoutError:
            yield failed(
                name, f"it did not end within {check.within_s:.0f} s", "look at what is slow, try again"
            )
            return
        except FollowupError as error:
            # Who cannot reach the INDI server knows no device.
            kind = "indi" if name == "devices" else name
            yield failed(kind, str(error), error.hint)
            return
        except OSError as error:
            yield failed(name, f"{error.filename or subject.folder}: {error.strerror or error}", "mend that")
            return
        except Exception as error:
            log.exception("the check %s failed", name)
            yield failed(name, f"the check itself failed: {error!r}", "report this")
            return
        yield finding
