"""The project as a whole: its packages come from this tree, its locks hold what it asks for."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def _locked(lock: str) -> set[str]:
    lines = (ROOT / "requirements" / lock).read_text(encoding="utf-8").splitlines()
    return {_name(line) for line in lines if line.strip() and not line.startswith("#")}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_imported_from_this_tree(package: str) -> None:
    # The names are generic: another distribution could ship an `agents` of its own.
    module = importlib.import_module(package)
    assert Path(str(module.__file__)).is_relative_to(ROOT)


def test_the_locks_hold_every_dependency() -> None:
    wanted = {_name(r) for r in PYPROJECT["project"]["dependencies"]}
    build = {_name(r) for r in PYPROJECT["dependency-groups"]["build"]}
    dev = {_name(r) for r in PYPROJECT["dependency-groups"]["dev"]}
    assert wanted | build <= _locked("run.lock")
    assert wanted | build | dev <= _locked("dev.lock")


@pytest.mark.parametrize("lock", ["run.lock", "dev.lock"])
def test_locks_name_versions_and_no_hosts(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    assert "://" not in text
    for line in text.splitlines():
        assert re.match(r"[a-z0-9._-]+==\S+", line), line
