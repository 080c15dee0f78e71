"""A short run of each fuzzing target; `make fuzz` is the long one."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import TOKENS, seeds
from tests.fuzz.mutation import mutated
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_good_examples_pass(target: str) -> None:
    for raw in seeds(target):
        TARGETS[target](raw)
    for raw in TOKENS:
        TARGETS[target](raw)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_examples_are_answered_or_refused(target: str, data: st.DataObject) -> None:
    TARGETS[target](data.draw(mutated(target)))


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=60, deadline=None)
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_answered_or_refused(target: str, raw: bytes) -> None:
    TARGETS[target](raw)
