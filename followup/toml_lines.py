"""Where a key stands in a TOML text, so that an error can name the line.

The standard library's reader gives no places. This finds tables and keys by their headers; it is used
on text that has already been read without error, to point at what was meant, never to read values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_ARRAY_HEADER = re.compile(r"\s*\[\[\s*([A-Za-z0-9_.-]+)\s*\]\]")
_TABLE_HEADER = re.compile(r"\s*\[\s*([A-Za-z0-9_.-]+)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*(?:\.[A-Za-z0-9_.-]+\s*)?=")

Path = tuple[str | int, ...]


def lines_of(text: str) -> dict[Path, int]:
    """Give the line (from 1) of every table and every bare key of a TOML text.

    Returns
    -------
    dict
        Paths as pydantic writes them, e.g. ``("strategies", 0, "epochs", 2, "count")``.
    """
    places: dict[Path, int] = {(): 1}
    counts: Counter[Path] = Counter()
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _ARRAY_HEADER.match(line):
            parent = _resolve(match[1].split("."), counts)
            table = (*parent, counts[parent])
            counts[parent] += 1
            places[table] = number
        elif match := _TABLE_HEADER.match(line):
            table = _resolve(match[1].split("."), counts)
            places[table] = number
        elif match := _KEY.match(line):
            places.setdefault((*table, match[1]), number)
    return places


def line_of(text: str, path: Sequence[str | int]) -> int:
    """Give the line of `path`, or of the nearest table around it when it has none of its own."""
    places = lines_of(text)
    for length in range(len(path), 0, -1):
        if (found := places.get(tuple(path[:length]))) is not None:
            return found
    return 1


def _resolve(names: list[str], counts: Counter[Path]) -> Path:
    # "strategies.epochs" means the epochs of the last element of strategies so far
    path: Path = ()
    for name in names[:-1]:
        path = (*path, name)
        if counts[path]:
            path = (*path, counts[path] - 1)
    return (*path, names[-1])
