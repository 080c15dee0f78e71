"""A burst's conversation as the CSC commits it: two campaigns, one observed, one declined."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from archive import Archive
from voevent import build, parse
from voevent.kinds import (
    Cited,
    Closing,
    Content,
    Decided,
    Header,
    ManifestRef,
    Outcome,
    PhotometryPoint,
    PlannedTask,
    PowerLaw,
    Product,
    Receipt,
    ReceiptOutcome,
    Result,
    SedPoint,
    Status,
    StatusState,
    TaskOutcome,
    TaskSummary,
    Trigger,
    TriggerAction,
    Upload,
    UploadState,
)
from voevent.packet import CiteKind, Packet, PacketId, SkyPosition

T0 = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
WALL = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
JILIN = "sb26112201.gft-jilin"
SPM = "sb26112201.gft-spm"
ACCEPTED, REFUSED = ReceiptOutcome.ACCEPTED, ReceiptOutcome.REFUSED
RELAYED, RECEIVED, EXPIRED = ReceiptOutcome.RELAYED, ReceiptOutcome.RECEIVED, ReceiptOutcome.EXPIRED


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A packet on its way into the archive."""

    packet: Packet
    direction: Literal["sent", "received"]
    peer: str
    time: datetime

    def into(self, archive: Archive) -> None:
        archive.ingest(self.packet, direction=self.direction, peer=self.peer, time=self.time)


@dataclass(kw_only=True)
class Conversation:
    """Writes packets one after the other, each a second later, as the CSC would commit them."""

    drill: bool = True
    deliveries: list[Delivery] = field(default_factory=list)
    sequences: dict[tuple[str, str], int] = field(default_factory=dict)

    def say(
        self,
        author: str,
        campaign: str,
        content: Content,
        *,
        cites: tuple[Cited, ...] = (),
        deadline_s: float | None = None,
    ) -> PacketId:
        sequence = self.sequences[author, campaign] = self.sequences.get((author, campaign), 0) + 1
        header = Header(
            authority="followup",
            author=author,
            campaign=campaign,
            sequence=sequence,
            date=T0 + timedelta(seconds=60 * len(self.deliveries)),
            drill=self.drill,
            cites=cites,
            deadline_s=deadline_s,
        )
        telescope = campaign.partition(".")[2]
        ours = author == "csc"
        direct = isinstance(content, Trigger)
        self._commit(
            build(header, content),
            "sent" if ours else "received",
            telescope if ours and direct else "csc-ftp",
        )
        return self.deliveries[-1].packet.id

    def answer(
        self,
        author: str,
        campaign: str,
        cited: PacketId,
        outcome: ReceiptOutcome,
        reason: str = "",
        **details: str,
    ) -> PacketId:
        receipt = Receipt(cited=cited, outcome=outcome, reason=reason, details=details)
        return self.say(author, campaign, receipt)

    def report(
        self, campaign: str, content: Content, outcome: ReceiptOutcome = ACCEPTED, reason: str = ""
    ) -> PacketId:
        """A telescope says something; the relay takes custody, the CSC answers."""
        packet = self.say(campaign.partition(".")[2], campaign, content)
        self.answer("csc-ftp", campaign, packet, RELAYED)
        self.answer("csc", campaign, packet, outcome, reason)
        return packet

    def hear(self, raw: bytes) -> PacketId:
        """An alert comes in."""
        self._commit(parse(raw), "received", "gcn")
        return self.deliveries[-1].packet.id

    def _commit(self, packet: Packet, direction: Literal["sent", "received"], peer: str) -> None:
        time = WALL + timedelta(seconds=len(self.deliveries))
        self.deliveries.append(Delivery(packet=packet, direction=direction, peer=peer, time=time))


NOTICE = b"""<?xml version="1.0" encoding="UTF-8"?>
<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0" role="test"
    ivorn="ivo://org.svom/fsc#sb26112201_eclairs-wakeup">
  <Who><AuthorIVORN>ivo://org.svom/fsc</AuthorIVORN><Date>2026-11-22T03:01:35</Date></Who>
  <What><Param name="Packet_Type" value="202"/></What>
  <Citations><EventIVORN cite="followup">ivo://org.svom/fsc#sb26112201_grm-trigger</EventIVORN></Citations>
</voe:VOEvent>
"""


def trigger(
    notice: PacketId,
    campaign: str,
    *,
    revision: int = 0,
    action: TriggerAction = TriggerAction.OBSERVE,
    **more: object,
) -> Trigger:
    burst, _, telescope = campaign.partition(".")
    observe = action is TriggerAction.OBSERVE
    values: dict[str, object] = {
        "burst": burst,
        "telescope": telescope,
        "action": action,
        "revision": revision,
        "trigger_time": T0,
        "position": SkyPosition(ra_deg=10.0 - revision / 100, dec_deg=41.0, error_radius_deg=0.1)
        if observe
        else None,
        "instrument": "ECLAIRs",
        "notice": notice,
        "features": {"SNR": "12.5"},
    }
    return Trigger(**(values | more))  # type: ignore[arg-type]  # builders take any field by name


def point(t_s: float, mag: float, *, limit: bool = False) -> PhotometryPoint:
    return PhotometryPoint(
        task="t1",
        t_s=t_s,
        exposure_s=30.0,
        filter="r",
        mag=mag,
        mag_err=None if limit else 0.05,
        limit=limit,
    )


def light_curve(*points: PhotometryPoint, fit: PowerLaw | None = None) -> Result:
    source = SkyPosition(ra_deg=10.001, dec_deg=41.002, error_radius_deg=1e-4)
    return Result(product=Product.LIGHT_CURVE, task="t1", points=points, source=source, fit=fit)


def upload(state: UploadState, *, dataset: str = "t1", manifest: bytes = b"{}", attempt: int = 1) -> Upload:
    return Upload(
        dataset=dataset,
        state=state,
        attempt=attempt,
        task="t1",
        manifest=ManifestRef(
            path=f"{JILIN}/{dataset}/manifest-{attempt}.json",
            size_bytes=len(manifest),
            sha256=hashlib.sha256(manifest).hexdigest(),
            files=2,
            total_bytes=300,
        ),
    )


def planned(task: str, start_s: float, exposure_s: float = 30.0) -> PlannedTask:
    return PlannedTask(
        task=task,
        start=T0 + timedelta(seconds=start_s),
        filters=("g", "r"),
        exposure_s=exposure_s,
        count=4,
        airmass=1.2,
    )


def closing(*packets: PacketId, outcome: Outcome = Outcome.COMPLETED) -> Closing:
    return Closing(
        outcome=outcome,
        summary="2 tasks, afterglow found",
        tasks=(
            TaskSummary(task="t1", outcome=TaskOutcome.DONE, exposures=8),
            TaskSummary(task="t2", outcome=TaskOutcome.SKIPPED, exposures=0, reason="dawn"),
        ),
        packets=packets,
        details={"first_command_at": "2026-11-22T12:00:02.100Z"},
        decisions=(
            Decided(time=T0, rule="small-error-circle", text="strategy localised", values={"a": "1"}),
        ),
    )


def whole_conversation() -> tuple[Delivery, ...]:
    """Everything that the CSC commits of a burst at two telescopes."""
    c = Conversation()
    notice = c.hear(NOTICE)
    first = c.say("csc", JILIN, trigger(notice, JILIN), deadline_s=600.0)
    declined = c.say("csc", SPM, trigger(notice, SPM))
    c.answer("gft-jilin", JILIN, first, ACCEPTED, first_epoch="2026-11-22T03:05:00Z")
    c.answer("gft-spm", SPM, declined, REFUSED, "never above 20 deg in the next 24 h")
    said = [first]
    said += [
        c.report(
            JILIN,
            Status(state=StatusState.PLAN, text="3 tasks", tasks=(planned("t0", 10), planned("t1", 60))),
        )
    ]
    second = c.say(
        "csc", JILIN, trigger(notice, JILIN, revision=1), cites=(Cited(id=first, cite=CiteKind.SUPERSEDES),)
    )
    c.answer("gft-jilin", JILIN, second, ACCEPTED, first_epoch="2026-11-22T03:06:00Z")
    said += [second]
    plan = Status(
        state=StatusState.PLAN, text="2 tasks", tasks=(planned("t2", 3600), planned("t1", 60, 60.0))
    )
    said += [c.report(JILIN, plan)]
    said += [c.report(JILIN, upload(UploadState.STARTING))]
    said += [c.report(JILIN, light_curve(point(90.0, 18.1)))]
    fit = PowerLaw(index=0.9, index_err=0.1, chi2=1.5, dof=1)
    said += [c.report(JILIN, light_curve(point(90.0, 18.1), point(500.0, 19.5, limit=True), fit=fit))]
    said += [c.report(JILIN, light_curve(point(90.0, 8.1)), REFUSED, "a star")]
    fluxes = (
        SedPoint(filter="g", wavelength_nm=480.0, flux_density_ujy=120.0, flux_density_err_ujy=5.0),
        SedPoint(filter="r", wavelength_nm=620.0, flux_density_ujy=150.0, flux_density_err_ujy=5.0),
    )
    said += [c.report(JILIN, Result(product=Product.SED, task="t1", sed=fluxes, epoch_s=90.0))]
    completed = c.say("gft-jilin", JILIN, upload(UploadState.COMPLETED))
    c.answer("csc-ftp", JILIN, completed, RELAYED)
    c.answer("csc", JILIN, completed, RECEIVED)
    c.answer("csc", JILIN, completed, ACCEPTED)
    c.report(JILIN, closing(*said, completed))
    c.answer("csc-ftp", "-", PacketId(ivorn="ivo://elsewhere/x#1", sha256="0" * 64), REFUSED, "not XML")
    return tuple(c.deliveries)
