import pytest

from benchmarks.table import machine, machine_lines, percentile, row, table_lines


def test_a_row_sets_the_median_in_relation_to_the_peers() -> None:
    made = row("ours", [0.3, 0.1, 0.2], scale=1000.0, unit="ms", peer=[0.1, 0.05, 0.4], against="theirs")
    assert made == {
        "name": "ours",
        "value": 200.0,
        "p99": 300.0,
        "unit": "ms",
        "ratio": 2.0,
        "against": "theirs",
        "runs": 3,
    }


def test_without_a_peer_it_is_set_in_relation_to_the_goal() -> None:
    made = row("wall", [99.0], unit="s", goal=90.0)
    assert (made["ratio"], made["against"]) == (1.1, "the goal of 90 s")
    assert row("wall", [99.0], unit="s")["ratio"] is None


@pytest.mark.parametrize(
    ("percent", "expected"), [(0.0, 1), (1.0, 1), (50.0, 50), (99.0, 99), (99.5, 100), (100.0, 100)]
)
def test_percentiles_are_values_that_were_measured(percent: float, expected: int) -> None:
    assert percentile(range(100, 0, -1), percent) == expected


def test_the_table_has_a_line_a_row_and_blank_cells_where_there_is_nothing_to_say() -> None:
    bare = row("a name", [1.0], unit="s") | {"p99": None}
    head, first, second = table_lines([bare, row("b", [3.0], unit="1/s", peer=[2.0], against="peer")])
    assert head.split() == ["name", "median", "p99", "unit", "ratio", "against", "runs"]
    assert first.split() == ["a", "name", "1", "s", "1"]
    assert second.split() == ["b", "3", "3", "1/s", "×1.5", "peer", "1"]


def test_the_machine_is_named_with_its_load() -> None:
    facts = machine()
    assert facts["cpu"]
    assert facts["cores"] >= 1
    assert len(facts["load_average"]) == 3
    assert any("load average" in line for line in machine_lines(facts))
