"""What a set of campaigns came to, read from the science centre's archive and nothing else of the sites'."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from archive.records import CampaignRecord, FileRecord, LedgerEntry
from voevent.kinds import Outcome, PhotometryPoint

if TYPE_CHECKING:
    from archive.archive import Archive


class Truth(Protocol):
    """What a simulation knows about the brightness of a burst."""

    def magnitude(self, burst: str, t_s: float, filter_name: str, exposure_s: float) -> float | None:
        """Give the true AB magnitude, averaged over an exposure centred on `t_s`; None if it is not known."""
        ...


class NoTruth:
    """The sky of every night: nobody knows."""

    def magnitude(self, burst: str, t_s: float, filter_name: str, exposure_s: float) -> float | None:  # noqa: ARG002
        """Give None."""
        return None


def report(
    archive: Archive,
    *,
    bursts: Sequence[str] | None = None,
    truth: Truth | None = None,
    flow_runs: Sequence[Mapping[str, str]] = (),
    prefect_ui: str = "",
    archive_location: str = "",
    verify: bool = True,
) -> dict[str, Any]:
    """Gather everything about the campaigns of some bursts (of all by default).

    Parameters
    ----------
    verify
        Whether to read every archived byte again.

    Returns
    -------
    dict
        ``campaigns``, ``packets``, ``files``, ``photometry``, ``decisions``, ``latency_s``, ``flow_runs``,
        ``prefect_ui``, ``archive``; ``docs/report.md`` describes them.
    """
    truth = truth or NoTruth()
    campaigns = [c for c in archive.campaigns() if bursts is None or c.burst in bursts]
    checked = campaigns if verify else []
    problems = {(p.campaign, p.dataset, p.path): p.what for c in checked for p in archive.verify(c.name)}
    packets, files, photometry, decisions = [], [], [], []
    receipts_s, slews_s = [], []
    for campaign in campaigns:
        ledger = archive.ledger(campaign.name)
        packets += [_packet(entry, campaign.name) for entry in ledger]
        files += [_file(file, problems) for file in archive.files(campaign.name)]
        photometry += [_point(p, campaign, truth) for p in archive.photometry(campaign.name)]
        decisions += [
            {"campaign": campaign.name, **asdict(each), "time": each.time.isoformat()}
            for each in archive.decisions(campaign.name)
        ]
        receipt_s, slew_s = _latency(campaign, ledger)
        receipts_s += receipt_s
        slews_s += slew_s
    return {
        "campaigns": [_campaign(c) for c in campaigns],
        "packets": packets,
        "files": files,
        "photometry": photometry,
        "decisions": decisions,
        "latency_s": {
            "trigger_to_receipt": _median(receipts_s),
            "trigger_to_slew": _median(slews_s),
        },
        "flow_runs": [dict(run) for run in flow_runs],
        "prefect_ui": prefect_ui,
        "archive": archive_location,
    }


def faults(
    document: Mapping[str, Any],
    manifests: Mapping[str, int],
    *,
    expected_runs: AbstractSet[tuple[str, str]] = frozenset(),
) -> list[str]:
    """Tell what keeps a report from being a success, one sentence each.

    Parameters
    ----------
    manifests
        Number of files that each campaign's archived manifests list.
    expected_runs
        Flow and name of each flow run that should be there.
    """
    found = []
    for campaign in document["campaigns"]:
        if campaign["outcome"] is None:
            found.append(f"campaign {campaign['name']} is still open")
        elif campaign["outcome"] == Outcome.FAILED:
            found.append(f"campaign {campaign['name']} failed: {campaign['reason']}")
    found += [
        f"packet {packet['ivorn']} has no final receipt"
        for packet in document["packets"]
        if not packet["receipt"] or not packet["receipt"]["final"]
    ]
    found += [
        f"file {file['path']} is not as its manifest says"
        for file in document["files"]
        if not file["verified"]
    ]
    for name, count in manifests.items():
        held = sum(file["campaign"] == name for file in document["files"])
        if held != count:
            found.append(f"{name}: {held} of {count} files of its manifests are archived")
    found += [
        f"flow run {run['flow']} / {run['name']} ended as {run['state']}"
        for run in document["flow_runs"]
        if run["state"] not in GOOD_STATES
    ]
    seen = {(run["flow"], run["name"]) for run in document["flow_runs"]}
    found += [f"flow run {flow} / {name} is not in Prefect" for flow, name in sorted(expected_runs - seen)]
    return found


_AT_ONCE_S = 300.0
"""An epoch this soon after the trigger, in sky time, is begun at once; simulated skies run fast."""

GOOD_STATES = frozenset(
    {"Closed", "Called off", "Declined", "Retracted", "Aborted", "Relieved", "Cancelled", "Completed"}
)
"""Final states of flow runs that ended as they should."""


def _campaign(record: CampaignRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "burst": record.burst,
        "telescope": record.telescope,
        "drill": record.drill,
        "outcome": record.outcome,
        "reason": record.reason,
        "trigger_time": _iso(record.trigger.trigger_time) if record.trigger else None,
        "ra_deg": record.position.ra_deg if record.position else None,
        "dec_deg": record.position.dec_deg if record.position else None,
        "source": (
            {"ra_deg": record.source.ra_deg, "dec_deg": record.source.dec_deg} if record.source else None
        ),
        "decay_index": record.fit.index if record.fit else None,
        "first_epoch": record.first_epoch,
        "opened": _iso(record.opened),
        "closed": _iso(record.closed),
        "tasks": [
            {
                "task": task.task,
                "start": _iso(task.start),
                "filters": list(task.filters),
                "exposure_s": task.exposure_s,
                "count": task.count,
                "outcome": task.outcome,
                "exposures": task.exposures,
                "reason": task.reason,
            }
            for task in record.tasks
        ],
    }


def _packet(entry: LedgerEntry, campaign: str) -> dict[str, Any]:
    final = entry.final
    return {
        "ivorn": entry.id.ivorn,
        "sha256": entry.id.sha256,
        "campaign": campaign,
        "kind": entry.kind,
        "role": entry.role,
        "from": entry.author,
        "to": entry.addressee,
        "sent": _iso(entry.sent or entry.written),
        "arrived": _iso(entry.arrived),
        "relayed": _iso(entry.relayed),
        "receipt": (
            {
                "outcome": final.outcome,
                "time": _iso(final.time),
                "reason": final.reason,
                "final": final.outcome.final,
            }
            if final
            else None
        ),
        "delay_s": _delay(entry),
    }


def _delay(entry: LedgerEntry) -> float | None:
    began = entry.sent or entry.arrived
    if entry.final is None or began is None:
        return None
    return (entry.final.time - began).total_seconds()


def _file(file: FileRecord, problems: Mapping[tuple[str, str, str], str]) -> dict[str, Any]:
    return {
        "path": file.path,
        "campaign": file.campaign,
        "dataset": file.dataset,
        "bytes": file.size_bytes,
        "sha256": file.sha256,
        "verified": (file.campaign, file.dataset, file.path) not in problems,
    }


def _point(point: PhotometryPoint, campaign: CampaignRecord, truth: Truth) -> dict[str, Any]:
    true_mag = truth.magnitude(campaign.burst, point.t_s, point.filter, point.exposure_s)
    return {
        "campaign": campaign.name,
        "task": point.task,
        "t_s": point.t_s,
        "exposure_s": point.exposure_s,
        "filter": point.filter,
        "mag": point.mag,
        "mag_err": point.mag_err,
        "limit": point.limit,
        "limit_sigma": point.limit_sigma,
        "frames": point.frames,
        "true_mag": true_mag,
    }


def _latency(campaign: CampaignRecord, ledger: Sequence[LedgerEntry]) -> tuple[list[float], list[float]]:
    """From the commit of the first trigger: to its receipt's, and to the first command to the mount.

    The command counts only when the first epoch was due at once: otherwise the telescope rightly waited.
    """
    first = next((e for e in ledger if e.kind == "trigger" and e.sent is not None), None)
    if first is None or first.sent is None:
        return [], []
    if first.final is None:
        return [], []
    receipt_s = (first.final.time - first.sent).total_seconds()
    commanded = campaign.details.get("first_command_at")
    promised = first.final.details.get("first_epoch")
    if commanded is None or promised is None or first.written is None:
        return [receipt_s], []
    if (datetime.fromisoformat(promised) - first.written).total_seconds() > _AT_ONCE_S:
        return [receipt_s], []
    return [receipt_s], [(datetime.fromisoformat(commanded) - first.sent).total_seconds()]


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="milliseconds")
