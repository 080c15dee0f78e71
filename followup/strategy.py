"""Observing strategies: what to observe when after the trigger, and the rules that choose among them.

They are written in TOML; ``followup/strategies/default.toml`` is the one in force unless a site brings
its own, and explains the format. When and whether the target can be seen is none of this module's
business.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from followup.adapting import Bounds
from followup.conditions import STRICT, When, hold
from followup.decision import Decision
from followup.errors import ConfigurationError
from followup.second_burst import Precedence
from followup.site import Instrument
from followup.toml_lines import line_of
from voevent.kinds import Trigger

LONGEST_AGE_S = 36 * 3600.0
"""Strategies look no further ahead than this: the almanac is kept at least so long."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class StrategyError(ConfigurationError):
    """A strategies file cannot be read; the message names the file, the line and the key."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Epoch:
    """One visit to the target: a series of exposures through each filter in turn.

    Attributes
    ----------
    start_s, latest_s
        The visit begins not before `start_s` and not after `latest_s` seconds after the trigger time.
    filters
        In the order of exposure; those the instrument lacks are left out.
    gap_s
        The visit begins not before so many seconds after the one before it began, however late that was.
    exposure_s, count
        Of one exposure, and how many are taken through each filter.
    adapt
        How far they may follow the fading that was measured; not at all when None.
    """

    name: Name
    start_s: float = Field(ge=0)
    latest_s: float = Field(gt=0, le=LONGEST_AGE_S)
    filters: tuple[str, ...] = Field(min_length=1)
    exposure_s: float = Field(gt=0, le=3600)
    count: int = Field(ge=1, le=1000)
    gap_s: float = Field(default=0.0, ge=0)
    adapt: Bounds | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Epoch:
        if self.latest_s < self.start_s:
            raise ValueError(f"latest_s {self.latest_s:g} is before start_s {self.start_s:g}")
        if len(set(self.filters)) < len(self.filters):
            raise ValueError("filters names a filter twice")
        return self


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Strategy:
    """What to do for one sort of alert.

    Attributes
    ----------
    max_age_s
        No visit begins later than this after the trigger time; an older trigger is refused.
    max_error_radius_fields
        Largest error radius, in half-widths of the field of view; beyond it the trigger is refused.
    priority
        The higher, the sooner it gets the telescope when two bursts want it.
    epochs
        In order of `start_s`.
    """

    name: Name
    description: str
    max_age_s: float = Field(gt=0, le=LONGEST_AGE_S)
    max_error_radius_fields: float = Field(gt=0)
    priority: int = Field(default=50, ge=0, le=100)
    epochs: tuple[Epoch, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _epochs_in_order(self) -> Strategy:
        starts = [epoch.start_s for epoch in self.epochs]
        if starts != sorted(starts):
            raise ValueError("epochs are not in order of start_s")
        if len({epoch.name for epoch in self.epochs}) < len(self.epochs):
            raise ValueError("two epochs have the same name")
        return self


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Rule:
    """Chooses a strategy, or refuses, when all its conditions hold. A fact that is not known never does."""

    name: Name
    when: When = Field(min_length=1)
    use: str = ""
    refuse: str = ""

    @model_validator(mode="after")
    def _one_effect(self) -> Rule:
        if bool(self.use) == bool(self.refuse):
            raise ValueError("a rule has either use (a strategy's name) or refuse (a reason)")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """The strategy that the rules chose, or None with the reason why the alert is refused."""

    strategy: Strategy | None
    refusal: str
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Strategies:
    """A strategies file: the strategies, the rules in order of precedence, and the default.

    Attributes
    ----------
    second_burst
        Rules for a burst that is announced while the telescope is at work on another one.
    """

    default: str
    strategies: tuple[Strategy, ...] = Field(min_length=1)
    rules: tuple[Rule, ...] = ()
    second_burst: tuple[Precedence, ...] = ()

    def choose(self, trigger: Trigger, *, instrument: Instrument, now: datetime) -> Chosen:
        """Choose by the first rule whose conditions all hold, else the default, and check its limits.

        Parameters
        ----------
        now
            Sky time of the decision, aware.
        """
        facts = facts_of(trigger, instrument=instrument, now=now)
        rule = next((rule for rule in self.rules if hold(rule.when, facts)), None)
        if rule is None:
            decision = Decision(
                rule="default", text=f"no rule applies: strategy {self.default}", values=_shown(facts)
            )
            return self._within_limits(self._named(self.default), facts, decision)
        values = {key: facts[key.casefold()] for key in rule.when}
        because = ", ".join(f"{key} = {value}" for key, value in values.items())
        if rule.refuse:
            text = f"{rule.refuse} ({because})"
            refused = Decision(rule=rule.name, text=text, values=values)
            return Chosen(strategy=None, refusal=text, decisions=(refused,))
        decision = Decision(rule=rule.name, text=f"{because}: strategy {rule.use}", values=values)
        return self._within_limits(self._named(rule.use), facts, decision)

    def named(self, name: str) -> Strategy | None:
        """Find a strategy; None when there is none of that name (any more)."""
        return next((strategy for strategy in self.strategies if strategy.name == name), None)

    def _named(self, name: str) -> Strategy:
        return next(strategy for strategy in self.strategies if strategy.name == name)

    def _within_limits(self, strategy: Strategy, facts: Mapping[str, str], decision: Decision) -> Chosen:
        refusal = ""
        age_s = float(facts["age_s"])
        radius = facts.get("error_radius_fields")
        if age_s > strategy.max_age_s:
            rule = "max-age"
            refusal = (
                f"the burst is {age_s / 3600:.1f} h old, strategy {strategy.name} "
                f"takes bursts up to {strategy.max_age_s / 3600:g} h"
            )
        elif radius is not None and float(radius) > strategy.max_error_radius_fields:
            rule = "max-error-radius"
            radius_deg = float(facts["error_radius_deg"])
            refusal = (
                f"the error circle (radius {radius_deg:.3g} deg) is {float(radius):.1f} "
                f"times the half-width of the field of view, strategy {strategy.name} "
                f"takes up to {strategy.max_error_radius_fields:g}"
            )
        else:
            return Chosen(strategy=strategy, refusal="", decisions=(decision,))
        stop = Decision(rule=rule, text=refusal, values=_shown(facts))
        return Chosen(strategy=None, refusal=refusal, decisions=(decision, stop))


def facts_of(trigger: Trigger, *, instrument: Instrument, now: datetime) -> dict[str, str]:
    """Gather what rules may ask about, keys in lower case.

    Returns
    -------
    dict
        The alert's features and, with precedence: ``instrument`` (that saw the burst), ``age_s`` (since the
        trigger time), ``error_radius_deg`` and ``error_radius_fields`` (in half-widths of the field).
    """
    facts = {key.casefold(): value for key, value in trigger.features.items()}
    facts["instrument"] = trigger.instrument
    facts["age_s"] = f"{(now - trigger.trigger_time).total_seconds():.1f}"
    if trigger.position is not None and trigger.position.error_radius_deg is not None:
        radius_deg = trigger.position.error_radius_deg
        facts["error_radius_deg"] = f"{radius_deg:.6g}"
        facts["error_radius_fields"] = f"{radius_deg / field_half_width_deg(instrument):.4g}"
    return facts


def field_half_width_deg(instrument: Instrument) -> float:
    """Half of the shorter side of the field of view, in degrees."""
    return min(instrument.width_px, instrument.height_px) * instrument.pixel_scale_arcsec / 3600 / 2


def load_strategies(text: str, *, source: str) -> Strategies:
    """Read strategies from TOML.

    Parameters
    ----------
    source
        Name of the file, for errors.

    Raises
    ------
    StrategyError
        When it is not TOML, a key is missing, unknown or out of range, or a name leads nowhere.
    """
    hint = "followup/strategies/default.toml shows and explains the format"
    try:
        strategies = TypeAdapter(Strategies).validate_python(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise StrategyError(f"{source} is not TOML: {error}", hint=hint) from error
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ")
        raise StrategyError(_located(text, source, first["loc"], said), hint=hint) from error
    names = [strategy.name for strategy in strategies.strategies]
    for index, name in enumerate(names):
        if name in names[:index]:
            said = f"a second strategy {name}"
            raise StrategyError(_located(text, source, ("strategies", index, "name"), said), hint=hint)
    wanted: list[tuple[tuple[str | int, ...], str]] = [(("default",), strategies.default)]
    wanted += [(("rules", index, "use"), rule.use) for index, rule in enumerate(strategies.rules) if rule.use]
    for path, name in wanted:
        if name not in names:
            said = f"there is no strategy {name!r}; there are {', '.join(names)}"
            raise StrategyError(_located(text, source, path, said), hint=hint)
    return strategies


@cache
def default_strategies() -> Strategies:
    """Read the strategies that come with the package."""
    return load_strategies(default_text(), source="default.toml")


def default_text() -> str:
    """Give the text of the strategies that come with the package."""
    return (resources.files("followup") / "strategies" / "default.toml").read_text(encoding="utf-8")


def _located(text: str, source: str, path: tuple[str | int, ...], said: str) -> str:
    key = ".".join(str(part) for part in path) or "the file"
    return f"{source}, line {line_of(text, path)}, {key}: {said}"


def _shown(facts: Mapping[str, str]) -> dict[str, str]:
    keys = ("instrument", "packet_type", "age_s", "error_radius_deg", "error_radius_fields")
    return {key: facts[key] for key in keys if key in facts}
