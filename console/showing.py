"""A campaign on the terminal: what happened when, every packet and its receipts, files, photometry."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from archive.records import CampaignRecord, LedgerEntry
from console.screen import NARROW, listing, name_column, number_column
from followup.names import RELAY
from voevent.kinds import Decided, Kind, PhotometryPoint, ReceiptOutcome, Status, StatusState
from voevent.parse import parse
from voevent.read import read

if TYPE_CHECKING:
    from archive.archive import Archive

_STYLES = {
    ReceiptOutcome.ACCEPTED: "green",
    ReceiptOutcome.REFUSED: "red",
    ReceiptOutcome.EXPIRED: "red",
}


def show_campaign(archive: Archive, record: CampaignRecord, console: Console) -> None:
    """Print everything the archive knows about a campaign."""
    outcome = record.outcome or "open"
    console.print(
        Text.assemble(
            (record.name, "bold"), f"  {outcome}: {record.reason}" if record.reason else f"  {outcome}"
        )
    )
    for line in _facts(record):
        console.print(line, markup=False, soft_wrap=True)
    if record.tasks:
        console.print(_tasks(record))
    if (told := _told(archive, record.name)) is not None:
        console.print(told)
    console.print(_ledger(archive.ledger(record.name), narrow=console.width < NARROW))
    points = archive.photometry(record.name)
    if points:
        console.print(_photometry(points))
    decisions = archive.decisions(record.name)
    if decisions:
        console.print(_decisions(decisions))
    files = archive.files(record.name)
    if files:
        table = listing(
            Column("file", overflow="fold"),
            number_column("bytes"),
            name_column("SHA-256"),
            title=f"files ({len(files)})",
        )
        for file in files:
            table.add_row(file.path, str(file.size_bytes), file.sha256[:12])
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
    table = listing(
        "task",
        name_column("start (UTC)"),
        "filters",
        name_column("exposures"),
        "outcome",
        number_column("taken"),
        "why",
        title="tasks",
    )
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


def _told(archive: Archive, campaign: str) -> Table | None:
    """List what the telescope told of its condition: who held it, what was unsafe, why it was aborted."""
    table = listing(name_column("time (UTC)"), "condition", Column("why", ratio=1), title="told")
    for stored in sorted(archive.packets(campaign, Kind.STATUS), key=lambda each: each.sequence or 0):
        raw = archive.raw(stored.id)
        _, said = (None, None) if raw is None else read(parse(raw))
        if isinstance(said, Status) and said.state is not StatusState.PLAN and stored.written is not None:
            table.add_row(f"{stored.written:%m-%d %H:%M:%S}", said.state, said.text)
    return table if table.row_count else None


def _ledger(entries: tuple[LedgerEntry, ...], *, narrow: bool) -> Table:
    """List packets; where there is little room, only what is amiss gives its reason in full."""
    table = listing(
        name_column("time (CSC)"),
        name_column("packet"),
        name_column("from → to"),
        *(() if narrow else (name_column("relayed"),)),
        number_column("after"),
        Column("final receipt", ratio=1),
        title="packets and receipts",
    )
    for entry in entries:
        began = entry.sent or entry.arrived
        final = entry.final
        outcome = Text("none yet: " + _where(entry), style="yellow")
        if final is not None:
            outcome = Text(f"{final.outcome}: {final.reason}", style=_STYLES.get(final.outcome, ""))
            if narrow and final.outcome is ReceiptOutcome.ACCEPTED:
                outcome.no_wrap, outcome.overflow = True, "ellipsis"
        table.add_row(
            _clock(began)[: 8 if narrow else None],
            _short(entry.id.ivorn),
            f"{entry.author} → {entry.addressee}",
            *(() if narrow else (_clock(entry.relayed),)),
            f"{(final.time - began).total_seconds():.2f} s" if final and began else "",
            outcome,
        )
    return table


def _short(ivorn: str) -> str:
    """Spell a packet's IVORN in its campaign's ledger: campaign and digests go without saying."""
    local = ivorn.rpartition("#")[2].partition(".")[2].partition(".")[2]
    return re.sub(r"-[0-9a-f]{12}$", "", local) or ivorn


def _where(entry: LedgerEntry) -> str:
    if not entry.held:
        return "others speak of it, it is not here"
    if entry.relayed is None and entry.sent is None:
        return f"not in custody of {RELAY} as far as is known here"
    return f"not answered by {entry.addressee}"


def _photometry(points: tuple[PhotometryPoint, ...]) -> Table:
    table = listing(
        number_column("T − T0 (s)"),
        "filter",
        number_column("AB mag"),
        number_column("error"),
        number_column("exposure (s)"),
        "task",
        title="photometry",
    )
    for p in points:
        mag = f"> {p.mag:.2f}" if p.limit else f"{p.mag:.2f}"
        err = f"{p.limit_sigma:.0f} σ limit" if p.limit else f"{p.mag_err or 0:.2f}"
        table.add_row(f"{p.t_s:.0f}", p.filter, mag, err, f"{p.exposure_s:g}", p.task)
    return table


def _decisions(decisions: tuple[Decided, ...]) -> Table:
    table = listing(
        name_column("time (UTC)"), name_column("rule"), Column("decision", ratio=1), title="decisions"
    )
    for each in decisions:
        table.add_row(f"{each.time:%m-%d %H:%M:%S}", each.rule, each.text)
    return table


def _clock(time: datetime | None) -> str:
    return "" if time is None else f"{time:%H:%M:%S}.{time.microsecond // 1000:03d}"
