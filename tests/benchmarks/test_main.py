import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import planning
from benchmarks.__main__ import NAMES, main, measured
from benchmarks.table import row


def good() -> list[dict[str, Any]]:
    return [row("a figure", [1.0, 2.0, 3.0], unit="s")]


def bad() -> list[dict[str, Any]]:
    raise RuntimeError("no server")


def test_a_benchmark_that_fails_is_told_and_the_others_are_run(capsys: pytest.CaptureFixture[str]) -> None:
    rows, failures = measured({"bad": bad, "good": good})
    assert failures == {"bad": "RuntimeError: no server"}
    assert [(r["benchmark"], r["value"]) for r in rows] == [("good", 2.0)]
    assert "bad: FAILED" in capsys.readouterr().out


@pytest.mark.parametrize(("run", "status"), [(good, 0), (bad, 1)])
def test_the_figures_are_printed_and_written_with_an_honest_status(
    run: Any,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(planning, "run", run)
    file = tmp_path / "figures.json"
    assert main(["--only", "planning", "--json", str(file)]) == status
    document = json.loads(file.read_text())
    assert document["machine"]["load_average"]
    assert [r["name"] for r in document["rows"]] == ([] if status else ["a figure"])
    assert list(document["failures"]) == (["planning"] if status else [])
    assert ("FAILED planning: RuntimeError: no server" in capsys.readouterr().out) == bool(status)


def test_a_benchmark_that_is_not_there_is_refused() -> None:
    with pytest.raises(SystemExit) as ending:
        main(["--only", "nothing"])
    assert ending.value.code == 2


def test_every_benchmark_is_a_module_of_that_name() -> None:
    folder = Path(planning.__file__).parent
    assert [name for name in NAMES if not (folder / f"{name}.py").is_file()] == []
