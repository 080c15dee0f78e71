"""``followup archive add``: a dataset that its telescope gave up, brought by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive import Archive
from console import settings
from console.state import State, archive_files, archive_url
from tests.archive.conversation import ACCEPTED, JILIN, REFUSED, Conversation, upload
from tests.console.cli import followup
from transfer.manifest import Manifest, build_manifest
from voevent.kinds import UploadState

FILES = {"raw/t1-r-001.fits": b"SIMPLE  =" * 1000, "products/curve.png": b"png"}


@pytest.fixture
def brought(tmp_path: Path) -> Path:
    """The campaign's folder of the telescope, as it was copied."""
    folder = tmp_path / "brought"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(content)
    return folder


def made(folder: Path, attempt: int) -> Manifest:
    manifest = build_manifest(folder, FILES, campaign=JILIN, dataset="t1", attempt=attempt)
    (folder / "manifests").mkdir(exist_ok=True)
    (folder / "manifests" / f"t1-{attempt}.json").write_bytes(manifest.to_bytes())
    return manifest


def said(attempts: list[Manifest], *, last: UploadState = UploadState.COMPLETED) -> Conversation:
    """What the telescope said: each attempt was refused, as far as it was completed."""
    talk = Conversation()
    for number, manifest in enumerate(attempts, 1):
        raw = manifest.to_bytes()
        talk.report(JILIN, upload(UploadState.STARTING, manifest=raw, attempt=number))
        if manifest is not attempts[-1] or last is UploadState.COMPLETED:
            talk.report(
                JILIN, upload(UploadState.COMPLETED, manifest=raw, attempt=number), REFUSED, "a bit flipped"
            )
    return talk


@pytest.fixture
def state(tmp_path: Path, brought: Path) -> State:
    state = State(tmp_path / "state")
    settings.write(
        state.csc, {"xmpp": {"host": "127.0.0.1", "domain": "x"}, "sftp": {"host": "127.0.0.1", "port": 1}}
    )
    with Archive.open(archive_url(state.csc, ""), archive_files(state.csc)) as archive:
        for delivery in said([made(brought, 1), made(brought, 2)]).deliveries:
            delivery.into(archive)
    return state


def undelivered(state: State) -> tuple[tuple[str, str], ...]:
    with Archive.open(archive_url(state.csc, ""), archive_files(state.csc)) as archive:
        return archive.undelivered()


def add(state: State, brought: Path, attempt: int = 2) -> tuple[int, str]:
    answer = followup(
        "archive", "add", JILIN, brought / f"manifests/t1-{attempt}.json", "--from", brought,
        "--state", state.root,
    )  # fmt: skip
    return answer.status, answer.complaint if answer.status else answer.out


def test_what_was_given_up_is_known_and_can_be_added(state: State, brought: Path) -> None:
    assert undelivered(state) == ((JILIN, "t1"),)
    for _ in range(2):
        status, text = add(state, brought)
        assert status == 0
        assert "t1 of" in text
        assert "2 files" in text
    assert undelivered(state) == ()
    with Archive.open(archive_url(state.csc, ""), archive_files(state.csc)) as archive:
        assert {f.name: f.location.read_bytes() for f in archive.files(JILIN)} == FILES
        [dataset] = archive.datasets(JILIN)
        assert (dataset.stored, dataset.attempt) == (True, 2)
    assert {name: (brought / name).read_bytes() for name in FILES} == FILES, "the files stay"
    assert [path.name for path in archive_files(state.csc).iterdir()] == ["sb26112201"], "nothing is left"


def test_only_what_was_announced_last_is_taken(state: State, brought: Path) -> None:
    status, text = add(state, brought, attempt=1)
    assert status == 2
    assert "is not what the last upload" in text
    assert undelivered(state) == ((JILIN, "t1"),)


@pytest.mark.parametrize("damage", ["flipped", "missing"])
def test_what_does_not_verify_is_not_taken(state: State, brought: Path, damage: str) -> None:
    victim = brought / "raw/t1-r-001.fits"
    if damage == "missing":
        victim.unlink()
    else:
        victim.write_bytes(b"X" + victim.read_bytes()[1:])
    status, text = add(state, brought)
    assert status != 0
    assert "t1-r-001.fits" in text
    assert undelivered(state) == ((JILIN, "t1"),)
    assert not list(archive_files(state.csc).glob(".by-hand*"))


def test_a_dataset_on_its_way_is_not_given_up(tmp_path: Path, brought: Path) -> None:
    attempts = [made(brought, 1), made(brought, 2)]
    with Archive.open(f"sqlite:///{tmp_path / 'a'}", tmp_path / "files") as archive:
        talk = said(attempts, last=UploadState.STARTING)
        for delivery in talk.deliveries:
            delivery.into(archive)
        assert archive.undelivered() == ()
        done = len(talk.deliveries)
        talk.report(
            JILIN, upload(UploadState.COMPLETED, manifest=attempts[1].to_bytes(), attempt=2), ACCEPTED
        )
        for delivery in talk.deliveries[done:]:
            delivery.into(archive)
        archive.store_dataset(JILIN, attempts[1].to_bytes(), brought)
        assert archive.undelivered() == ()
