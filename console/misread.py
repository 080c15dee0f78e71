"""What is wrong in a site's settings, told so that it can be mended: file, line, key, what to do."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import typing
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from followup.errors import ConfigurationError
from followup.toml_lines import line_of

_PREFIX, _NESTED = "FOLLOWUP_", "__"
_ENROLMENT = ("xmpp", "sftp")
"""Sections that a telescope's enrolment fills in."""
_UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}
"""What pydantic calls a setting that there is not, in its models and in dataclasses."""
_MOST = 12
"""Of further mistakes so many are named."""
_SECTION = re.compile(r"\[(\w+)\](?: (\w+))?")


def misread(path: Path, kind: type[BaseModel], error: ValidationError) -> ConfigurationError:
    """Make the error of settings that are TOML and cannot be; further mistakes are counted."""
    # A mistyped name is missing as well: the typing is what has to be mended.
    first, *others = sorted(error.errors(), key=lambda one: one["type"] not in _UNKNOWN)
    place = tuple(first["loc"])
    key = ".".join(str(part) for part in place)
    said, hint = first["msg"].removeprefix("Value error, "), ""
    if first["type"] == "missing":
        said, hint = "is missing", f"add it: {key} = …"
        if place[0] in _ENROLMENT and "name" in kind.model_fields:
            hint = "it comes with the enrolment: followup gft init NAME --enrolment FOLDER"
    elif first["type"] in _UNKNOWN:
        known = _known(kind, place[:-1])
        close = difflib.get_close_matches(str(place[-1]), known, 1)
        said = "there is no such setting here"
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    more = f" (and wrong too: {_named(others)})" if others else ""
    if not place:
        # What does not go together is said by our own words, which name section and key.
        named = _SECTION.search(said)
        at = tuple(part for part in named.groups() if part) if named else ()
        line = f", line {line_of(path.read_text(encoding='utf-8'), at)}" if at else ""
        return ConfigurationError(f"{path}{line}: {said}{more}", hint="docs/operating.md has all settings")
    hint = hint or f"it says {str(first['input'])[:60]!r}: mend that line"
    variable = _PREFIX + _NESTED.join(str(part) for part in place).upper()
    if variable in os.environ:
        return ConfigurationError(f"{variable} in the environment: {said}{more}", hint="mend or unset it")
    where = f"{path}, line {line_of(path.read_text(encoding='utf-8'), place)}"
    return ConfigurationError(f"{where}: {key}: {said}{more}", hint=hint)


def no_toml(path: Path, error: ValueError) -> ConfigurationError:
    """Make the error of a file that cannot be read at all; the reader's own words have line and column."""
    return ConfigurationError(
        f"{path}: {error}", hint="mend that line: key = value, words in quotes, one key a line"
    )


def _named(errors: Sequence[ErrorDetails]) -> str:
    keys = [".".join(str(part) for part in one["loc"]) or "the whole" for one in errors]
    return ", ".join(keys[:_MOST]) + (", …" if keys[_MOST:] else "")


def _known(kind: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """Names of the settings of a section."""
    for part in place:
        field = kind.model_fields.get(str(part))
        inner = [] if field is None else [field.annotation, *typing.get_args(field.annotation)]
        for section in inner:
            if dataclasses.is_dataclass(section):
                return [one.name for one in dataclasses.fields(section)]
            if isinstance(section, type) and issubclass(section, BaseModel):
                kind = section
                break
        else:
            return []
    return list(kind.model_fields)
