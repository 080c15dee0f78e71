"""What a telescope's agent leaves for other processes of its site, in the folder ``run``, and they for it.

``alive``
    Touched while the agent's loop turns; removed when it ends after making the telescope safe.
``takeover``
    There while a person has the devices in hand; says who and why.
``unsafe``
    When (sky time) it was last unsafe: an agent that is started anew has not forgotten it.
``watchdog``
    What the watchdog did last, and when.

None needs room on the disk once it is there: a full disk must not look like a dead agent.
"""

from __future__ import annotations

import logging
import os
import time
from datetime import datetime
from pathlib import Path

log = logging.getLogger(__name__)

_ALIVE, _TAKEOVER, _UNSAFE, _WATCHDOG = "alive", "takeover", "unsafe", "watchdog"


class Signs:
    """The signs in a folder; in none at all, nothing is left and nothing found."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def live(self) -> None:
        """Say that the agent lives."""
        if (path := self._path(_ALIVE)) is not None:
            try:
                os.utime(path)
            except FileNotFoundError:
                _write(path, "")
            except OSError as error:
                log.warning("%s cannot be touched: %s", path, error.strerror)

    def leave(self) -> None:
        """Say that the agent ended on purpose, with the telescope safe."""
        if (path := self._path(_ALIVE)) is not None:
            path.unlink(missing_ok=True)

    @property
    def alive_ago_s(self) -> float | None:
        """How long ago the agent last said that it lives; None when it has not, or ended on purpose."""
        try:
            return None if self._folder is None else time.time() - (self._folder / _ALIVE).stat().st_mtime
        except OSError:
            return None

    def take_over(self, reason: str) -> None:
        """Say that a person has the devices in hand; empty when nobody has."""
        if (path := self._path(_TAKEOVER)) is None:
            return
        if not reason:
            path.unlink(missing_ok=True)
        elif self.taken_over != reason:
            _write(path, reason)

    @property
    def taken_over(self) -> str:
        """Who has the devices in hand, and why; empty when nobody has."""
        try:
            return "" if self._folder is None else (self._folder / _TAKEOVER).read_text("utf-8") or "somebody"
        except FileNotFoundError:
            return ""
        except (OSError, ValueError):
            return "somebody"

    def unsafe(self, now: datetime) -> None:
        """Say that it is unsafe now."""
        if (path := self._path(_UNSAFE)) is not None:
            _write(path, now.isoformat())

    def unsafe_at(self, now: datetime) -> datetime | None:
        """When it was last unsafe; as far as that can be told not, now."""
        try:
            return (
                None
                if self._folder is None
                else datetime.fromisoformat((self._folder / _UNSAFE).read_text("utf-8"))
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return now

    def sheltered(self, now: datetime, reason: str) -> None:
        """Say what the watchdog did."""
        if (path := self._path(_WATCHDOG)) is not None:
            _write(path, f"{now:%Y-%m-%d %H:%M:%S} UTC: {reason}")

    @property
    def watchdog_did(self) -> str:
        """What the watchdog did last; empty for nothing."""
        try:
            return "" if self._folder is None else (self._folder / _WATCHDOG).read_text("utf-8")
        except (OSError, ValueError):
            return ""

    def _path(self, name: str) -> Path | None:
        return None if self._folder is None else self._folder / name


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        log.warning("%s cannot be written: %s", path, error.strerror)
