"""Whether a campaign ended as if nothing had happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise

from console.faults.evidence import Evidence
from followup.campaign import What
from followup.names import CSC
from messaging.records import StoredPacket
from voevent.kinds import Closing, Kind, Product, Result, Status, Upload
from voevent.parse import parse
from voevent.read import read


class Wrong(StrEnum):
    """In which way a campaign ended otherwise."""

    LOST = "lost"
    """Something is missing: a packet, a receipt, a file, a task."""
    DOUBLED = "doubled"
    """Something was done twice."""
    UNFINISHED = "unfinished"
    """Something goes on, or was left lying about."""
    DIFFERENT = "different"
    """It came to something else than an undisturbed one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a campaign."""

    wrong: Wrong
    campaign: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What a campaign came to, in so far as all undisturbed ones agree."""

    outcome: str
    tasks: tuple[tuple[str, str, int], ...]
    said: tuple[str, ...]
    files: tuple[str, ...]


def shape_of(evidence: Evidence) -> Shape:
    """Give the shape of a campaign."""
    tasks = [(t.task, str(t.outcome), t.exposures or 0) for t in evidence.record.tasks]
    burst, campaign = evidence.name.burst, str(evidence.name)
    names = [
        f"{f.dataset}/{f.name}".replace(campaign, "CAMPAIGN").replace(burst, "BURST") for f in evidence.files
    ]
    return Shape(
        outcome=str(evidence.record.outcome),
        tasks=tuple(sorted(tasks)),
        said=tuple(sorted(set(_said(evidence.telescope.packets)))),
        files=tuple(sorted(names)),
    )


def judge(evidence: Evidence, *, deaths: Sequence[datetime], reference: Shape | None) -> list[Finding]:
    """Find what is wrong with a campaign that ought to be over.

    Parameters
    ----------
    deaths
        Wall times at which the telescope's agent ended: each allows the exposure in flight to be repeated.
    reference
        Of an undisturbed campaign; None when this is to be one.
    """
    name = str(evidence.name)
    found = [Finding(Wrong.UNFINISHED, name, text) for text in _unfinished(evidence)]
    found += [Finding(Wrong.LOST, name, text) for text in _lost(evidence)]
    found += [Finding(Wrong.DOUBLED, name, text) for text in _doubled(evidence, deaths)]
    if reference is not None:
        found += [Finding(Wrong.DIFFERENT, name, text) for text in _different(shape_of(evidence), reference)]
    return found


def _unfinished(evidence: Evidence) -> Iterator[str]:
    if not evidence.state.closed:
        yield "the telescope has not closed it"
    if evidence.record.outcome is None:
        yield "the archive shows it as open"
    sites = (evidence.telescope, evidence.relay, evidence.centre)
    for site, at in zip((evidence.name.telescope, "csc-ftp", "csc"), sites, strict=True):
        for row in at.left:
            yield f"{site} still has {row.id.ivorn} as {row.state} for {row.destination}"
        for packet in at.waiting:
            yield f"{site} has not dealt with {packet.id.ivorn}"
    for path in evidence.leftovers:
        yield f"left over: {path}"


def _lost(evidence: Evidence) -> Iterator[str]:
    for at in (evidence.telescope, evidence.centre):
        for packet in at.packets:
            if not packet.received and evidence.raw.get(packet.id) != packet.raw:
                yield f"{packet.id} of {packet.author} is not in the archive"
    for entry in evidence.ledger:
        if not entry.held:
            yield f"the archive knows {entry.id} by hearsay only"
        elif entry.final is None:
            yield f"{entry.id} has no final receipt"
        elif entry.final.author != entry.addressee:
            yield f"the final receipt of {entry.id} is from {entry.final.author}"
    closing = _closing(evidence)
    if closing is not None:
        listed = {packet.sha256 for packet in closing.packets}
        held = {entry.id.sha256 for entry in evidence.ledger if entry.kind is not Kind.CLOSING}
        if listed != held:
            yield f"the closing lists {len(listed)} packets, the archive holds {len(held)} others"
    yield from _lost_files(evidence)


def _lost_files(evidence: Evidence) -> Iterator[str]:
    for problem in evidence.damaged:
        yield f"archived file {problem.path}: {problem.what}"
    archived = {file.name: file for file in evidence.files}
    for key, name in evidence.state.exposed.items():
        path = evidence.folder / name
        if name not in archived:
            yield f"exposure {key} is not archived"
        elif not path.is_file() or sha256(path.read_bytes()).hexdigest() != archived[name].sha256:
            yield f"exposure {key} is archived otherwise than it is at the telescope"
    for (dataset, attempt), manifests in _manifests(evidence.telescope.packets).items():
        if len(manifests) > 1:
            yield f"dataset {dataset}, attempt {attempt}, is not the one that was announced"
    for dataset in evidence.state.abandoned:
        yield f"dataset {dataset} was given up"


def _doubled(evidence: Evidence, deaths: Sequence[datetime]) -> Iterator[str]:
    yield from _repeated(evidence, deaths)
    once = Counter(key for entry in evidence.telescope.entries if (key := _once(entry.what, entry.data)))
    for key, count in once.items():
        if count > 1:
            yield f"{key} was done {count} times"
    for what, count in Counter(_said(evidence.telescope.packets)).items():
        if count > 1 and not what.startswith(("status", "result")):
            yield f"{what} was said {count} times"
    answering = {CSC, evidence.name.telescope}
    for packet, receipts in evidence.centre.receipts.items():
        finals = {(r.author, r.outcome) for r in receipts if r.outcome.final and r.author in answering}
        if len(finals) > 1:
            yield f"{packet.ivorn} got {len(finals)} final receipts: {sorted(map(str, finals))}"
    for path, count in Counter(file.path for file in evidence.files).items():
        if count > 1:
            yield f"{path} is archived {count} times"


def _repeated(evidence: Evidence, deaths: Sequence[datetime]) -> Iterator[str]:
    """Exposures that were begun again, but the one that was in flight when the agent died."""
    begun: dict[str, list[datetime]] = {}
    for entry in evidence.telescope.entries:
        if entry.what == What.EXPOSING:
            begun.setdefault(entry.data["exposure"], []).append(entry.committed)
    # Each time that one was begun again, and the deaths that can have been the reason.
    again = [
        (exposure, {death for death in deaths if first <= death <= second})
        for exposure, times in begun.items()
        for first, second in pairwise(times)
    ]
    for exposure, reasons in again:
        if not reasons:
            yield f"exposure {exposure} was repeated, though nothing died meanwhile"
    for death in deaths:
        same = [exposure for exposure, reasons in again if death in reasons]
        if len(same) > 1:
            yield f"{len(same)} exposures were repeated after one death: {', '.join(same)}"


def _different(shape: Shape, reference: Shape) -> Iterator[str]:
    if shape.outcome != reference.outcome:
        yield f"it ended as {shape.outcome}, not {reference.outcome}"
    if shape.tasks != reference.tasks:
        yield f"its tasks are {shape.tasks}, not {reference.tasks}"
    for what, ours, theirs in (
        ("said", shape.said, reference.said),
        ("archived", shape.files, reference.files),
    ):
        if missing := sorted(set(theirs) - set(ours)):
            yield f"not {what}: {', '.join(missing)}"
        if further := sorted(set(ours) - set(theirs)):
            yield f"{what} besides: {', '.join(further)}"


_ONCE: Mapping[str, tuple[str, ...]] = {
    What.ACCEPTED: (),
    What.PLANNED: (),
    What.EXPOSED: ("exposure",),
    What.TASK_ENDED: ("task",),
    What.MEASURED: ("series",),
    What.UPLOADING: ("dataset", "attempt"),
    What.UPLOADED: ("dataset", "attempt"),
    What.ARCHIVED: ("dataset",),
    What.CLOSING: (),
    What.CLOSED: (),
}
"""Entries that must stand in a campaign's journal once for each value of these particulars."""


def _once(what: str, data: Mapping[str, object]) -> str:
    if what not in _ONCE:
        return ""
    return " ".join((what, *(str(data[key]) for key in _ONCE[what])))


def _said(packets: Sequence[StoredPacket]) -> Iterator[str]:
    """Give what a telescope said, each packet in a few words; later attempts to upload are left out."""
    for packet in packets:
        if packet.received or packet.kind == Kind.RECEIPT:
            continue
        _, content = read(parse(packet.raw))
        if isinstance(content, Result):
            # Colours taken long after each other, because the agent was dead between, make no SED.
            if content.product is Product.LIGHT_CURVE:
                yield f"result {content.product} {content.task}"
        elif isinstance(content, Upload):
            if content.attempt == 1:
                yield f"upload of {content.dataset} {content.state}"
        elif isinstance(content, Status):
            yield f"status {content.state}"
        elif isinstance(content, Closing):
            yield f"closing {content.outcome}"


def _manifests(packets: Sequence[StoredPacket]) -> dict[tuple[str, int], set[str]]:
    """Digests of the manifests announced for each attempt to upload a dataset."""
    found: dict[tuple[str, int], set[str]] = {}
    for packet in packets:
        if packet.kind == Kind.UPLOAD and not packet.received:
            _, content = read(parse(packet.raw))
            if isinstance(content, Upload):
                found.setdefault((content.dataset, content.attempt), set()).add(content.manifest.sha256)
    return found


def _closing(evidence: Evidence) -> Closing | None:
    for packet in reversed(evidence.telescope.packets):
        if packet.kind == Kind.CLOSING and not packet.received:
            _, content = read(parse(packet.raw))
            return content if isinstance(content, Closing) else None
    return None
