"""Which faults are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from console.faults import catalogue
from console.faults.selection import chosen
from followup.errors import ConfigurationError


def draw(seed: int = 1, *, rounds: int, only: tuple[str, ...] = ()) -> list[str]:
    return [fault.title for fault in chosen(np.random.default_rng(seed), rounds=rounds, only=only)]


def test_every_named_fault_comes_once_and_the_rest_are_random_kills() -> None:
    named = [fault.title for fault in (*catalogue.NAMED, *catalogue.NETWORK)]
    titles = draw(rounds=len(named) + 100)
    assert sorted(title for title in titles if title in named) == sorted(named)
    assert sum(title.endswith(catalogue.RANDOM) for title in titles) == 100
    assert {title for title in titles if title not in named} == {f.title for f in catalogue.RANDOM_KILLS}


def test_the_seed_decides() -> None:
    assert draw(7, rounds=80) == draw(7, rounds=80)
    assert draw(7, rounds=80) != draw(8, rounds=80)


def test_only_what_is_asked_for_each_as_often() -> None:
    titles = draw(rounds=4, only=("Half-Open: SFTP",))
    assert len(set(titles)) == 2
    assert all(titles.count(title) == 2 for title in titles)


def test_what_nobody_knows_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no fault is named flood"):
        draw(rounds=1, only=("flood",))


def test_no_two_faults_have_one_name_and_place() -> None:
    titles = [fault.title for fault in catalogue.ALL]
    assert len(set(titles)) == len(titles)
    assert all(fault.shows and not fault.shows.endswith(".") for fault in catalogue.ALL)
