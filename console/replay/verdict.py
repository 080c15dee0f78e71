"""The verdict of a replay: the conversation then and now, side by side, and whether it will do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from console.replay.contents import digests
from console.replay.difference import USUAL, Difference, Tolerance, decided, differences, timeless
from console.replay.keys import Key, spelt
from console.replay.record import Recording
from console.replay.run import Replayed
from voevent.kinds import Closing, Content, Kind, Receipt, Result, Status, Upload

_PICTURE = ".png"


class Sameness(StrEnum):
    """How a packet or a decision compares with the recorded one."""

    SAME = "same"
    """Equal in all that is compared."""
    WITHIN = "within"
    """Different in what may differ, and no more than it may."""
    DIFFERS = "differs"
    """Different in what must be equal, or by more than it may."""
    MISSING = "missing"
    """It was said then, and is not now."""
    EXTRA = "extra"
    """It is said now, and was not then."""

    @property
    def good(self) -> bool:
        """Whether it will do."""
        return self in {Sameness.SAME, Sameness.WITHIN}


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A packet, a decision or a dataset, then and now.

    Attributes
    ----------
    what
        What it is, for people.
    then_s, now_s
        When it was said, in seconds of the sky's clock after the first trigger; None when it was not.
    """

    what: str
    sameness: Sameness
    then_s: float | None = None
    now_s: float | None = None
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a replay showed.

    Attributes
    ----------
    against
        The party that was under test.
    packets, decisions, datasets
        Line by line.
    faults
        Rules that were broken on the way, whatever was recorded.
    digest
        SHA-256 of all that was replayed and is not time-stamped: that of another replay of the same campaign
        with the same program is the same.
    reduction_s, wall_s
        How long the image processing took, and all of it.
    """

    campaign: str
    against: str
    packets: tuple[Line, ...]
    decisions: tuple[Line, ...]
    datasets: tuple[Line, ...]
    faults: tuple[str, ...]
    digest: str
    reduction_s: float
    wall_s: float

    @property
    def good(self) -> bool:
        """Whether the party under test did as recorded."""
        return not self.faults and all(line.sameness.good for line in self.lines)

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines."""
        return (*self.packets, *self.decisions, *self.datasets)

    def to_data(self) -> dict[str, Any]:
        """Give it for scripts."""
        return {**asdict(self), "good": self.good}


def verdict(recording: Recording, replayed: Replayed, tolerance: Tolerance = USUAL) -> Verdict:
    """Hold a replay against its record (blocking: files are read)."""
    if recording.bundle.manifest.light:
        tolerance = replace(tolerance, files=False)
    faults = [*replayed.complaints, *replayed.damaged]
    if not replayed.ended:
        faults.append("the campaign did not come to its end")
    faults += _disorder(recording, replayed)
    return Verdict(
        campaign=str(recording.name),
        against="gft",
        packets=_packets(recording, replayed, tolerance),
        decisions=_decisions(recording, replayed),
        datasets=_datasets(recording, replayed),
        faults=tuple(faults),
        digest=_digest(replayed),
        reduction_s=replayed.reduction_s,
        wall_s=replayed.wall_s,
    )


def _packets(recording: Recording, replayed: Replayed, tolerance: Tolerance) -> tuple[Line, ...]:
    then = {said.key: said for said in recording.by(recording.name.telescope)}
    now = {heard.key: heard for heard in replayed.heard}
    lines = []
    for key, said in then.items():
        heard = now.get(key)
        then_s = _since(recording, said.header.date)
        if heard is None:
            lines.append(Line(what=spelt(key), sameness=Sameness.MISSING, then_s=then_s))
            continue
        found = tuple(differences(said.content, heard.content, tolerance))
        now_s = _since(recording, heard.header.date)
        lines.append(
            Line(what=spelt(key), sameness=_sameness(found), then_s=then_s, now_s=now_s, differences=found)
        )
    for key, heard in now.items():
        if key not in then:
            now_s = _since(recording, heard.header.date)
            lines.append(Line(what=spelt(key), sameness=Sameness.EXTRA, now_s=now_s))
    return tuple(lines)


def _decisions(recording: Recording, replayed: Replayed) -> tuple[Line, ...]:
    return tuple(
        Line(
            what=rule,
            sameness=_sameness(() if difference is None else (difference,)),
            differences=() if difference is None else (difference,),
        )
        for rule, difference in decided(recording.decisions(), replayed.decisions)
    )


def _datasets(recording: Recording, replayed: Replayed) -> tuple[Line, ...]:
    """Compare the files of each dataset: the same names, and the frames with the same content."""
    lines = []
    drawn = not recording.bundle.manifest.light
    last = {name: files for (name, _), files in sorted(replayed.files.items())}
    recorded = {manifest.dataset: manifest for manifest, _ in recording.bundle.datasets}
    for name, manifest in recorded.items():
        files = last.pop(name, None)
        if files is None:
            lines.append(Line(what=f"dataset {name}", sameness=Sameness.MISSING))
            continue
        paths = {entry.path for entry in manifest.files if drawn or not entry.path.endswith(_PICTURE)}
        found = [
            Difference(what=path, recorded="there", replayed="missing", allowed=False)
            for path in sorted(paths - files.keys())
        ]
        found += [
            Difference(what=path, recorded="not there", replayed="there", allowed=False)
            for path in sorted(files.keys() - paths)
        ]
        for path, digest in digests(recording.bundle.files(name), manifest).items():
            if path in files and files[path] != digest:
                raw = path.startswith("raw/")
                found.append(
                    Difference(what=path, recorded=digest[:12], replayed=files[path][:12], allowed=not raw)
                )
        lines.append(Line(what=f"dataset {name}", sameness=_sameness(found), differences=tuple(found)))
    lines += [Line(what=f"dataset {name}", sameness=Sameness.EXTRA) for name in last]
    return tuple(lines)


def _sameness(found: Sequence[Difference]) -> Sameness:
    if not found:
        return Sameness.SAME
    return Sameness.WITHIN if all(each.allowed for each in found) else Sameness.DIFFERS


def _disorder(recording: Recording, replayed: Replayed) -> list[str]:
    """Find what stands in another order than recorded where the order matters: within each strand."""
    then = _strands([(said.key, said) for said in recording.by(recording.name.telescope)])
    now = _strands([(heard.key, heard) for heard in sorted(replayed.heard, key=lambda h: h.header.sequence)])
    faults = []
    for strand in sorted(then.keys() & now.keys()):
        both = set(then[strand]) & set(now[strand])
        if [k for k in then[strand] if k in both] != [k for k in now[strand] if k in both]:
            faults.append(f"the {strand} came in another order: {', '.join(map(spelt, now[strand]))}")
    last = [heard.key for heard in replayed.heard if not isinstance(heard.content, Receipt)]
    if ("closing", "") in last and last[-1] != ("closing", ""):
        faults.append(f"{spelt(last[-1])} came after the closing")
    return faults


def _strands(packets: Sequence[tuple[Key, Any]]) -> dict[str, list[Key]]:
    """Put packets into strands: what belongs to one may overtake what belongs to another."""
    strands: dict[str, list[Key]] = {}
    for key, _ in packets:
        name = {
            Kind.RESULT: "results",
            Kind.UPLOAD: f"uploads of {key[1]}" if key[0] == Kind.UPLOAD else "",
            Kind.STATUS: "statuses",
            Kind.RECEIPT: "receipts",
        }.get(Kind(key[0]), "closings")
        strands.setdefault(name, []).append(key)
    return strands


def _since(recording: Recording, time: datetime) -> float:
    return (time - recording.start).total_seconds()


def _digest(replayed: Replayed) -> str:
    """Digest what was replayed, times and what depends on them apart."""
    said = [
        {"key": heard.key, "sequence": heard.header.sequence, "content": _timeless(heard.content)}
        for heard in sorted(replayed.heard, key=lambda heard: heard.header.sequence)
    ]
    files = {
        f"{dataset} {attempt} {path}": digest
        for (dataset, attempt), of in replayed.files.items()
        for path, digest in of.items()
        # Records are full of times; the rest comes from the frames.
        if not path.startswith("logs/")
    }
    decisions = [(str(one.get("rule")), timeless(str(one.get("text")))) for one in replayed.decisions]
    text = json.dumps([said, files, decisions], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _timeless(content: Content) -> Mapping[str, Any]:
    """Give what a packet says without times, names of packets and digests of what holds times."""
    match content:
        case Receipt():
            return {"outcome": content.outcome, "reason": timeless(content.reason)}
        case Status():
            tasks = [(t.task, t.filters, t.exposure_s, t.count) for t in content.tasks]
            return {"state": content.state, "text": timeless(content.text), "tasks": tasks}
        case Result():
            return asdict(content)
        case Upload():
            return {"dataset": content.dataset, "state": content.state, "files": content.manifest.files}
        case Closing():
            return {
                "outcome": content.outcome,
                "summary": timeless(content.summary),
                "tasks": [(t.task, t.outcome, t.exposures, timeless(t.reason)) for t in content.tasks],
                "packets": len(content.packets),
            }
        case _:
            return {}
