"""A replay against the relay, held against its record."""

from __future__ import annotations

from dataclasses import replace

from console.replay.aftermath import Aftermath
from console.replay.comparing import (
    Then,
    dataset_lines,
    digest_of,
    disorder,
    packet_lines,
    without_times,
)
from console.replay.difference import USUAL
from console.replay.keys import Key, about, spelt
from console.replay.parties import Party
from console.replay.record import Recording
from console.replay.relay.player import PUBLISHED
from console.replay.verdict import Verdict
from followup.names import CSC, RELAY
from voevent.kinds import Kind, Receipt, ReceiptOutcome, Trigger, UploadState


def verdict_on_relay(recording: Recording, after: Aftermath) -> Verdict:
    """Hold a replay against its record."""
    then = _then(recording)
    faults = list(after.complaints)
    if not after.ended:
        faults.append("the record could not be played to its end")
    faults += disorder((said.key for said in then), (heard.key for heard in after.heard), _strand)
    answered = sorted(
        (upload[1], int(upload[3].rpartition(" ")[2]))
        for said in recording.by(CSC)
        if isinstance(said.content, Receipt) and said.content.outcome.final
        for upload in [about(said.key)]
        if upload[0] == Kind.UPLOAD and upload[2] == UploadState.COMPLETED
    )
    last = dict(answered)
    return Verdict(
        campaign=str(recording.name),
        against=Party.RELAY,
        packets=packet_lines(
            then,
            after.heard,
            start=recording.start,
            tolerance=replace(USUAL, files=not recording.bundle.manifest.light),
        ),
        decisions=(),
        datasets=dataset_lines(
            {name: after.given[(name, attempt)] for name, attempt in last.items()},
            {name: files for (name, _), files in sorted(after.kept.items())},
            allowed=lambda _path: False,
            known={name: after.given[(name, attempt)] for name, attempt in last.items()},
        ),
        faults=tuple(faults),
        digest=_digest(after),
        reduction_s=0.0,
        wall_s=after.wall_s,
    )


def _then(recording: Recording) -> list[Then]:
    """Tell what the relay said, and what it must have published for the others."""
    found = []
    for said in recording.said:
        if isinstance(said.content, Receipt) and said.content.outcome is ReceiptOutcome.EXPIRED:
            continue  # by the machine's clock, which a replay does not jump over
        if said.header.author == RELAY:
            found.append(Then(key=said.key, content=said.content, date=said.header.date))
        elif not (isinstance(said.content, Trigger) and said.header.author == CSC):
            key = (PUBLISHED, *said.key)
            found.append(Then(key=key, content=said.content, date=said.header.date))
    return found


def _strand(key: Key) -> str:
    """Name what has an order of its own: what the telescope said, and the answers to one packet."""
    if key[0] == Kind.RECEIPT:
        return f"receipts of {spelt(about(key))}"
    if key[1] == Kind.RECEIPT:
        return f"published receipts of {spelt(about(key[1:]))}"
    return "published packets"


def _digest(after: Aftermath) -> str:
    said = {spelt(heard.key): without_times(heard.content) for heard in after.heard}
    kept = {f"{dataset} {attempt}": of for (dataset, attempt), of in after.kept.items()}
    return digest_of(said, kept)
