"""How a command ends when it cannot do what it was asked: one line, a hint, an exit status."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import typer
from rich.console import Console

from deploy.errors import DeployError
from followup.errors import FollowupError
from voevent.errors import VOEventError

FAILED = 1
"""The work was done, and did not come out as it should."""
REFUSED = 2
"""What was asked for cannot be done: input, settings, permissions, servers."""

_MAKE_ROOM = "make room on that disk, and try again"
_NOT_YOURS = "choose a folder that you may write to, or change its permissions"
_OS_HINTS = {
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: _MAKE_ROOM,
    errno.EACCES: _NOT_YOURS,
    errno.EPERM: _NOT_YOURS,
    errno.EROFS: _NOT_YOURS,
    errno.ENOENT: "is the path right?",
    errno.EISDIR: "give a file, not a folder",
    errno.ENOTDIR: "a file stands where a folder should be: give another path",
}
_ERROR = "error:"
_ARROW = "  → "


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn errors that an operator can mend into one line and exit status 2."""
    try:
        yield
    except (FollowupError, DeployError) as error:
        say_error(str(error), error.hint)
        raise typer.Exit(REFUSED) from error
    except VOEventError as error:
        say_error(str(error), "whoever wrote the packet must mend it")
        raise typer.Exit(REFUSED) from error
    except BrokenPipeError:
        raise  # whoever read our output has enough: the command line ends quietly
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        hint = _OS_HINTS.get(error.errno or 0, "look at the path and its permissions")
        say_error(f"{where}{error.strerror or error}", hint)
        raise typer.Exit(REFUSED) from error


def say_error(message: str, hint: str) -> None:
    """Say on standard error what is wrong, and what to do about it."""
    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
    console.print(_ERROR, style="bold red", end=" ")
    console.print(message, markup=False)
    if hint:
        console.print(f"{_ARROW}{hint}", markup=False)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a process of ours had to complain about, as `say_error` wrote it."""

    message: str
    hint: str

    @classmethod
    def found_in(cls, text: str) -> Complaint:
        """Read what a process has printed; its last line must do when it said nothing in our form."""
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        message = hint = ""
        for line, following in zip(lines, [*lines, ""][1:], strict=True):
            if line.startswith(_ERROR):
                message = line.removeprefix(_ERROR).strip()
                hint = following.removeprefix(_ARROW) if following.startswith(_ARROW) else ""
        return cls(message or (lines[-1].strip() if lines else "it gave no reason"), hint)
