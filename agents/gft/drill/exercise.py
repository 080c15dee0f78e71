"""A drill from its alert to its report: the telescope is triggered by itself, and then left alone.

The trigger is a packet like the science centre's, marked as a drill and with the telescope as its author. It
goes the way of all packets (relay, topic, science centre), so that the campaign is announced and archived as
a drill, and it is answered by the same desk.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from dataclasses import replace
from datetime import datetime, timedelta

from agents.gft.bench import Bench
from agents.gft.drill.report import DrillReport, Measured, detections, stages
from agents.gft.drill.source import DrillCamera, FadingSource, Optics
from agents.gft.drill.terms import DrillTerms
from agents.gft.high_field import high_field
from agents.gft.reduction.astrometry import from_plane
from agents.gft.service import TelescopeAgent
from followup.campaign import What
from followup.errors import FollowupError
from followup.names import CSC, RELAY, CampaignName
from messaging.reader import Reader
from messaging.records import StoredPacket, ToUser
from messaging.transaction import Transaction
from voevent.identity import author_ivorn
from voevent.kinds import Kind, Outcome, ReceiptOutcome, Result, Trigger, TriggerAction
from voevent.packet import Packet, PacketId, SkyPosition
from voevent.parse import parse
from voevent.read import read

log = logging.getLogger(__name__)

DRILLED = "drilled"
"""Entry of the telescope's own journal: the report of a drill."""

_LOOK_S = 0.5
_AFTER_THE_BURST = timedelta(seconds=30)
_CLEAR_ARCSEC = 15.0
_PLACES = 50


class DrillRefusedError(FollowupError):
    """There can be no drill now."""


class Drill:
    """Holds drills at one telescope, one at a time."""

    def __init__(
        self, bench: Bench, agent: TelescopeAgent, camera: DrillCamera, terms: DrillTerms, rng: random.Random
    ) -> None:
        self.bench = bench
        self._agent = agent
        self._camera = camera
        self._terms = terms
        self._rng = rng
        self._on = False

    async def hold(self, who: str) -> DrillReport:
        """Hold a drill and report on it. It ends at once when a burst, a person or the weather comes between.

        Raises
        ------
        DrillRefusedError
            When somebody observes, the telescope may not (held, not safe, the Sun is up), or it refuses the
            trigger.
        """
        if self._on:
            raise DrillRefusedError("a drill is on already")
        self._on = True
        try:
            self._check()
            return await self._hold(who)
        finally:
            self._camera.hide()
            self._on = False

    def _check(self) -> None:
        bench = self.bench
        if self._agent.campaigns:
            names = ", ".join(sorted(self._agent.campaigns))
            raise DrillRefusedError(
                f"the telescope has work to do: {names}", hint="drills wait for quiet times"
            )
        if bench.gate.reasons:
            raise DrillRefusedError(f"the telescope may not observe: {bench.gate}")

    async def _hold(self, who: str) -> DrillReport:
        bench = self.bench
        name = CampaignName(f"drill{bench.wall.now():%Y%m%d%H%M%S}", bench.name)
        source, circle = await asyncio.to_thread(self._place, bench.sky.now())
        self._camera.show(
            source,
            Optics(masters=bench.masters, instrument=bench.instrument, catalogue=bench.catalogue),
            lambda: bench.observatory.user == str(name),
        )
        log.info("drill %s, by %s", name, who, extra={"event": "drill.began", "campaign": str(name)})
        alert = bench.wall.now()
        ended = "the drill was broken off"
        try:
            await self._trigger(name, source, circle, who)
            ended = await self._watch(name, alert)
            report = await self._report(name, alert, source, ended)
        finally:
            # However it ends: nobody shows the source any more.
            await self._close(name, ended)
        now = bench.sky.now()
        await bench.journal.write(lambda tx: tx.note(bench.name, DRILLED, report.data(), time=now))
        log.info(
            "drill %s: %s",
            name,
            "passed" if report.passed else report.ended or "not as it should be",
            extra={"event": "drill.ended", "campaign": str(name), "passed": report.passed},
        )
        return report

    def _place(self, now: datetime) -> tuple[FadingSource, SkyPosition]:
        """Draw where the source is, clear of stars, and the circle that the trigger gives (blocking)."""
        radius_deg = self._terms.error_radius_deg
        circle = replace(high_field(self.bench.site, now), error_radius_deg=radius_deg)
        position = circle
        for _ in range(_PLACES):
            north, east = (self._rng.uniform(-0.5, 0.5) * radius_deg for _ in range(2))
            position = from_plane(east, north, circle)
            if not len(self.bench.catalogue.cone(position, _CLEAR_ARCSEC / 3600.0).ra_deg):
                break
        return FadingSource(
            position=position,
            began=now - _AFTER_THE_BURST,
            magnitude=self._terms.magnitude,
            fading=self._terms.fading,
        ), circle

    async def _trigger(self, name: CampaignName, source: FadingSource, circle: SkyPosition, who: str) -> None:
        """Trigger as the science centre would, and send the trigger on its way when it is accepted."""
        bench = self.bench
        alert = f"drill {name} at {source.began.isoformat()}, by {who}".encode()
        stream = author_ivorn(bench.author.authority, bench.name)
        content = Trigger(
            burst=name.burst,
            telescope=bench.name,
            action=TriggerAction.OBSERVE,
            revision=0,
            trigger_time=source.began,
            position=circle,
            instrument="drill",
            notice=PacketId(ivorn=f"{stream}#{name.burst}", sha256=hashlib.sha256(alert).hexdigest()),
            features={"drill_by": who},
        )
        packet: Packet = await bench.journal.write(
            lambda tx: bench.author.compose(tx, str(name), content, to=None, drill=True)
        )
        header, _ = read(packet)
        answer = await self._agent.consider(packet, header, content)
        if answer.outcome is not ReceiptOutcome.ACCEPTED or answer.effect is None:
            raise DrillRefusedError(f"the telescope refuses the drill's trigger: {answer.reason}")
        effect = answer.effect

        def work(tx: Transaction) -> None:
            effect(tx)
            tx.enqueue(packet, to=ToUser(RELAY), body=packet.description, deadline_s=None)

        await bench.journal.write(work)
        answer.then()
        bench.wake()

    async def _watch(self, name: CampaignName, alert: datetime) -> str:
        """Wait until the science centre has a result with the source; return why it ended without one."""
        bench = self.bench
        while True:
            entries = await bench.journal.read(lambda reader: reader.entries(str(name)))
            said = {entry.what for entry in entries}
            if What.PREEMPTED in said or self._agent.campaigns.keys() - {str(name)}:
                return "a burst needs the telescope"
            if bench.gate.reasons:
                return f"the telescope may not observe: {bench.gate}"
            detected, received = await bench.journal.read(lambda reader: _first_detection(reader, name))
            if detected is not None and received is not None:
                return ""
            if said & {What.STOPPED, What.CLOSING}:
                return "the campaign ended without the source"
            if (bench.wall.now() - alert).total_seconds() > self._terms.at_most_s:
                return f"after {self._terms.at_most_s:.0f} s the source is not found"
            await bench.wall.sleep(_LOOK_S)

    async def _report(
        self, name: CampaignName, alert: datetime, source: FadingSource, ended: str
    ) -> DrillReport:
        entries = await self.bench.journal.read(lambda reader: reader.entries(str(name)))
        detected, received = await self.bench.journal.read(lambda reader: _first_detection(reader, name))
        last = await self.bench.journal.read(lambda reader: _results(reader, name))
        off, measured = None, tuple[Measured, ...]()
        for _, result in last:
            if result.source is not None and result.points:
                off, measured = detections(result, source)
        return DrillReport(
            campaign=str(name),
            alert=alert,
            ended=ended,
            frames=self._camera.shown,
            missed=tuple(self._camera.missed),
            off_arcsec=off,
            measured=measured,
            stages=stages(alert, entries, detected=detected, received=received, terms=self._terms),
        )

    async def _close(self, name: CampaignName, ended: str) -> None:
        """End the drill's campaign: the telescope is free, and what was taken is sent and closed."""
        campaign = self._agent.campaigns.get(str(name))
        if campaign is not None:
            outcome = Outcome.ABORTED if ended else Outcome.COMPLETED
            await campaign.stop(outcome, ended or "the drill is over: its source was found")


def _results(reader: Reader, name: CampaignName) -> list[tuple[StoredPacket, Result]]:
    """Give the results of a campaign that this site sent, with what the journal knows of them, in order."""
    found = []
    for stored in reader.packets(str(name)):
        if stored.kind == Kind.RESULT and not stored.received:
            _, content = read(parse(stored.raw))
            if isinstance(content, Result):
                found.append((stored, content))
    return found


def _first_detection(reader: Reader, name: CampaignName) -> tuple[datetime | None, datetime | None]:
    """Tell when the first result with a source was committed, and when the science centre had it."""
    for stored, result in _results(reader, name):
        if result.source is None or not any(not point.limit for point in result.points):
            continue
        heard = [each.committed for each in reader.receipts(stored.id) if each.author == CSC]
        return stored.committed, min(heard, default=None)
    return None, None
