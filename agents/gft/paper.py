"""Writing one paper of a campaign."""

from __future__ import annotations

import os
from pathlib import Path


def write(folder: Path, path: str, content: bytes) -> str:
    """Write a paper, all of it or nothing (blocking); gives `path`, which is relative to `folder`."""
    whole = folder / path
    whole.parent.mkdir(parents=True, exist_ok=True)
    partial = whole.with_name(f".{whole.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(whole)
    return path
