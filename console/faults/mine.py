"""Runs an agent that dies, or stops, at one exact place: ``python -m console.faults.mine MINE ARGUMENTS``.

The agent is the real one, from its own command line. One of its functions is watched from here: when it is
called, or has returned, for the n-th time with fitting arguments, the process kills itself, stops itself
until somebody continues it, or has the disk say that it is full. Nothing in the product knows of it.
"""

from __future__ import annotations

import errno
import functools
import importlib
import inspect
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Deed(StrEnum):
    """What happens there."""

    DIE = "die"
    """SIGKILL: nothing more is executed."""
    STOP = "stop"
    """SIGSTOP: the process hangs there until it is continued, or killed."""
    FULL = "full"
    """The function fails with "no space left" for some seconds, from then on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mine:
    """Where something happens, and what.

    Attributes
    ----------
    function
        ``package.module:Class.name`` or ``package.module:name``, as it is looked up by its callers.
    after
        Once it has returned, rather than when it is called.
    contains
        Only calls whose arguments, written out, contain each of these.
    count
        At the how many-th of these calls.
    seconds
        How long a disk stays full.
    """

    function: str
    after: bool = False
    contains: tuple[str, ...] = ()
    count: int = 1
    deed: Deed = Deed.DIE
    seconds: float = 0.0

    def text(self) -> str:
        """Write it as a command line's argument."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Mine:
        """Read what `text` wrote."""
        data = json.loads(text)
        return cls(**{**data, "contains": tuple(data["contains"]), "deed": Deed(data["deed"])})


class _Fuse:
    """Counts the calls that fit, in whichever thread they are made."""

    def __init__(self, mine: Mine) -> None:
        self.mine = mine
        self._left = mine.count
        self._lock = threading.Lock()
        self._full_until = 0.0

    def passing(self, *, after: bool, arguments: object) -> None:
        mine = self.mine
        if mine.deed is Deed.FULL and not after and time.monotonic() < self._full_until:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if after is not mine.after or (mine.contains and not _fits(mine.contains, arguments)):
            return
        with self._lock:
            self._left -= 1
            if self._left != 0:
                return
        if mine.deed is Deed.FULL:
            self._full_until = time.monotonic() + mine.seconds
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.kill(os.getpid(), signal.SIGKILL if mine.deed is Deed.DIE else signal.SIGSTOP)


def lay(mine: Mine) -> None:
    """Have the function watched, in this process."""
    module_name, _, path = mine.function.partition(":")
    owner: Any = importlib.import_module(module_name)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    setattr(owner, name, _watched(getattr(owner, name), _Fuse(mine)))


def _watched(function: Callable[..., Any], fuse: _Fuse) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def watched_coroutine(*args: Any, **named: Any) -> Any:
            fuse.passing(after=False, arguments=(args, named))
            result = await function(*args, **named)
            fuse.passing(after=True, arguments=(args, named))
            return result

        return watched_coroutine

    @functools.wraps(function)
    def watched(*args: Any, **named: Any) -> Any:
        fuse.passing(after=False, arguments=(args, named))
        result = function(*args, **named)
        fuse.passing(after=True, arguments=(args, named))
        return result

    return watched


def _fits(parts: tuple[str, ...], arguments: object) -> bool:
    text = repr(arguments)
    return all(part in text for part in parts)


if __name__ == "__main__":
    from console.app import main

    lay(Mine.parse(sys.argv.pop(1)))
    sys.argv[0] = "followup"
    main()
