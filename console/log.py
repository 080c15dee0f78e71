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
    to_screen: logging.Handler
    if as_json:
        to_screen = logging.StreamHandler(sys.stdout)
        to_screen.setFormatter(JsonLines())
    else:
        to_screen = RichHandler(console=Console(), show_path=False, omit_repeated_times=False)
    root = logging.getLogger()
    root.handlers[:] = [to_file, to_screen]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    # Their lines of routine would drown the site's own.
    for chatty in ("slixmpp", "asyncssh", "paramiko", "httpx", "prefect", "matplotlib", "alembic", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return path
