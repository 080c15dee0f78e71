"""A replay against the science centre, held against its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from console.replay.aftermath import Aftermath
from console.replay.comparing import (
    OPTIONAL,
    Then,
    dataset_lines,
    digest_of,
    disorder,
    in_order,
    packet_lines,
    without_times,
)
from console.replay.difference import USUAL, differences
from console.replay.keys import Key, about, spelt
from console.replay.parties import Party
from console.replay.record import Recording
from console.replay.verdict import Line, Sameness, Verdict, sameness
from followup.names import CSC
from voevent.kinds import Content, Kind, PhotometryPoint, Product, Receipt, ReceiptOutcome, Result


def verdict_on_centre(recording: Recording, after: Aftermath, curve: tuple[PhotometryPoint, ...]) -> Verdict:
    """Hold a replay against its record.

    Parameters
    ----------
    curve
        The light curve in the archive.
    """
    tolerance = replace(USUAL, files=not recording.bundle.manifest.light)
    # What expired did so by the machine's clock, which a replay does not jump over.
    then = [
        Then(key=said.key, content=said.content, date=said.header.date)
        for said in recording.by(CSC)
        if not isinstance(said.content, Receipt) or said.content.outcome is not ReceiptOutcome.EXPIRED
    ]
    faults = list(after.complaints)
    if not after.ended:
        faults.append("the record could not be played to its end")
    faults += disorder((said.key for said in then), (h.key for h in in_order(after.heard)), _strand)
    archived = {manifest.dataset: manifest for manifest, _ in recording.bundle.datasets}
    return Verdict(
        campaign=str(recording.name),
        against=Party.CSC,
        packets=packet_lines(then, after.heard, start=recording.start, tolerance=tolerance),
        decisions=(),
        datasets=(
            *dataset_lines(
                {name: after.given.get((name, m.attempt), {}) for name, m in archived.items()},
                {name: files for (name, _), files in sorted(after.kept.items())},
                allowed=lambda _path: False,
                known={name: [entry.path for entry in m.files] for name, m in archived.items()},
            ),
            *_curve(recording, curve),
        ),
        faults=tuple(faults),
        digest=_digest(after, curve),
        reduction_s=0.0,
        wall_s=after.wall_s,
    )


def _strand(key: Key) -> str:
    """Name what has an order of its own: the triggers, and the answers to one packet."""
    return f"receipts of {spelt(about(key))}" if key[0] == Kind.RECEIPT else "triggers"


def _curve(recording: Recording, curve: Sequence[PhotometryPoint]) -> tuple[Line, ...]:
    """Compare the archived light curve with the last one that was sent and accepted."""
    sent = [
        said.content
        for said in recording.by(recording.name.telescope)
        if isinstance(said.content, Result)
        and said.content.product is Product.LIGHT_CURVE
        and any(_accepts(receipt.content) for receipt in recording.receipts(said.packet))
    ]
    if not sent:
        return ()
    what = "archived light curve"
    if not curve:
        return (Line(what=what, sameness=Sameness.MISSING),)
    found = tuple(differences(sent[-1], replace(sent[-1], points=tuple(curve))))
    return (Line(what=what, sameness=sameness(found), differences=found),)


def _accepts(content: Content) -> bool:
    return isinstance(content, Receipt) and content.outcome is ReceiptOutcome.ACCEPTED


def _digest(after: Aftermath, curve: Sequence[PhotometryPoint]) -> str:
    said = {
        spelt(heard.key): without_times(heard.content)
        for heard in after.heard
        if not isinstance(heard.content, Receipt) or heard.content.outcome is not OPTIONAL
    }
    kept = {f"{dataset} {attempt}": of for (dataset, attempt), of in after.kept.items()}
    return digest_of(said, kept, list(curve))
