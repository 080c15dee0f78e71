"""What is in a bundle: its format, its version, and every member with its size and SHA-256."""

from __future__ import annotations

import json
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archive.bundle.errors import BundleDamagedError, BundleTooNewError

FORMAT: Final = "urn:x-followup:bundle"
VERSION: Final = 1
README: Final = "README.txt"
MANIFEST: Final = "manifest.json"
FILES: Final = "files"
"""Folder of the datasets' files; all else is read as a whole."""
MAX_MANIFEST_BYTES: Final = 64 * 1024 * 1024
MAX_MEMBERS: Final = 200_000

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=0, lt=2**63)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Listed(_Model):
    """A member, README and manifest apart."""

    path: str
    bytes: Size
    sha256: Digest


class LeftOut(_Model):
    """A file of a dataset that a light bundle does not hold; `path` is its name in the dataset."""

    dataset: str
    path: str
    bytes: Size
    sha256: Digest


class BundleManifest(_Model):
    """The manifest of a bundle of version 1."""

    format: Literal["urn:x-followup:bundle"] = FORMAT
    version: Literal[1] = VERSION
    campaign: str
    light: bool
    members: Annotated[tuple[Listed, ...], Field(max_length=MAX_MEMBERS, strict=False)]
    left_out: Annotated[tuple[LeftOut, ...], Field(max_length=MAX_MEMBERS, strict=False)] = ()

    def to_bytes(self) -> bytes:
        """Spell it; the same content gives the same bytes."""
        return json.dumps(self.model_dump(), indent=1, ensure_ascii=False).encode() + b"\n"


def parse_manifest(raw: bytes, where: str) -> BundleManifest:
    """Read the manifest of a bundle of any version that is known.

    Each later version is read here into the latest form, so that nothing else knows the older ones.

    Raises
    ------
    BundleTooNewError
        When a newer program wrote it.
    BundleDamagedError
        When it is no manifest.
    """
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BundleDamagedError(f"{where}: {MANIFEST} is no JSON: {error}") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise BundleDamagedError(f"{where}: {MANIFEST} is not that of a bundle of {FORMAT}")
    version = said.get("version")
    if isinstance(version, int) and version > VERSION:
        raise BundleTooNewError(
            f"{where} is a bundle of version {version}; this program reads up to {VERSION}",
            hint="update followup on this machine",
        )
    if version not in _READERS:
        raise BundleDamagedError(f"{where}: {MANIFEST}: {version!r} is no version of a bundle")
    try:
        manifest = _READERS[version](said)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BundleDamagedError(f"{where}: {MANIFEST}: {place}: {first['msg']}") from error
    paths = [member.path for member in manifest.members]
    if len(set(paths)) < len(paths):
        raise BundleDamagedError(f"{where}: {MANIFEST} lists a member twice")
    return manifest


_READERS = {1: BundleManifest.model_validate}
"""How the manifest of each version is read."""
