"""A burst's real alerts, made into triggers by the science centre's own rules."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from agents.csc.asking import Asking
from agents.csc.knowledge import Heard, known
from agents.csc.triggering import NoTriggerError
from console.replay.conversation import Conversation, Said
from console.replay.errors import ReplayError
from console.replay.keys import Names
from console.replay.telescope.calibration import HurriedClock
from followup.clock import WallClock
from followup.names import CSC, CampaignName
from messaging.author import Author
from messaging.journal import Journal
from simulators.notices import TimedAlert, alerts_from
from voevent.packet import Packet, SkyPosition
from voevent.read import read

_AUTHORITY = "followup"


@dataclass(frozen=True, kw_only=True, slots=True)
class Announced:
    """What a burst's alerts come to at a telescope.

    Attributes
    ----------
    conversation
        The triggers, each at the time at which its alert was written.
    trigger_time, position
        T0 and the place that count in the end.
    unheeded
        Alerts that led to no trigger, and why.
    """

    conversation: Conversation
    trigger_time: datetime
    position: SkyPosition
    unheeded: tuple[str, ...]


def announced(path: Path, telescope: str, folder: Path) -> Announced:
    """Read a burst's alerts and trigger a telescope on them, as the science centre would (blocking).

    All triggers are drills.

    Parameters
    ----------
    path
        A file, or a folder of files, all about one burst.
    folder
        Where a journal can be kept meanwhile.

    Raises
    ------
    ConfigurationError
        When there is no alert, or one cannot be read.
    ReplayError
        When they are about several bursts, say that there was none, or none leads to a trigger.
    """
    alerts = alerts_from(path)
    bursts = sorted({alert.notice.burst for alert in alerts})
    if len(bursts) > 1:
        raise ReplayError(
            f"{path} holds alerts about {len(bursts)} bursts: {', '.join(bursts)}",
            hint="give those of one burst: a file, or a folder of its own",
        )
    facts = known([Heard(notice=alert.notice, written=alert.time) for alert in alerts])
    place = facts.best.position if facts.best else None
    if place is None or facts.trigger_time is None:
        raise ReplayError(
            f"{path}: no alert gives a position, so that no telescope can be triggered",
            hint="take an alert with a position (BAT, XRT, ECLAIRs, MXT, …)",
        )
    packets, unheeded = asyncio.run(_triggered(alerts, telescope, folder))
    if not packets:
        raise ReplayError(
            f"no alert in {path} leads to a trigger: {'; '.join(unheeded)}", hint="followup packet show FILE"
        )
    return Announced(
        conversation=conversation_of(CampaignName(bursts[0], telescope), packets),
        trigger_time=facts.trigger_time,
        position=place,
        unheeded=tuple(unheeded),
    )


def conversation_of(name: CampaignName, packets: Sequence[Packet]) -> Conversation:
    """Make a conversation of packets that nobody has answered yet."""
    names, said = Names(), []
    for packet in packets:
        header, content = read(packet)
        said.append(Said(packet=packet, header=header, content=content, key=names.key(packet.id, content)))
    return Conversation(name=name, said=tuple(said))


async def _triggered(
    alerts: Sequence[TimedAlert], telescope: str, folder: Path
) -> tuple[list[Packet], list[str]]:
    packets: list[Packet] = []
    unheeded: list[str] = []
    journal = Journal.open(folder / "centre.sqlite", wall=WallClock())
    try:
        for alert in alerts:
            asking = Asking.read(alert.raw, [telescope], enrolled=[telescope], drill=True)
            author = Author(site=CSC, authority=_AUTHORITY, sky=HurriedClock(alert.time))
            try:
                written = await journal.write(partial(asking.write, author=author, time=alert.time))
            except NoTriggerError as error:
                unheeded.append(str(error))
                continue
            packets += [each.packet for each in written if each.packet is not None]
            unheeded += [f"{alert.notice.id.ivorn}: {each.reason}" for each in written if each.packet is None]
    finally:
        journal.close()
    return packets, unheeded
