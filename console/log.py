"""Logging of an agent: JSON lines in its folder, and lines for people, or JSON, on standard output."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.logging import RichHandler

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OURS = frozenset({
    "voevent", "followup", "messaging", "transfer", "archive", "agents", "flows", "simulators", "console",
    "deploy",
})  # fmt: skip
_ABOUT_US = frozenset({"asyncio"})
"""Its errors are ours: an exception that nobody took."""
_KEEP_BYTES = 20_000_000
_KEEP_FILES = 5


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def set_up(folder: Path, *, as_json: bool, verbose: bool) -> Path:
    """Set the process's log handlers; return the path of the log file (``log.jsonl`` in `folder`)."""
    path = folder / "log.jsonl"
    to_file = logging.handlers.RotatingFileHandler(
        path, maxBytes=_KEEP_BYTES, backupCount=_KEEP_FILES, encoding="utf-8"
    )
    to_file.setFormatter(JsonLines())
    to_screen = _to_screen(as_json=as_json)
    if not verbose:
        to_screen.addFilter(_for_people)
    root = logging.getLogger()
    root.handlers[:] = [to_file, to_screen]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    # Their lines of routine would drown the site's own, in the file too.
    for chatty in ("slixmpp", "asyncssh", "paramiko", "httpx", "prefect", "matplotlib", "alembic", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It warns of every attempt to connect, for as long as a server is away; what matters of it we say.
    logging.getLogger("indipyclient").setLevel(logging.ERROR)
    return path


def silence() -> None:
    """Keep what libraries log to themselves: a command says in its own words how it went."""
    logging.getLogger().addHandler(logging.NullHandler())


def _to_screen(*, as_json: bool) -> logging.Handler:
    handler: logging.Handler
    if as_json:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonLines())
        return handler
    if sys.stdout.isatty():
        return RichHandler(
            console=Console(), show_path=False, omit_repeated_times=False, log_time_format="%H:%M:%S"
        )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    return handler


def _for_people(record: logging.LogRecord) -> bool:
    """Whether a person should see it: what libraries complain of, we say in our own words.

    Their complaints, tracebacks and all, are in the log file.
    """
    package = record.name.partition(".")[0]
    return package in _OURS or (package in _ABOUT_US and record.levelno >= logging.ERROR)
