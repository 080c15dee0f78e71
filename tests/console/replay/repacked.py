"""Bundles with other contents, whole all the same: their manifest says what is in them."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Mapping
from pathlib import Path

from archive.bundle.container import writing
from archive.bundle.manifest import MANIFEST, README
from archive.bundle.unpacking import unpack


def repacked(bundle: Path, target: Path, changes: Mapping[str, bytes]) -> Path:
    """Write a bundle again, with other contents of some of its members."""
    with tempfile.TemporaryDirectory() as scratch:
        manifest = unpack(bundle, Path(scratch))
        held = {one.path: (Path(scratch) / one.path).read_bytes() for one in manifest.members}
        assert changes.keys() <= held.keys()
        held.update(changes)
        listed = tuple(
            one.model_copy(
                update={
                    "bytes": len(held[one.path]),
                    "sha256": hashlib.sha256(held[one.path]).hexdigest(),
                }
            )
            for one in manifest.members
        )
        new = manifest.model_copy(update={"members": listed})
        papers = {README: b"changed", MANIFEST: new.to_bytes()}
        with target.open("wb") as file, writing(file) as packed:
            for path, content in [*papers.items(), *held.items()]:
                packed.add(path, len(content), io.BytesIO(content))
    return target
