"""The text of a telescope's ``site.toml``: a commented template; keys are filled in, the rest stays."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from followup.errors import ConfigurationError

Value = str | int | float | bool | list[Any]

_TABLE = re.compile(r"\s*\[([A-Za-z0-9_.-]+)\]")
_KEY = re.compile(r"(?P<out># )?(?P<key>[A-Za-z0-9_-]+)\s*=(?P<rest>.*)$")
_BY_FILTER = ("detector.zero_points", "indi.slots")
"""Tables whose keys are the site's own."""
_COMMENT_AT = 33


def template() -> str:
    """Give the template of a telescope's settings."""
    return (resources.files("console") / "site_template.toml").read_text(encoding="utf-8")


def in_force(text: str) -> dict[str, Any]:
    """Give the values that a settings file sets, by key with its tables."""
    found: dict[str, Any] = {}

    def walk(table: Mapping[str, Any], before: str) -> None:
        for key, value in table.items():
            if isinstance(value, dict):
                walk(value, f"{before}{key}.")
            else:
                found[f"{before}{key}"] = value

    walk(tomllib.loads(text), "")
    return found


def keys(text: str) -> dict[str, bool]:
    """Give the keys of a settings file with their tables, and whether each is in force (no comment)."""
    found: dict[str, bool] = {}
    table = ""
    for line in text.splitlines():
        if match := _TABLE.match(line):
            table = f"{match[1]}."
        elif match := _KEY.match(line):
            found[f"{table}{match['key']}"] = found.get(f"{table}{match['key']}", False) or not match["out"]
    return found


def filled(text: str, values: Mapping[str, Value]) -> str:
    """Fill in values by key (``place.latitude_deg``); every other line and every comment stays.

    Raises
    ------
    ConfigurationError
        When a key is no setting, or the text would not say so afterwards.
    """
    for path, value in values.items():
        text = _filled(text, path, value)
    try:
        said = in_force(text)
    except tomllib.TOMLDecodeError:
        said = {}
    for path, value in values.items():
        if said.get(path) != value:
            raise ConfigurationError(
                f"{path} cannot be filled in: it is written in another way than one key a line",
                hint=f"write it yourself: {path} = {_toml(value)}",
            )
    return text


def parsed(assignment: str) -> tuple[str, Value]:
    """Read ``KEY=VALUE`` of a command line; a value that is not TOML is taken for a word.

    Raises
    ------
    ConfigurationError
        When there is no key.
    """
    path, equals, value = assignment.partition("=")
    if not equals or not path.strip():
        raise ConfigurationError(f"{assignment!r} sets nothing", hint="say it as place.latitude_deg=43.82")
    try:
        return path.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return path.strip(), value.strip()


def _filled(text: str, path: str, value: Value) -> str:
    here = keys(text)
    table, _, key = path.rpartition(".")
    if path not in here and path not in (known := keys(template())) and table not in _BY_FILTER:
        close = difflib.get_close_matches(path, known, 3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known)}"
        raise ConfigurationError(f"there is no setting {path}", hint=hint)
    lines = text.splitlines()
    at = _line_of(lines, table, key)
    if at is None:
        at = _new_line(lines, table)
    lines[at] = _line(lines[at], key, value)
    return "\n".join(lines) + "\n"


def _line_of(lines: list[str], table: str, key: str) -> int | None:
    """Find the line of a key: that in force, else the last one that is a comment."""
    here, found = "", None
    for number, line in enumerate(lines):
        if match := _TABLE.match(line):
            here = match[1]
        elif here == table and (match := _KEY.match(line)) and match["key"] == key:
            found = number
            if not match["out"]:
                break
    return found


def _new_line(lines: list[str], table: str) -> int:
    """Make room for a key that has no line: at the beginning of its table, which is made if need be."""
    for number, line in enumerate(lines):
        match = _TABLE.match(line)
        if (match and match[1] == table) or (not table and match):
            at = number + 1 if table else number
            lines.insert(at, "")
            return at
    lines += ["", f"[{table}]", ""] if table else [""]
    return len(lines) - 1


def _line(old: str, key: str, value: Value) -> str:
    match = _KEY.match(old)
    comment = _comment(match["rest"]) if match else ""
    new = f"{key} = {_toml(value)}"
    return f"{new:<{_COMMENT_AT - 1}} {comment}".rstrip() if comment else new


def _comment(rest: str) -> str:
    """Give the comment after a value; a # within quotes begins none."""
    outside = re.sub(r'"[^"]*"', lambda match: "_" * len(match[0]), rest)
    at = outside.find("#")
    return "" if at < 0 else rest[at:]


def _toml(value: Value) -> str:
    # JSON's strings, numbers, booleans and arrays are TOML's too.
    return json.dumps(value, ensure_ascii=False)
