"""Bundles: what goes out comes in, the same campaign gives the same bytes, hostile ones are refused."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import zstandard

from archive.archive import Archive
from archive.bundle import unpacking
from archive.bundle.errors import BundleConflictError, BundleDamagedError, BundleError, BundleTooNewError
from archive.bundle.export import export_campaign
from archive.bundle.importing import import_bundle, open_bundle
from archive.bundle.manifest import MANIFEST, README
from archive.bundle.unpacking import unpack
from archive.errors import UnknownCampaignError

KEPT = Path(__file__).parents[1] / "console" / "replay" / "bundles"
"""Bundles of version 1, as they were written then."""
SMALL, LIGHT = KEPT / "small.tar.zst", KEPT / "small-light.tar.zst"
CAMPAIGN = "sb26112201.gft-spm"

Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Callable[[str], Archive]]:
    opened: list[Archive] = []

    def make(name: str) -> Archive:
        opened.append(Archive.open(f"sqlite:///{tmp_path / name}.sqlite", tmp_path / name))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def opened(raw: bytes) -> Members:
    plain = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)).read()
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        return [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]


def packed(members: Sequence[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return zstandard.ZstdCompressor().compress(plain.getvalue())


def member(path: str, content: bytes = b"", **facts: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(path)
    info.size = len(content)
    for name, value in facts.items():
        setattr(info, name, value)
    return info, content


def announcing(members: Members, *, also: Sequence[tuple[str, int, str]] = ()) -> Members:
    """The same members behind a manifest that announces them, and others."""
    _, raw = next(each for each in members if each[0].name == MANIFEST)
    manifest = json.loads(raw)
    manifest["members"] = [
        {"path": info.name, "bytes": info.size, "sha256": hashlib.sha256(content).hexdigest()}
        for info, content in members
        if info.name not in {README, MANIFEST}
    ] + [{"path": path, "bytes": size, "sha256": digest} for path, size, digest in also]
    new = json.dumps(manifest).encode()
    return [member(MANIFEST, new) if info.name == MANIFEST else (info, content) for info, content in members]


def test_a_kept_bundle_of_version_1_is_imported(new: Callable[[str], Archive]) -> None:
    archive = new("one")
    taken = import_bundle(archive, SMALL)
    assert (taken.campaign, taken.datasets, taken.without_files) == (CAMPAIGN, 3, ())
    record = archive.campaign(CAMPAIGN)
    assert record.outcome == "completed"
    assert all(entry.final is not None for entry in archive.ledger(CAMPAIGN))
    assert archive.verify(CAMPAIGN) == []
    assert archive.photometry(CAMPAIGN)


def test_importing_twice_changes_nothing(new: Callable[[str], Archive], tmp_path: Path) -> None:
    archive = new("one")
    import_bundle(archive, SMALL)
    export_campaign(archive, CAMPAIGN, tmp_path / "once.tar.zst")
    import_bundle(archive, SMALL)
    export_campaign(archive, CAMPAIGN, tmp_path / "twice.tar.zst")
    assert (tmp_path / "once.tar.zst").read_bytes() == (tmp_path / "twice.tar.zst").read_bytes()
    assert not list((tmp_path / "one").glob(".scratch*")), "nothing is left beside the files"


@pytest.mark.parametrize("light", [False, True])
def test_the_same_campaign_gives_the_same_bytes(
    new: Callable[[str], Archive], tmp_path: Path, *, light: bool
) -> None:
    archive = new("one")
    import_bundle(archive, SMALL)
    first, full, again = tmp_path / "first", tmp_path / "full", tmp_path / "again"
    export_campaign(archive, CAMPAIGN, first, light=light)
    export_campaign(archive, CAMPAIGN, full)
    other = new("other")
    import_bundle(other, full)
    export_campaign(other, CAMPAIGN, again, light=light)
    assert first.read_bytes() == again.read_bytes()


def test_a_light_bundle_says_what_it_left_out(new: Callable[[str], Archive], tmp_path: Path) -> None:
    archive = new("one")
    taken = import_bundle(archive, LIGHT)
    assert taken.datasets == 0
    assert set(taken.without_files) == {"logs", "t1", "t2"}
    assert {d.dataset for d in archive.datasets(CAMPAIGN) if d.stored} == set()
    assert archive.photometry(CAMPAIGN), "the packets are all there"
    import_bundle(archive, SMALL)
    assert {d.dataset for d in archive.datasets(CAMPAIGN) if d.stored} == {"logs", "t1", "t2"}
    bundle = open_bundle(LIGHT, empty(tmp_path / "light"))
    headers = sorted((bundle.folder / "headers").rglob("*.txt"))
    assert "DATE-OBS" in headers[-1].read_text()
    assert not list((bundle.folder / "files").rglob("*.fits*"))


def test_what_it_says_can_be_read_without_the_program() -> None:
    members = opened(SMALL.read_bytes())
    names = [info.name for info, _ in members]
    assert names[:2] == [README, MANIFEST]
    assert names[2:] == sorted(names[2:])
    assert {(info.mtime, info.uid, info.gid, info.uname, info.mode) for info, _ in members} == {
        (0, 0, 0, "", 0o644)
    }
    content = {info.name: raw for info, raw in members}
    for listed in json.loads(content[MANIFEST])["members"]:
        assert hashlib.sha256(content[listed["path"]]).hexdigest() == listed["sha256"]
    deliveries = json.loads(content["deliveries.json"])
    assert all(hashlib.sha256(content[d["packet"]]).hexdigest() == d["sha256"] for d in deliveries)
    text = content[README].decode()
    folders = {name.split("/")[0] for name in names}
    assert folders - {README} <= {word.strip("/,") for word in text.replace("/DATASET", "").split()}


def empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_conflicts_are_told_and_nothing_is_changed(new: Callable[[str], Archive], tmp_path: Path) -> None:
    archive = new("one")
    import_bundle(archive, SMALL)
    members = opened(SMALL.read_bytes())
    raw = next(content for info, content in members if "gft-spm-closing" in info.name)
    other = raw.replace(b"</voe:VOEvent>", b"<!-- other bytes --></voe:VOEvent>")
    if other == raw:
        other = raw.rstrip() + b"\n<!-- other bytes -->\n"
    text = {info.name: content for info, content in members}["deliveries.json"].decode()
    text = text.replace(hashlib.sha256(raw).hexdigest(), hashlib.sha256(other).hexdigest())
    changed = [
        member(info.name, other if content == raw else text.encode())
        if content == raw or info.name == "deliveries.json"
        else (info, content)
        for info, content in members
    ]
    path = tmp_path / "other.tar.zst"
    path.write_bytes(packed(announcing(changed)))
    before = archive.packets(CAMPAIGN)
    with pytest.raises(BundleConflictError, match=r"closing.* has other bytes"):
        import_bundle(archive, path)
    assert archive.packets(CAMPAIGN) == before


def test_a_campaign_that_is_not_there_and_a_file_that_was_changed(
    new: Callable[[str], Archive], tmp_path: Path
) -> None:
    archive = new("one")
    with pytest.raises(UnknownCampaignError):
        export_campaign(archive, CAMPAIGN, tmp_path / "x")
    import_bundle(archive, SMALL)
    victim = next(file.location for file in archive.files(CAMPAIGN) if file.name.startswith("raw/"))
    victim.chmod(0o644)
    raw = victim.read_bytes()
    victim.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(BundleError, match="not what was archived"):
        export_campaign(archive, CAMPAIGN, tmp_path / "x")
    assert not list(tmp_path.glob("*x")) + list(tmp_path.glob(".x*")), "half a bundle is no bundle"


# --- damaged, and hostile ------------------------------------------------------------------------------


def refused(tmp_path: Path, raw: bytes, what: str, kind: type[BundleError] = BundleDamagedError) -> None:
    path, folder = tmp_path / "bad.tar.zst", empty(tmp_path / "unpacked")
    path.write_bytes(raw)
    with pytest.raises(kind, match=what):
        open_bundle(path, folder)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_a_truncated_one(tmp_path: Path, share: float) -> None:
    raw = LIGHT.read_bytes()
    refused(tmp_path, raw[: int(len(raw) * share)], "cut off|damaged")


def test_any_flipped_bit_is_found(tmp_path: Path) -> None:
    raw = LIGHT.read_bytes()
    path = tmp_path / "bad.tar.zst"
    # From behind the frame's own header: the size of a window does not change what it holds.
    for number, position in enumerate(range(20, len(raw), len(raw) // 40)):
        path.write_bytes(raw[:position] + bytes([raw[position] ^ 0x10]) + raw[position + 1 :])
        with pytest.raises(BundleError):
            unpack(path, empty(tmp_path / f"unpacked{number}"))


def test_a_changed_member_is_named_with_both_checksums(tmp_path: Path) -> None:
    members = opened(LIGHT.read_bytes())
    changed = [
        member(i.name, c.replace(b"1", b"2", 1)) if i.name == "photometry.csv" else (i, c) for i, c in members
    ]
    was = hashlib.sha256({i.name: c for i, c in members}["photometry.csv"]).hexdigest()
    refused(tmp_path, packed(changed), rf"photometry\.csv has SHA-256 \w+ instead of {was}")


def test_a_missing_and_a_foreign_member(tmp_path: Path) -> None:
    members = opened(LIGHT.read_bytes())
    refused(tmp_path, packed([m for m in members if m[0].name != "ledger.json"]), r"ledger\.json is missing")
    second = empty(tmp_path / "second")
    refused(second, packed([*members, member("more.txt", b"!")]), r"more\.txt is not in the manifest")


@pytest.mark.parametrize(
    ("path", "facts", "what"),
    [
        ("../outside", {}, "unsafe name"),
        ("/etc/outside", {}, "unsafe name"),
        ("files/../../outside", {}, "unsafe name"),
        (".hidden", {}, "unsafe name"),
        ("files\\outside", {}, "unsafe name"),
        ("link", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "not a regular file"),
        ("link", {"type": tarfile.LNKTYPE, "linkname": "README.txt"}, "not a regular file"),
        ("device", {"type": tarfile.CHRTYPE}, "not a regular file"),
        ("pipe", {"type": tarfile.FIFOTYPE}, "not a regular file"),
        ("folder", {"type": tarfile.DIRTYPE}, "not a regular file|unsafe name"),
    ],
)
def test_what_would_lead_out_of_the_folder(
    tmp_path: Path, path: str, facts: dict[str, object], what: str
) -> None:
    members = [*opened(LIGHT.read_bytes()), member(path, **facts)]
    refused(tmp_path, packed(announcing(members)), what)
    assert not (tmp_path / "outside").exists()
    assert not [p for p in tmp_path.rglob("*") if p.is_symlink()]


def test_a_long_name_of_another_tar_form(tmp_path: Path) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("README.txt")
        info.pax_headers = {"comment": "x" * 10_000}
        tar.addfile(info, io.BytesIO())
    refused(tmp_path, zstandard.ZstdCompressor().compress(plain.getvalue()), "not a regular file|unsafe")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    members = opened(LIGHT.read_bytes())
    huge = announcing(members, also=[("bomb", 2**50, "0" * 64)])
    refused(tmp_path, packed(huge), "are the limit", BundleError)
    assert not list((tmp_path / "unpacked").iterdir())
    heavy = announcing(members, also=[("papers.json", 300 * 2**20, "0" * 64)])
    refused(empty(tmp_path / "heavy"), packed(heavy), "its papers have", BundleError)


def test_a_bomb_that_lies_about_its_size_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "_MAX_README_BYTES", 1000)
    refused(tmp_path, packed([member(README, bytes(50_000_000))]), "is of 50000000 bytes")
    zeros = zstandard.ZstdCompressor().compress(bytes(50_000_000))
    (tmp_path / "zeros.tar.zst").write_bytes(zeros)
    with pytest.raises(BundleDamagedError, match=r"cut off|behind its end"):
        unpack(tmp_path / "zeros.tar.zst", empty(tmp_path / "nothing"))


def test_a_newer_version_and_no_bundle_at_all(tmp_path: Path) -> None:
    members = opened(LIGHT.read_bytes())
    raw = next(content for info, content in members if info.name == MANIFEST)
    newer = member(MANIFEST, raw.replace(b'"version": 1', b'"version": 2'))
    changed = [newer if info.name == MANIFEST else (info, content) for info, content in members]
    refused(tmp_path, packed(changed), "version 2; this program reads up to 1", BundleTooNewError)
    (tmp_path / "text").write_text("no bundle")
    with pytest.raises(BundleDamagedError, match="compressed stream"):
        unpack(tmp_path / "text", tmp_path)
    with pytest.raises(BundleError, match="No such file"):
        unpack(tmp_path / "absent", tmp_path)


def test_a_packet_of_another_campaign_is_no_part_of_it(tmp_path: Path) -> None:
    members = opened(LIGHT.read_bytes())
    changed = [
        member(i.name, c.replace(CAMPAIGN.encode(), b"sb26112299.gft-spm")) if i.name == MANIFEST else (i, c)
        for i, c in members
    ]
    refused(tmp_path, packed(changed), r"belongs to sb26112201\.gft-spm, not to sb26112299")
