"""A few packets of each kind: the figures of so few say nothing, but every part of the benchmark has run."""

import pytest

from benchmarks import roundtrip


@pytest.mark.integration
def test_round_trips_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roundtrip, "PACKETS", 3)
    rows = roundtrip.run()
    assert all(row["value"] > 0 for row in rows)
    ratios = {row["name"]: row["ratio"] for row in rows}
    through = next(ratio for name, ratio in ratios.items() if "CSC → relay → telescope" in name)
    assert through > 1.0, "what is committed in six places cannot be faster than what is committed nowhere"
