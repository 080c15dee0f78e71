"""Data sets get into the store whole and verified, or not at all, whatever interrupts them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from archive import Archive, ArchiveError, ArchiveFullError, DatasetConflictError, DatasetError
from archive.records import FileRecord
from archive.store import FileStore
from tests.archive.conversation import JILIN, SPM, Conversation, upload
from transfer.errors import ManifestError, VerificationFailedError
from transfer.manifest import Manifest, build_manifest
from voevent.kinds import UploadState

FRAMES = {
    "frames/t1-r-0001.fits": b"SIMPLE  =" * 1000,
    "frames/t1-r-0002.fits": b"x",
    "log with space.txt": b"",
}


def dataset(
    folder: Path, files: dict[str, bytes] = FRAMES, *, campaign: str = JILIN, attempt: int = 1
) -> tuple[Path, Manifest]:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder, build_manifest(folder, files, campaign=campaign, dataset="t1", attempt=attempt)


def stored(archive: Archive) -> dict[str, bytes]:
    return {file.name: file.location.read_bytes() for file in archive.files(JILIN)}


def leftovers(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()] if root.exists() else []


def test_files_move_into_the_store(archive: Archive, tmp_path: Path) -> None:
    folder, manifest = dataset(tmp_path / "spool")
    archive.store_dataset(JILIN, manifest.to_bytes(), folder)
    assert stored(archive) == FRAMES
    assert leftovers(folder) == []
    first: FileRecord = archive.files()[0]
    assert first.path == "sb26112201/gft-jilin/t1/frames/t1-r-0001.fits"
    assert first.location == tmp_path / "files" / first.path
    assert first.location.stat().st_mode & 0o777 == 0o444
    assert archive.verify() == []
    (record,) = archive.datasets(JILIN)
    assert (record.stored, record.state, record.files, record.total_bytes) == (True, None, 3, 9001)


def test_files_are_told_in_one_order_on_all_databases(archive: Archive, tmp_path: Path) -> None:
    names = ["B.fits", "Z", "_log", "a.fits", "a/b", "a1", "a_b", "ab", "é"]
    folder, manifest = dataset(tmp_path / "spool", dict.fromkeys(names, b"x"))
    archive.store_dataset(JILIN, manifest.to_bytes(), folder)
    assert [file.name for file in archive.files()] == names


def test_storing_again_changes_nothing(archive: Archive, tmp_path: Path) -> None:
    folder, manifest = dataset(tmp_path / "spool")
    archive.store_dataset(JILIN, manifest.to_bytes(), folder)
    before = archive.files()
    archive.store_dataset(JILIN, manifest.to_bytes(), folder)
    assert archive.files() == before
    assert archive.verify() == []


def test_a_dataset_counts_as_stored_with_the_manifest_last_announced(
    archive: Archive, tmp_path: Path
) -> None:
    folder, manifest = dataset(tmp_path / "spool")
    raw = manifest.to_bytes()
    c = Conversation()
    c.say("gft-jilin", JILIN, upload(UploadState.STARTING, manifest=raw))
    c.deliveries[-1].into(archive)
    (announced,) = archive.datasets(JILIN)
    assert (announced.state, announced.stored) == (UploadState.STARTING, False)
    archive.store_dataset(JILIN, raw, folder)
    assert archive.datasets(JILIN)[0].stored
    # The same files sent again under a new manifest, as a repair whose refusal came too late.
    again = build_manifest(
        tmp_path / "files/sb26112201/gft-jilin/t1", FRAMES, campaign=JILIN, dataset="t1", attempt=2
    )
    c.say("gft-jilin", JILIN, upload(UploadState.COMPLETED, manifest=again.to_bytes(), attempt=2))
    c.deliveries[-1].into(archive)
    assert not archive.datasets(JILIN)[0].stored
    archive.store_dataset(JILIN, again.to_bytes(), folder)
    (record,) = archive.datasets(JILIN)
    assert (record.stored, record.attempt) == (True, 2)


def test_what_is_archived_never_changes(archive: Archive, tmp_path: Path) -> None:
    folder, manifest = dataset(tmp_path / "spool")
    archive.store_dataset(JILIN, manifest.to_bytes(), folder)
    folder, other = dataset(tmp_path / "other", {"frames/t1-r-0001.fits": b"other"}, attempt=2)
    with pytest.raises(DatasetConflictError, match="archived with other files"):
        archive.store_dataset(JILIN, other.to_bytes(), folder)
    assert stored(archive) == FRAMES
    assert len(leftovers(folder)) == 1


@pytest.mark.parametrize("damage", [b"SIMPLE  !" * 1000, b"cut"])
def test_a_damaged_file_is_refused_and_nothing_is_recorded(
    archive: Archive, tmp_path: Path, damage: bytes
) -> None:
    folder, manifest = dataset(tmp_path / "spool")
    (folder / "frames/t1-r-0001.fits").write_bytes(damage)
    with pytest.raises(VerificationFailedError, match="t1-r-0001"):
        archive.store_dataset(JILIN, manifest.to_bytes(), folder)
    assert archive.files() == ()
    # Repaired by a second download, it is taken.
    archive.store_dataset(JILIN, manifest.to_bytes(), dataset(folder)[0])
    assert stored(archive) == FRAMES


def vanish(path: Path) -> None:
    path.unlink()


def become_a_link(path: Path) -> None:
    path.rename(path.with_name("kept"))
    path.symlink_to(path.with_name("kept"))


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def lead_outside(path: Path) -> None:
    path.parent.rename(path.parents[2] / "outside")
    path.parent.symlink_to(path.parents[2] / "outside")


@pytest.mark.parametrize("trick", [vanish, become_a_link, become_a_pipe, become_a_folder, lead_outside])
def test_only_regular_files_of_the_folder_are_taken(
    archive: Archive, tmp_path: Path, trick: Callable[[Path], None]
) -> None:
    folder, manifest = dataset(tmp_path / "spool")
    trick(folder / "frames/t1-r-0002.fits")
    with pytest.raises(DatasetError, match="t1-r-000") as caught:
        archive.store_dataset(JILIN, manifest.to_bytes(), folder)
    assert caught.value.hint
    assert archive.files() == ()


def test_another_campaigns_manifest_is_refused(archive: Archive, tmp_path: Path) -> None:
    folder, manifest = dataset(tmp_path / "spool", campaign=SPM)
    with pytest.raises(DatasetError, match=r"it is sb26112201\.gft-spm's"):
        archive.store_dataset(JILIN, manifest.to_bytes(), folder)
    with pytest.raises(ManifestError):
        archive.store_dataset(JILIN, b"{}", folder)
    assert archive.files() == ()


def test_from_another_file_system_files_are_copied(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, manifest = dataset(tmp_path / "spool")
    replace = Path.replace

    def as_if_mounted(source: Path, target: Path) -> Path:
        if source.is_relative_to(folder):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", as_if_mounted)
    archive.store_dataset(JILIN, manifest.to_bytes(), folder)
    assert stored(archive) == FRAMES
    assert len(leftovers(tmp_path / "files")) == len(FRAMES)


class DeathError(BaseException):
    """Stands for a kill: no handler of the code under test catches it."""


@pytest.mark.parametrize("crossing", [False, True])
@pytest.mark.parametrize("call", ["fsync", "fchmod", "replace", "mkdir"])
def test_killed_anywhere_the_same_call_completes_it(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, crossing: bool
) -> None:
    folder, manifest = dataset(tmp_path / "spool")
    target = Path if call in {"replace", "mkdir"} else os
    real, real_replace = getattr(target, call), Path.replace
    survived = 0
    deaths = 0
    while True:
        count = 0

        def die(*args: object, **kwargs: object) -> object:
            nonlocal count
            count += 1
            if count > survived:  # noqa: B023  # called within this turn of the loop only
                raise DeathError
            return real(*args, **kwargs)

        def elsewhere(source: Path, final: Path) -> object:
            if source.is_relative_to(folder):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            return (die if call == "replace" else real_replace)(source, final)  # as above

        with monkeypatch.context() as patch:
            patch.setattr(target, call, die)
            if crossing:
                patch.setattr(Path, "replace", elsewhere)
            try:
                archive.store_dataset(JILIN, manifest.to_bytes(), folder)
            except DeathError:
                deaths += 1
                survived += 1
                assert archive.files() == ()
                for file in leftovers(tmp_path / "files"):
                    if not file.name.endswith(".part"):
                        assert file.read_bytes() in FRAMES.values()
                continue
        break
    assert deaths > 0
    assert stored(archive) == FRAMES
    assert archive.verify() == []
    assert len(leftovers(tmp_path / "files")) == len(FRAMES)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_store_that_cannot_be_written_says_so(
    archive: Archive,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    readonly = code == errno.EROFS
    expected = ArchiveError if readonly else ArchiveFullError
    message = "cannot be written: Read-only file system" if readonly else "no space left"
    folder, manifest = dataset(tmp_path / "spool")

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(expected, match=message) as caught:
            archive.store_dataset(JILIN, manifest.to_bytes(), folder)
    assert caught.value.hint
    assert archive.files() == ()
    archive.store_dataset(JILIN, manifest.to_bytes(), folder)
    assert stored(archive) == FRAMES


def test_what_has_changed_since_is_found(archive: Archive, tmp_path: Path) -> None:
    folder, manifest = dataset(tmp_path / "spool")
    archive.store_dataset(JILIN, manifest.to_bytes(), folder)
    first, second, third = (file.location for file in archive.files())
    first.chmod(0o600)
    first.write_bytes(b"SIMPLE  !" * 1000)
    second.unlink()
    third.chmod(0o600)
    third.write_bytes(b"longer")
    assert [(p.campaign, p.dataset, p.path.rpartition("/")[2]) for p in archive.verify(JILIN)] == [
        (JILIN, "t1", "t1-r-0001.fits"),
        (JILIN, "t1", "t1-r-0002.fits"),
        (JILIN, "t1", "log with space.txt"),
    ]
    assert [p.what.partition(" SHA")[0] for p in archive.verify()] == [
        "has",
        "missing",
        "has 6 bytes instead of 0",
    ]
    # Downloaded and stored again, it is whole again.
    archive.store_dataset(JILIN, manifest.to_bytes(), dataset(folder)[0])
    assert archive.verify() == []


def test_a_link_in_the_stores_place_is_not_followed(tmp_path: Path) -> None:
    _, manifest = dataset(tmp_path / "spool")
    store = FileStore(tmp_path / "files")
    target = tmp_path / "target"
    target.write_bytes(b"x")
    link = tmp_path / "files/link"
    link.parent.mkdir()
    link.symlink_to(target)
    entry = manifest.files[1]
    assert "symbolic links" in store.problem(link, entry.bytes, entry.sha256)
