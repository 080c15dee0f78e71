"""The manifest of a dataset: which files, how large, with which SHA-256. A file beside the data.

Its bytes are a function of its content, so that a packet can carry its digest. File names in it come from
another site: they are checked here, once, and are safe to join to a folder afterwards.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from followup.names import CampaignName
from transfer.errors import LocalDiskError, ManifestError
from voevent import identity
from voevent.errors import InvalidError
from voevent.kinds import ManifestRef

FORMAT: Final = "urn:x-followup:manifest:1"
MAX_MANIFEST_BYTES: Final = 16 * 1024 * 1024

# Room for the temporary name (digest and suffix) within the 255 bytes that file systems give a name.
_MAX_NAME_BYTES = 200
_MAX_PATH_BYTES = 1000
_MAX_FILE_BYTES = 2**63 - 1
_MAX_ATTEMPT = 9999

_SHA256 = re.compile(r"[0-9a-f]{64}")
_OWN_NAME = re.compile(r"manifest-[0-9]+\.json")


def check_path(path: str) -> str:
    r"""Return `path` if it is a relative POSIX path that stays inside the folder it is joined to.

    Refused are absolute paths, empty, ``.`` and ``..`` parts, hidden names (kept for files under way),
    backslashes, control characters and line ends of any script, lone surrogates, and names too long for a
    file system.

    Raises
    ------
    ManifestError
        When it is not; the message shows the path escaped.
    """
    for part in path.split("/"):
        if not part or part.startswith("."):
            raise ManifestError(f"unsafe file name {path!a}: empty, hidden, '.' or '..' part, or absolute")
        if any(c == "\\" or unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in part):
            raise ManifestError(f"unsafe file name {path!a}: backslash, line end or control character")
        if len(part.encode()) > _MAX_NAME_BYTES:
            raise ManifestError(f"unsafe file name {path[:60]!a}…: a part is over {_MAX_NAME_BYTES} bytes")
    if len(path.encode()) > _MAX_PATH_BYTES:
        raise ManifestError(f"unsafe file name {path[:60]!a}…: over {_MAX_PATH_BYTES} bytes")
    return path


def check_dataset(name: str) -> str:
    """Return `name` if it can name a dataset, and thereby a folder.

    Raises
    ------
    ManifestError
        When it cannot.
    """
    try:
        return identity.check_dataset(name)
    except InvalidError as error:
        raise ManifestError(f"manifest: {error}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestEntry:
    """One file of a dataset.

    Attributes
    ----------
    path
        Relative to the dataset's folder, POSIX.
    bytes, sha256
        Size, and digest in lower-case hexadecimal.
    """

    path: str
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        check_path(self.path)
        if not 0 <= self.bytes <= _MAX_FILE_BYTES:
            raise ManifestError(f"{self.path}: {self.bytes} is not a file size")
        if not _SHA256.fullmatch(self.sha256):
            raise ManifestError(
                f"{self.path}: {self.sha256[:80]!a} is not a SHA-256 in lower-case hexadecimal"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The files of one dataset of one campaign, sorted by path.

    Attributes
    ----------
    campaign
        As every site spells it, ``BURST.gft-NAME``.
    dataset
        Name of the dataset; one folder in the campaign's folder.
    attempt
        Counts from 1; grows when a refused dataset is repaired.

    Raises
    ------
    ManifestError
        When a name is unsafe, or two files cannot stand side by side in one folder.
    """

    campaign: str
    dataset: str
    attempt: int = 1
    files: tuple[ManifestEntry, ...]

    def __post_init__(self) -> None:
        try:
            CampaignName.parse(self.campaign)
        except ValueError as error:
            raise ManifestError(f"manifest: {error}") from error
        check_dataset(self.dataset)
        if not 1 <= self.attempt <= _MAX_ATTEMPT:
            raise ManifestError(f"manifest: attempt {self.attempt} is not between 1 and {_MAX_ATTEMPT}")
        if not self.files:
            raise ManifestError("manifest: lists no file")
        paths = [entry.path for entry in self.files]
        if paths != sorted(paths):
            object.__setattr__(self, "files", tuple(sorted(self.files, key=lambda entry: entry.path)))
        taken = set(paths)
        if len(taken) != len(paths):
            twice = next(path for path in paths if paths.count(path) > 1)
            raise ManifestError(f"manifest: {twice} is listed twice")
        for path in paths:
            if _OWN_NAME.fullmatch(path):
                raise ManifestError(f"manifest: {path} is a name kept for manifests")
            for parent in PurePosixPath(path).parents:
                if str(parent) in taken:
                    raise ManifestError(f"manifest: {parent} is listed as a file and as the folder of {path}")

    @property
    def folder(self) -> str:
        """Where the files stand in the telescope's directory of the store: ``CAMPAIGN/DATASET``."""
        return f"{self.campaign}/{self.dataset}"

    @property
    def name(self) -> str:
        """File name of the manifest in that folder; one per attempt."""
        return f"manifest-{self.attempt}.json"

    @property
    def total_bytes(self) -> int:
        """Summed size of the files."""
        return sum(entry.bytes for entry in self.files)

    def to_bytes(self) -> bytes:
        """Return the manifest file's bytes: JSON, the same for the same content."""
        content = {
            "format": FORMAT,
            "campaign": self.campaign,
            "dataset": self.dataset,
            "attempt": self.attempt,
            "files": [{"path": e.path, "bytes": e.bytes, "sha256": e.sha256} for e in self.files],
        }
        return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()

    def reference(self) -> ManifestRef:
        """Return what an `upload` packet says about this manifest."""
        raw = self.to_bytes()
        return ManifestRef(
            path=f"{self.folder}/{self.name}",
            size_bytes=len(raw),
            sha256=hashlib.sha256(raw).hexdigest(),
            files=len(self.files),
            total_bytes=self.total_bytes,
        )

    @classmethod
    def parse(cls, raw: bytes) -> Manifest:
        """Read a manifest that may come from anybody.

        Raises
        ------
        ManifestError
            When it is too large, not JSON of this format, or names something unsafe.
        """
        if len(raw) > MAX_MANIFEST_BYTES:
            raise ManifestError(f"manifest: {len(raw)} bytes, over the limit of {MAX_MANIFEST_BYTES}")
        try:
            content = json.loads(raw.decode(), object_pairs_hook=_members_once)
        except (ValueError, RecursionError) as error:  # ValueError: not UTF-8, not JSON, too long a number
            raise ManifestError(f"manifest: not JSON ({error})") from error
        top = _members(content, "manifest", {"format", "campaign", "dataset", "attempt", "files"})
        if top["format"] != FORMAT:
            raise ManifestError(
                f"manifest: format {str(top['format'])[:80]!a}, expected {FORMAT}",
                hint="the other site runs another version of followup; update the older one",
            )
        if not isinstance(top["files"], list):
            raise ManifestError("manifest: 'files' is not a list")
        entries = [_members(entry, "manifest: files", {"path", "bytes", "sha256"}) for entry in top["files"]]
        return cls(
            campaign=_text(top, "campaign"),
            dataset=_text(top, "dataset"),
            attempt=_number(top, "attempt"),
            files=tuple(
                ManifestEntry(path=_text(e, "path"), bytes=_number(e, "bytes"), sha256=_text(e, "sha256"))
                for e in entries
            ),
        )


def build_manifest(
    folder: Path, paths: Iterable[str], *, campaign: str, dataset: str, attempt: int = 1
) -> Manifest:
    """Measure and hash files of `folder` (blocking: every byte is read).

    Parameters
    ----------
    folder
        The dataset's folder on this machine.
    paths
        Files in it, relative POSIX paths.

    Raises
    ------
    ManifestError
        When a path is unsafe, or is (or leads through) a symbolic link, or is not a regular file.
    LocalDiskError
        When a file cannot be read.
    """
    entries = []
    for path in paths:
        place = folder / check_path(path)
        try:
            for step in [place, *place.parents[: path.count("/")]]:
                if step.is_symlink():
                    raise ManifestError(f"{step}: is a symbolic link", hint="copy the file into the dataset")
            if not stat.S_ISREG(place.stat().st_mode):
                raise ManifestError(f"{place}: is not a regular file")
            with place.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()  # what was hashed, even if the file grows meanwhile
        except OSError as error:
            raise LocalDiskError(f"{place}: {error.strerror or error}") from error
        entries.append(ManifestEntry(path=path, bytes=size, sha256=digest))
    return Manifest(campaign=campaign, dataset=dataset, attempt=attempt, files=tuple(entries))


def _members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that names a member twice: readers would differ in which one counts."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ManifestError("manifest: a member is given twice")
    return members


def _members(value: object, where: str, names: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict) or set(value) != names:
        raise ManifestError(f"{where}: expected an object with exactly {', '.join(sorted(names))}")
    return value


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members[name]
    if not isinstance(value, str):
        raise ManifestError(f"manifest: {name!r} is not a text")
    return value


def _number(members: Mapping[str, Any], name: str) -> int:
    value = members[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise ManifestError(f"manifest: {name!r} is not a whole number")
    return value
