"""Two conversations side by side, whoever speaks in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from console.replay.difference import Difference, Tolerance, differences, timeless
from console.replay.heard import Heard
from console.replay.keys import Key, spelt
from console.replay.verdict import Line, Sameness, sameness
from voevent.kinds import Closing, Content, Receipt, ReceiptOutcome, Result, Status, Trigger, Upload

OPTIONAL = ReceiptOutcome.RECEIVED
"""An interim answer: whether it is given depends on how busy the machine is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Then:
    """Something that was said then."""

    key: Key
    content: Content
    date: datetime


def packet_lines(
    then: Iterable[Then], now: Iterable[Heard], *, start: datetime, tolerance: Tolerance
) -> tuple[Line, ...]:
    """Hold what is said beside what was said, by what it is for.

    Parameters
    ----------
    start
        What times are counted from.
    """
    later = {heard.key: heard for heard in now}
    lines = []
    for said in then:
        heard = later.pop(said.key, None)
        then_s = (said.date - start).total_seconds()
        if heard is None:
            lines.append(_lone(said.key, said.content, Sameness.MISSING, then_s=then_s))
            continue
        found = tuple(differences(said.content, heard.content, tolerance))
        now_s = (heard.header.date - start).total_seconds()
        lines.append(
            Line(
                what=spelt(said.key), sameness=sameness(found), then_s=then_s, now_s=now_s, differences=found
            )
        )
    lines += [
        _lone(key, heard.content, Sameness.EXTRA, now_s=(heard.header.date - start).total_seconds())
        for key, heard in later.items()
    ]
    return tuple(lines)


def _lone(
    key: Key, content: Content, lone: Sameness, *, then_s: float | None = None, now_s: float | None = None
) -> Line:
    """Tell of something that was said only then, or only now."""
    found: tuple[Difference, ...] = ()
    if isinstance(content, Receipt) and content.outcome is OPTIONAL:
        said = ("said", "not said") if lone is Sameness.MISSING else ("not said", "said")
        found = (Difference(what="interim answer", recorded=said[0], replayed=said[1], allowed=True),)
        lone = Sameness.WITHIN
    return Line(what=spelt(key), sameness=lone, then_s=then_s, now_s=now_s, differences=found)


def dataset_lines(
    then: Mapping[str, Mapping[str, str]],
    now: Mapping[str, Mapping[str, str]],
    *,
    allowed: Callable[[str], bool],
    known: Mapping[str, Iterable[str]],
) -> tuple[Line, ...]:
    """Compare the files of each dataset.

    Parameters
    ----------
    then, now
        Digests of the files whose content is known, by dataset and path.
    allowed
        Whether the content of the file of that path may differ.
    known
        Paths of all files of each dataset as it was.
    """
    lines = []
    for name, paths in known.items():
        files = now.get(name)
        if files is None:
            lines.append(Line(what=f"dataset {name}", sameness=Sameness.MISSING))
            continue
        found = [
            Difference(what=path, recorded=said[0], replayed=said[1], allowed=False)
            for only, said in (
                (set(paths) - files.keys(), ("there", "missing")),
                (files.keys() - set(paths), ("not there", "there")),
            )
            for path in sorted(only)
        ]
        found += [
            Difference(what=path, recorded=digest[:12], replayed=files[path][:12], allowed=allowed(path))
            for path, digest in then.get(name, {}).items()
            if path in files and files[path] != digest
        ]
        lines.append(Line(what=f"dataset {name}", sameness=sameness(found), differences=tuple(found)))
    lines += [Line(what=f"dataset {name}", sameness=Sameness.EXTRA) for name in now if name not in known]
    return tuple(lines)


def disorder(then: Iterable[Key], now: Iterable[Key], strand_of: Callable[[Key], str]) -> list[str]:
    """Find what stands in another order than recorded where the order matters: within each strand.

    Parameters
    ----------
    strand_of
        Names the strand that a packet belongs to; what belongs to one may overtake what belongs to another.
    """
    before, after = (_strands(keys, strand_of) for keys in (then, now))
    faults = []
    for strand in sorted(before.keys() & after.keys()):
        both = set(before[strand]) & set(after[strand])
        if [k for k in before[strand] if k in both] != [k for k in after[strand] if k in both]:
            faults.append(f"the {strand} came in another order: {', '.join(map(spelt, after[strand]))}")
    return faults


def _strands(keys: Iterable[Key], strand_of: Callable[[Key], str]) -> dict[str, list[Key]]:
    strands: dict[str, list[Key]] = {}
    for key in keys:
        strands.setdefault(strand_of(key), []).append(key)
    return strands


def digest_of(*what: Any) -> str:
    """Digest what was replayed, times and what depends on them apart."""
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()


def without_times(content: Content) -> Mapping[str, Any]:
    """Give what a packet says without times, names of packets and digests of what holds times."""
    match content:
        case Receipt():
            return {"outcome": content.outcome, "reason": timeless(content.reason)}
        case Status():
            tasks = [(t.task, t.filters, t.exposure_s, t.count) for t in content.tasks]
            return {"state": content.state, "text": timeless(content.text), "tasks": tasks}
        case Result() | Trigger():
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


def in_order(heard: Sequence[Heard]) -> list[Heard]:
    """Put what was heard of one author into the order in which it was written."""
    return sorted(heard, key=lambda each: each.header.sequence)
