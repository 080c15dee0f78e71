"""A replay against a telescope, held against its record."""

from __future__ import annotations

from dataclasses import replace

from console.replay.comparing import (
    Then,
    dataset_lines,
    digest_of,
    disorder,
    in_order,
    packet_lines,
    without_times,
)
from console.replay.contents import digests
from console.replay.decisions import decided
from console.replay.difference import USUAL, Tolerance, timeless
from console.replay.keys import Key, spelt
from console.replay.parties import Party
from console.replay.record import Recording
from console.replay.telescope.run import Replayed
from console.replay.verdict import Line, Verdict, sameness
from voevent.kinds import Kind, Receipt

_PICTURE = ".png"


def verdict(recording: Recording, replayed: Replayed, tolerance: Tolerance = USUAL) -> Verdict:
    """Hold a replay against its record (blocking: files are read)."""
    if recording.bundle.manifest.light:
        tolerance = replace(tolerance, files=False)
    faults = [*replayed.complaints, *replayed.damaged]
    if not replayed.ended:
        faults.append("the campaign did not come to its end")
    then = recording.by(recording.name.telescope)
    faults += disorder(
        (said.key for said in then), (heard.key for heard in in_order(replayed.heard)), _strand
    )
    return Verdict(
        campaign=str(recording.name),
        against=Party.GFT,
        packets=packet_lines(
            [Then(key=said.key, content=said.content, date=said.header.date) for said in then],
            replayed.heard,
            start=recording.start,
            tolerance=tolerance,
        ),
        decisions=_decisions(recording, replayed),
        datasets=_datasets(recording, replayed),
        faults=(*faults, *_after_the_closing(replayed)),
        digest=_digest(replayed),
        reduction_s=replayed.reduction_s,
        wall_s=replayed.wall_s,
    )


def _decisions(recording: Recording, replayed: Replayed) -> tuple[Line, ...]:
    return tuple(
        Line(
            what=rule,
            sameness=sameness(() if difference is None else (difference,)),
            differences=() if difference is None else (difference,),
        )
        for rule, difference in decided(recording.decisions(), replayed.decisions)
    )


def _datasets(recording: Recording, replayed: Replayed) -> tuple[Line, ...]:
    """Compare the files of each dataset: the same names, and the frames with the same content."""
    drawn = not recording.bundle.manifest.light
    recorded = {manifest.dataset: manifest for manifest, _ in recording.bundle.datasets}
    return dataset_lines(
        {name: digests(recording.bundle.files(name), manifest) for name, manifest in recorded.items()},
        {name: files for (name, _), files in sorted(replayed.files.items())},
        allowed=lambda path: not path.startswith("raw/"),
        known={
            name: [entry.path for entry in manifest.files if drawn or not entry.path.endswith(_PICTURE)]
            for name, manifest in recorded.items()
        },
    )


def _after_the_closing(replayed: Replayed) -> list[str]:
    last = [heard.key for heard in replayed.heard if not isinstance(heard.content, Receipt)]
    if ("closing", "") in last and last[-1] != ("closing", ""):
        return [f"{spelt(last[-1])} came after the closing"]
    return []


def _strand(key: Key) -> str:
    return {
        Kind.RESULT: "results",
        Kind.UPLOAD: f"uploads of {key[1]}" if key[0] == Kind.UPLOAD else "",
        Kind.STATUS: "statuses",
        Kind.RECEIPT: "receipts",
    }.get(Kind(key[0]), "closings")


def _digest(replayed: Replayed) -> str:
    said = [
        {"key": heard.key, "sequence": heard.header.sequence, "content": without_times(heard.content)}
        for heard in in_order(replayed.heard)
    ]
    files = {
        f"{dataset} {attempt} {path}": digest
        for (dataset, attempt), of in replayed.files.items()
        for path, digest in of.items()
        # Records are full of times; the rest comes from the frames.
        if not path.startswith("logs/")
    }
    decisions = [(str(one.get("rule")), timeless(str(one.get("text")))) for one in replayed.decisions]
    return digest_of(said, files, decisions)
