"""Conditions of rules: what facts must be. Which facts there are is the business of who asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Condition:
    """What a fact must be: one of some values, or a number within bounds (both inclusive)."""

    one_of: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None

    def holds(self, value: str) -> bool:
        """Whether a fact of this value satisfies the condition; case does not matter."""
        number = _number(value)
        if self.one_of:
            return any(
                wanted.casefold() == value.casefold() or (number is not None and number == _number(wanted))
                for wanted in self.one_of
            )
        if number is None:
            return False
        above = self.min is None or number >= self.min
        return above and (self.max is None or number <= self.max)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _condition(raw: Any) -> Any:
    if isinstance(raw, (str, int, float)):
        return {"one_of": [str(raw)]}
    if isinstance(raw, list) and raw and all(isinstance(item, (str, int, float)) for item in raw):
        return {"one_of": [str(item) for item in raw]}
    if isinstance(raw, dict) and raw and raw.keys() <= {"min", "max"}:
        return raw
    raise ValueError("a condition is a value, a list of values, or { min = …, max = … } with one or both")


When = Mapping[str, Annotated[Condition, BeforeValidator(_condition)]]
"""Conditions by the name of their fact, as a file of rules gives them."""


def hold(when: When, facts: Mapping[str, str]) -> bool:
    """Whether all conditions hold; one about a fact that is not known does not.

    Parameters
    ----------
    facts
        By name in lower case.
    """
    return all(
        (value := facts.get(key.casefold())) is not None and condition.holds(value)
        for key, condition in when.items()
    )
