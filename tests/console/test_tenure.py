"""One holder of a folder, and nobody after its death."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from console.tenure import HeldError, held, holder

HOLD = """
import sys
from pathlib import Path
from console.tenure import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_nobody_holds_what_was_never_held(tmp_path: Path) -> None:
    assert holder(tmp_path / "run" / "lock") is None
    assert not (tmp_path / "run").exists()


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "run" / "lock"
    with held(lock):
        assert holder(lock) == os.getpid()
        with pytest.raises(HeldError) as refused, held(lock):
            pass
        assert refused.value.pid == os.getpid()
        assert holder(lock) == os.getpid()
    assert holder(lock) is None
    with held(lock):
        assert holder(lock) == os.getpid()


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert holder(lock) == process.pid
        process.kill()
        process.wait()
    assert holder(lock) is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file") as error, held(tmp_path / "file" / "lock"):
        pass
    assert str(tmp_path / "file") in str(error.value.filename)
