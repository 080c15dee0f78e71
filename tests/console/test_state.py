"""Where things lie, and files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from console.state import State, archive_files, archive_url, default_state, replace_file


def test_each_site_has_a_folder_of_its_own(tmp_path: Path) -> None:
    state = State(tmp_path)
    folders = [state.servers, state.csc, state.relay, state.enrolments, state.telescope("gft-spm")]
    assert len({*folders}) == 5
    assert all(folder.parent == tmp_path for folder in folders)
    with pytest.raises(ValueError, match="not a telescope's name"):
        state.telescope("../csc")


def test_state_is_kept_in_the_users_folder_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    assert default_state() == Path("/somewhere/followup")


def test_the_archive_is_beside_the_settings_unless_they_say_otherwise(tmp_path: Path) -> None:
    assert archive_url(tmp_path, "") == f"sqlite:///{tmp_path}/archive.sqlite"
    assert archive_url(tmp_path, "postgresql://csc@db/archive") == "postgresql://csc@db/archive"
    assert archive_files(tmp_path) == tmp_path / "archive"


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "password"
    replace_file(path, "one\n", mode=0o600)
    replace_file(path, "zwölf\n", mode=0o600)
    assert path.read_text(encoding="utf-8") == "zwölf\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "site.toml"
    replace_file(path, "old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as error:
        replace_file(path, "new")
    assert error.value.filename == str(path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]
