"""Mines: the process dies, stops or lacks room at one exact call, and at no other."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from console.faults import mine
from console.faults.mine import Deed, Mine


class Steps:
    """What is watched here."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def step(self, what: str) -> str:
        """Take a step."""
        self.taken.append(what)
        return what

    async def slow_step(self, what: str) -> str:
        """Take it in a coroutine."""
        return self.step(what)


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Signals that this process would have sent itself."""
    signals: list[int] = []
    ours = SimpleNamespace(
        getpid=os.getpid, strerror=os.strerror, kill=lambda _, number: signals.append(number)
    )
    monkeypatch.setattr(mine, "os", ours)
    monkeypatch.setattr(Steps, "step", Steps.step)
    monkeypatch.setattr(Steps, "slow_step", Steps.slow_step)
    return signals


def test_a_mine_survives_the_command_line() -> None:
    one = Mine(function="a.b:C.d", after=True, contains=("x", "'y'"), count=3, deed=Deed.STOP, seconds=1.5)
    assert Mine.parse(one.text()) == one


@pytest.mark.parametrize("after", [False, True])
def test_it_goes_off_at_the_nth_call_that_fits(killed: list[int], *, after: bool) -> None:
    mine.lay(Mine(function=f"{__name__}:Steps.step", after=after, contains=("left",), count=2))
    steps = Steps()
    for what, signals in (("left", 0), ("right", 0), ("left", 1), ("left", 1)):
        assert steps.step(what) == what
        assert len(killed) == signals
    assert killed == [signal.SIGKILL]


async def test_coroutines_are_watched_too(killed: list[int]) -> None:
    mine.lay(Mine(function=f"{__name__}:Steps.slow_step", after=True, deed=Deed.STOP))
    assert await Steps().slow_step("left") == "left"
    assert killed == [signal.SIGSTOP]


def test_a_full_disk_stays_full_for_a_while(killed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((99.0, 99.0, 100.0, 104.9, 105.1))
    monkeypatch.setattr(mine, "time", SimpleNamespace(monotonic=lambda: next(times)))
    mine.lay(Mine(function=f"{__name__}:Steps.step", count=2, deed=Deed.FULL, seconds=5.0))
    steps = Steps()
    steps.step("first")
    for _ in range(2):
        with pytest.raises(OSError, match="No space") as caught:
            steps.step("second")
        assert caught.value.errno == errno.ENOSPC
    steps.step("third")
    assert (steps.taken, killed) == (["first", "third"], [])


def test_the_process_really_dies_there() -> None:
    program = (
        "import json; from console.faults.mine import Mine, lay\n"
        "lay(Mine(function='json:dumps', contains=('up',)))\n"
        "print(json.dumps('down'), flush=True); print(json.dumps('up'), flush=True)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, '"down"\n')
