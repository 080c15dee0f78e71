"""Shifts in time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.replay.shift import shift_of, spelt
from followup.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6h", 21600),
        ("+90m", 5400),
        ("-1d12h", -129600),
        ("1h30m", 5400),
        ("45s", 45),
        ("0s", 0),
        ("1.5h", 5400),
    ],
)
def test_shifts(text: str, seconds: float) -> None:
    assert shift_of(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "6", "h", "+", "6 hours", "6h-3m", "3m6h", "--6h", "nan", "1e9d", "99999d"]
)
def test_what_is_no_shift_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        shift_of(text)


@given(st.integers(min_value=-(10**8), max_value=10**8))
def test_what_is_spelt_is_read_again(seconds: int) -> None:
    assert shift_of(spelt(timedelta(seconds=seconds))) == timedelta(seconds=seconds)
