"""Removing what is no longer wanted from a store: datasets that have been kept long enough, abandoned parts.

Links are removed like files, never followed.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from datetime import datetime

import paramiko

from transfer.local import is_partial


def remove_tree(sftp: paramiko.SFTPClient, path: str) -> None:
    """Remove a folder of the store with everything in it; one that is not there is no error."""
    try:
        inside = sftp.listdir_attr(path)
    except FileNotFoundError:
        return
    for entry in inside:
        place = f"{path}/{entry.filename}"
        if _is_folder(entry):
            remove_tree(sftp, place)
        else:
            with contextlib.suppress(FileNotFoundError):  # somebody was faster
                sftp.remove(place)
    with contextlib.suppress(FileNotFoundError):
        sftp.rmdir(path)


def remove_empty(sftp: paramiko.SFTPClient, path: str) -> None:
    """Remove a folder of the store unless there is something in it."""
    with contextlib.suppress(FileNotFoundError):
        if not sftp.listdir(path):
            sftp.rmdir(path)


def remove_old_parts(sftp: paramiko.SFTPClient, *, before: datetime) -> list[str]:
    """Remove what cut uploads left and nobody went on with since that time; gives the names."""
    removed = []
    for place, entry in _files(sftp, "."):
        if is_partial(entry.filename) and (entry.st_mtime or 0) < before.timestamp():
            with contextlib.suppress(FileNotFoundError):
                sftp.remove(place)
                removed.append(place)
    return removed


def _files(sftp: paramiko.SFTPClient, folder: str) -> Iterator[tuple[str, paramiko.SFTPAttributes]]:
    try:
        inside = sftp.listdir_attr(folder)
    except FileNotFoundError:
        return
    for entry in inside:
        place = f"{folder}/{entry.filename}"
        if _is_folder(entry):
            yield from _files(sftp, place)
        else:
            yield place, entry


def _is_folder(entry: paramiko.SFTPAttributes) -> bool:
    return entry.st_mode is not None and stat.S_ISDIR(entry.st_mode)
