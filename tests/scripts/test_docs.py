"""The pages that the code makes are as it would make them now."""

from __future__ import annotations

import pytest

from scripts import docs


@pytest.mark.parametrize("name", docs.PAGES)
def test_the_page_is_current(name: str) -> None:
    page = docs.DOCS / name
    before = page.read_text(encoding="utf-8")
    assert docs.PAGES[name](before) == before, f"docs/{name} is not current: make docs"


def test_a_page_that_is_not_current_is_told_and_renewed(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "DOCS", tmp_path)
    monkeypatch.setattr(docs, "PAGES", {"page.md": lambda before: before.replace("old", "") + "new"})
    assert docs.main(["--check"]) == 1
    assert "docs/page.md is not current" in capsys.readouterr().err
    assert docs.main([]) == 0
    assert "docs/page.md renewed" in capsys.readouterr().out
