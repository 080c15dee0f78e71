"""A telescope's settings file: whole, commented, filled in without losing a word."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from typing import Any

import pytest
from pydantic import BaseModel

from console import site_file
from console.settings import TelescopeSettings
from console.site_file import filled, in_force, keys, parsed, template
from followup.errors import ConfigurationError

OF_SIMULATIONS = {"sky", "scenario_file"}
"""Settings that a person does not write."""
BY_FILTER = {"detector.zero_points.r", "indi.slots.r"}


def _settings(kind: type[BaseModel], before: str = "") -> dict[str, Any]:
    """Every setting with its default."""
    found: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        if not before and name in OF_SIMULATIONS:
            continue
        kinds = [field.annotation, *typing.get_args(field.annotation)]
        section = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
        if dataclasses.is_dataclass(field.annotation):
            found |= {
                f"{before}{name}.{one.name}": one.default for one in dataclasses.fields(field.annotation)
            }
        elif section is not None:
            found |= _settings(section, f"{before}{name}.")
        elif typing.get_origin(field.annotation) is not dict:
            found[f"{before}{name}"] = None if field.is_required() else field.default
    return found


def test_the_template_has_every_setting_and_no_other() -> None:
    assert set(keys(template())) - BY_FILTER == set(_settings(TelescopeSettings))


def test_what_the_template_shows_as_default_is_the_default() -> None:
    shown = {}
    table = ""
    for line in template().splitlines():
        if line.startswith("["):
            table = line[1 : line.index("]")] + "."
        elif line.startswith("# ") and "=" in line and line[2].isalpha():
            key, _, value = line[2:].partition("=")
            value = value.partition(" # ")[0].strip()
            if key.strip().replace("_", "").isalnum() and value and f"{table}{key.strip()}" not in BY_FILTER:
                shown[f"{table}{key.strip()}"] = tomllib.loads(f"x = {value}")["x"]
    wanted = _settings(TelescopeSettings)
    examples = {"catalogue_file"}
    assert len(shown) > 40
    wrong = {
        key: (value, wanted[key])
        for key, value in shown.items()
        if key not in examples and value != _plain(wanted[key])
    }
    assert not wrong


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, (int, float, str, types.NoneType)) else str(value)


def test_filling_in_keeps_every_other_line_and_all_comments() -> None:
    before = template()
    after = filled(before, {"place.latitude_deg": 43.8244, "place.name": 'Jilin "#1"', "indi.slots.g": 2})
    assert in_force(after)["place.name"] == 'Jilin "#1"'
    assert "latitude_deg = 43.8244           # north positive" in after
    changed = set(after.splitlines()) - set(before.splitlines())
    assert len(changed) == 3
    assert len(after.splitlines()) == len(before.splitlines()) + 1, "the slot has no line before"
    again = filled(after, {"place.name": "Peary # 2", "indi.slots.g": 3})
    assert in_force(again)["place.name"] == "Peary # 2"
    assert in_force(again)["indi.slots.g"] == 3
    assert len(again.splitlines()) == len(after.splitlines())


def test_a_key_whose_line_was_taken_out_is_put_where_it_belongs() -> None:
    cut = template().replace("# port = 5222\n", "").replace("[indi.slots]", "# no slots")
    after = in_force(filled(cut, {"xmpp.port": 5223, "indi.slots.r": 1, "authority": "x"}))
    assert (after["xmpp.port"], after["indi.slots.r"], after["authority"]) == (5223, 1, "x")
    short = 'name = "x"\n[place]\n# name =\n'
    assert in_force(filled(short, {"indi.slots.r": 1, "model": "m"})) == {
        "name": "x", "model": "m", "indi.slots.r": 1
    }  # fmt: skip


def test_a_key_that_is_none_is_refused_with_what_was_meant() -> None:
    with pytest.raises(ConfigurationError, match=r"no setting place\.lattitude_deg") as error:
        filled(template(), {"place.lattitude_deg": 1.0})
    assert "place.latitude_deg" in error.value.hint


def test_what_is_written_in_another_way_is_left_to_its_writer() -> None:
    text = 'place = { name = "x" }\n'
    with pytest.raises(ConfigurationError, match=r"place\.name cannot be filled in") as error:
        site_file.filled(text, {"place.name": "y"})
    assert error.value.hint == 'write it yourself: place.name = "y"'


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("a.b=1.5", 1.5),
        ("a.b=-20", -20),
        ("a.b=true", True),
        ("a.b=EQMod Mount", "EQMod Mount"),
        ('a.b="7"', "7"),
        ("a.b=[[0, 12], [90, 18]]", [[0, 12], [90, 18]]),
        ("a.b=", ""),
    ],
)
def test_values_of_a_command_line(said: str, value: object) -> None:
    assert parsed(said) == ("a.b", value)


@pytest.mark.parametrize("said", ["place.name", "=5"])
def test_what_sets_nothing(said: str) -> None:
    with pytest.raises(ConfigurationError, match="sets nothing"):
        parsed(said)
