"""A campaign on the terminal: what happened when, every packet and its receipts, files, photometry."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from archive.archive import Archive
from archive.records import CampaignRecord, LedgerEntry
from followup.names import RELAY
from voevent.kinds import PhotometryPoint, ReceiptOutcome

_STYLES = {
    ReceiptOutcome.ACCEPTED: "green",
    ReceiptOutcome.REFUSED: "red",
    ReceiptOutcome.EXPIRED: "red",
}


def show_campaign(archive: Archive, record: CampaignRecord, console: Console) -> None:
    """Print everything the archive knows about a campaign."""
    console.print(Text(record.name, style="bold"), f" {record.outcome or 'open'}: {record.reason}")
    for line in _facts(record):
        console.print(line, markup=False)
    console.print(_tasks(record))
    console.print(_ledger(archive.ledger(record.name)))
    points = archive.photometry(record.name)
    if points:
        console.print(_photometry(points))
    files = archive.files(record.name)
    if files:
        table = Table("file", "bytes", "SHA-256", title=f"files ({len(files)})")
        for file in files:
            table.add_row(file.path, str(file.size_bytes), file.sha256[:16])
        console.print(table)


def _facts(record: CampaignRecord) -> list[str]:
    facts = []
    if record.trigger is not None:
        facts.append(
            f"  T0 {record.trigger.trigger_time:%Y-%m-%d %H:%M:%S} UTC, seen by {record.trigger.instrument},"
            f" alert {record.trigger.notice.ivorn}"
        )
    if record.position is not None:
        p = record.position
        radius = "" if p.error_radius_deg is None else f", error radius {p.error_radius_deg * 60:.2f}′"
        facts.append(f"  position {p.ra_deg:.5f} {p.dec_deg:+.5f} (ICRS, deg){radius}")
    if record.source is not None:
        decay = f", decay index {record.fit.index:.2f} ± {record.fit.index_err:.2f}" if record.fit else ""
        facts.append(f"  counterpart {record.source.ra_deg:.5f} {record.source.dec_deg:+.5f}{decay}")
    if record.drill:
        facts.append("  a drill")
    return facts


def _tasks(record: CampaignRecord) -> Table:
    table = Table("task", "start (UTC)", "filters", "exposures", "outcome", "taken", "reason", title="tasks")
    for task in record.tasks:
        plan = f"{task.count} × {task.exposure_s:g} s" if task.count and task.exposure_s else ""
        table.add_row(
            task.task,
            f"{task.start:%m-%d %H:%M:%S}" if task.start else "",
            " ".join(task.filters),
            plan,
            task.outcome or "",
            "" if task.exposures is None else str(task.exposures),
            task.reason,
        )
    return table


def _ledger(entries: tuple[LedgerEntry, ...]) -> Table:
    table = Table(
        "time (CSC)", "packet", "from → to", "relayed", "final receipt", "after", title="packets and receipts"
    )
    for entry in entries:
        began = entry.sent or entry.arrived
        final = entry.final
        outcome = Text("none yet: " + _where(entry), style="yellow")
        if final is not None:
            outcome = Text(f"{final.outcome}: {final.reason}", style=_STYLES.get(final.outcome, ""))
        table.add_row(
            _clock(began),
            entry.id.ivorn.rpartition("#")[2].partition(".")[2].partition(".")[2] or entry.id.ivorn,
            f"{entry.author} → {entry.addressee}",
            _clock(entry.relayed),
            outcome,
            f"{(final.time - began).total_seconds():.2f} s" if final and began else "",
        )
    return table


def _where(entry: LedgerEntry) -> str:
    if not entry.held:
        return "others speak of it, it is not here"
    if entry.relayed is None and entry.sent is None:
        return f"not in custody of {RELAY} as far as is known here"
    return f"not answered by {entry.addressee}"


def _photometry(points: tuple[PhotometryPoint, ...]) -> Table:
    table = Table("T − T0 (s)", "filter", "AB mag", "error", "exposure (s)", "task", title="photometry")
    for p in points:
        mag = f"> {p.mag:.2f}" if p.limit else f"{p.mag:.2f}"
        err = f"{p.limit_sigma:.0f} σ limit" if p.limit else f"{p.mag_err or 0:.2f}"
        table.add_row(f"{p.t_s:.0f}", p.filter, mag, err, f"{p.exposure_s:g}", p.task)
    return table


def _clock(time: datetime | None) -> str:
    return "" if time is None else f"{time:%H:%M:%S}.{time.microsecond // 1000:03d}"
