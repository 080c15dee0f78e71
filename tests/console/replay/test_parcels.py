"""What a played telescope uploads and says: from the record, to the byte where that is possible."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from console.replay.parcels import given, parcels_of
from console.replay.record import Recording
from console.replay.retelling import Retelling
from followup.names import CSC, RELAY
from voevent.kinds import Closing, Receipt, Upload
from voevent.packet import PacketId
from voevent.read import read

KEPT = Path(__file__).parent / "bundles"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def recording(tmp_path: Path, name: str) -> Recording:
    folder = tmp_path / name
    folder.mkdir()
    return Recording.read(KEPT / f"{name}.tar.zst", folder)


def test_a_full_bundle_is_uploaded_and_told_to_the_byte(tmp_path: Path, scratch: Path) -> None:
    record = recording(tmp_path, "small")
    parcels = parcels_of(record, scratch)
    assert not any(parcel.damaged for parcel in parcels.values())
    assert not list(scratch.iterdir()), "nothing stands for anything"
    retelling = Retelling(record, party=RELAY, parcels=parcels)
    for said in record.said:
        if said.header.author != RELAY:
            assert retelling.told(said) is said.packet


def test_the_file_that_was_refused_is_damaged_in_that_attempt_alone(tmp_path: Path, scratch: Path) -> None:
    record = recording(tmp_path, "repaired-light")
    parcels = parcels_of(record, scratch)
    first, second = parcels[("t1", 1)], parcels[("t1", 2)]
    assert (first.damaged, second.damaged) == ("raw/t1-r-001.fits.fz", "")
    digests = given(parcels)
    for key, parcel in parcels.items():
        listed = {entry.path: entry.sha256 for entry in parcel.manifest.files}
        wrong = [path for path, digest in digests[key].items() if listed[path] != digest]
        assert wrong == ([parcel.damaged] if parcel.damaged else [])
    assert first.manifest.attempt == 1
    assert first.manifest.files == second.manifest.files


def test_a_dataset_that_never_was_archived_is_stood_for(tmp_path: Path, scratch: Path) -> None:
    record = recording(tmp_path, "repaired-light")
    lost = replace(record.bundle, datasets=())
    parcels = parcels_of(replace(record, bundle=lost), scratch)
    for said in record.by("gft-spm"):
        if isinstance(said.content, Upload):
            parcel = parcels[(said.content.dataset, said.content.attempt)]
            assert parcel.reference.files == said.content.manifest.files
            assert parcel.reference.path == said.content.manifest.path


def test_what_is_called_otherwise_is_cited_so(tmp_path: Path, scratch: Path) -> None:
    record = recording(tmp_path, "small")
    retelling = Retelling(record, party=CSC, parcels=parcels_of(record, scratch))
    [trigger] = record.triggers
    now = PacketId(ivorn=trigger.packet.ivorn, sha256="a" * 64)
    retelling.note(trigger.packet.id, now)
    told = {said.key: retelling.told(said) for said in record.said if said.header.author != CSC}
    _, accepted = read(told["receipt", "accepted", "of", *trigger.key, ""])
    assert isinstance(accepted, Receipt)
    assert accepted.cited == now
    closing = told["closing", ""]
    _, content = read(closing)
    assert isinstance(content, Closing)
    assert now in content.packets
    assert trigger.packet.id not in content.packets
    _, relayed = read(told["receipt", "relayed", "of", "closing", "", ""])
    assert isinstance(relayed, Receipt)
    assert relayed.cited == closing.id, "the relay's receipt came first, and cites what came after it"
