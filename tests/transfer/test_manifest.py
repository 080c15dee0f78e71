from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer import LocalDiskError, Manifest, ManifestEntry, ManifestError, build_manifest
from transfer.manifest import MAX_MANIFEST_BYTES, check_path

CAMPAIGN = "sb26112201.gft-jilin"
DIGEST = "ab" * 32

names = st.text(
    st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"), exclude_characters="/\\"),
    min_size=1,
    max_size=20,
).filter(lambda name: not name.startswith("."))
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
entries = st.builds(
    ManifestEntry,
    path=paths,
    bytes=st.integers(0, 2**63 - 1),
    sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    chosen: dict[str, ManifestEntry] = {}
    for entry in draw(st.lists(entries, min_size=1, max_size=8)):
        folders = {"/".join(path.split("/")[:n]) for path in chosen for n in range(1, 9)}
        above = {"/".join(entry.path.split("/")[:n]) for n in range(1, 9)}
        if entry.path not in folders and not above & set(chosen) and not entry.path.startswith("manifest-"):
            chosen[entry.path] = entry
    if not chosen:
        chosen["a"] = ManifestEntry(path="a", bytes=0, sha256=DIGEST)
    return Manifest(
        campaign=CAMPAIGN,
        dataset=draw(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,20}[A-Za-z0-9])?", fullmatch=True)),
        attempt=draw(st.integers(1, 9999)),
        files=tuple(chosen.values()),
    )


@given(manifests())
def test_parse_undoes_to_bytes(manifest: Manifest) -> None:
    assert Manifest.parse(manifest.to_bytes()) == manifest


@given(manifests(), st.randoms(use_true_random=False))
def test_the_bytes_do_not_depend_on_the_order(manifest: Manifest, random: st.random.Random) -> None:
    shuffled = list(manifest.files)
    random.shuffle(shuffled)
    again = Manifest(
        campaign=manifest.campaign, dataset=manifest.dataset, attempt=manifest.attempt, files=tuple(shuffled)
    )
    assert again.to_bytes() == manifest.to_bytes()


@given(st.binary(max_size=300))
def test_anything_is_read_or_refused(raw: bytes) -> None:
    with pytest.raises(ManifestError):
        Manifest.parse(raw)


@given(st.text(max_size=30))
def test_a_checked_path_stays_in_its_folder(path: str) -> None:
    try:
        check_path(path)
    except ManifestError as error:
        assert "\n" not in str(error)  # noqa: PT017  # the error may not happen
    else:
        joined = os.path.normpath("/folder/" + path)
        assert joined == "/folder/" + path
        assert not {"\n", "\r", "\0", "\u2028", "\x85", "\x1b"} & set(path)


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/etc/passwd", "..", "../x", "a/../b", "a/..", ".", "./a", "a/./b", "a//b", "a/", ".hidden",
        "a/.hidden", "a\nb", "a\rb", "a\0b", "a\x1b[31m", "a\u2028b", "a\x85b", "a\u202egnp.exe", "a\\b",
        "\ud800", "x" * 201, "é" * 101, "/".join(["x" * 100] * 11),
    ],
)  # fmt: skip
def test_unsafe_names_are_refused(path: str) -> None:
    with pytest.raises(ManifestError, match="unsafe file name") as caught:
        ManifestEntry(path=path, bytes=1, sha256=DIGEST)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "path", ["frame.fits", "g/frame 1.fits", "ναός.fits", "a" * 200, "a..b", "a~", "-rf"]
)
def test_ordinary_names_are_not(path: str) -> None:
    assert check_path(path) == path


def manifest_with(**changes: object) -> bytes:
    content = {
        "format": "urn:x-followup:manifest:1",
        "campaign": CAMPAIGN,
        "dataset": "night",
        "attempt": 1,
        "files": [{"path": "a", "bytes": 1, "sha256": DIGEST}],
    }
    content.update(changes)
    return json.dumps({k: v for k, v in content.items() if v is not None}).encode()


def test_the_example_is_read() -> None:
    assert Manifest.parse(manifest_with()).files == (ManifestEntry(path="a", bytes=1, sha256=DIGEST),)


def entry(**changes: object) -> dict[str, object]:
    return {"path": "a", "bytes": 1, "sha256": DIGEST} | changes


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (manifest_with(format="urn:x-followup:manifest:2"), "format"),
        (manifest_with(format=None), "exactly"),
        (manifest_with(extra=1), "exactly"),
        (manifest_with(campaign="night"), "BURST.gft-NAME"),
        (manifest_with(campaign="../x.gft-a"), "burst"),
        (manifest_with(campaign=1), "campaign"),
        (manifest_with(dataset="../night"), "dataset"),
        (manifest_with(dataset=".."), "dataset"),
        (manifest_with(dataset=""), "dataset"),
        (manifest_with(attempt=0), "attempt"),
        (manifest_with(attempt=True), "attempt"),
        (manifest_with(attempt=1.0), "attempt"),
        (manifest_with(files=[]), "no file"),
        (manifest_with(files={}), "list"),
        (manifest_with(files=["a"]), "exactly"),
        (manifest_with(files=[entry(bytes=-1)]), "file size"),
        (manifest_with(files=[entry(bytes=2**63)]), "file size"),
        (manifest_with(files=[entry(bytes="1")]), "whole number"),
        (manifest_with(files=[entry(sha256=DIGEST.upper())]), "SHA-256"),
        (manifest_with(files=[entry(sha256=DIGEST + "\n")]), "SHA-256"),
        (manifest_with(files=[entry(path="../a")]), "unsafe"),
        (manifest_with(files=[entry(path="a\nb")]), "unsafe"),
        (manifest_with(files=[entry(mode=1)]), "exactly"),
        (manifest_with(files=[entry(), entry()]), "twice"),
        (manifest_with(files=[entry(), entry(path="a/b")]), "folder"),
        (manifest_with(files=[entry(path="manifest-2.json")]), "kept for manifests"),
        (b"[]", "exactly"),
        (b"null", "exactly"),
        (b"\xff", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b'{"attempt": ' + b"9" * 5000 + b"}", "not JSON"),
        (manifest_with()[:-1] + b', "attempt": 2}', "twice"),
        (b" " * (MAX_MANIFEST_BYTES + 1), "limit"),
    ],
)
def test_bad_manifests_are_refused_with_the_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(ManifestError, match=reason) as caught:
        Manifest.parse(raw)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_build_measures_the_files(tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / "b.fits").write_bytes(b"bb")
    (tmp_path / "a.fits").write_bytes(b"a")
    manifest = build_manifest(tmp_path, ["g/b.fits", "a.fits"], campaign=CAMPAIGN, dataset="night", attempt=2)
    assert [(e.path, e.bytes) for e in manifest.files] == [("a.fits", 1), ("g/b.fits", 2)]
    assert manifest.files[0].sha256 == hashlib.sha256(b"a").hexdigest()
    reference = manifest.reference()
    raw = manifest.to_bytes()
    assert reference.path == f"{CAMPAIGN}/night/manifest-2.json"
    assert (reference.size_bytes, reference.sha256) == (len(raw), hashlib.sha256(raw).hexdigest())
    assert (reference.files, reference.total_bytes) == (2, 3)


def test_build_refuses_links_and_what_is_not_a_file(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.fits").write_bytes(b"a")
    folder = tmp_path / "dataset"
    folder.mkdir()
    (folder / "link.fits").symlink_to(outside / "a.fits")
    (folder / "linked").symlink_to(outside)
    (folder / "folder").mkdir()
    for path, reason in {
        "link.fits": "symbolic link",
        "linked/a.fits": "symbolic link",
        "folder": "regular",
        "../outside/a.fits": "unsafe",
    }.items():
        with pytest.raises(ManifestError, match=reason):
            build_manifest(folder, [path], campaign=CAMPAIGN, dataset="night")
    with pytest.raises(LocalDiskError, match="absent"):
        build_manifest(folder, ["absent.fits"], campaign=CAMPAIGN, dataset="night")
