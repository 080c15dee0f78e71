"""The page about the archive describes the tables that there are."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import text

from archive import Archive, database
from archive.tables import Base
from tests.archive.conversation import JILIN, SPM

PAGE = Path(__file__).parents[2] / "docs/archive.md"


def test_every_table_is_described_with_its_columns_and_no_other() -> None:
    described = {}
    for line in PAGE.read_text().splitlines():
        if found := re.fullmatch(r"\| `(\w+)` \|[^|]*\|(.*)\|", line):
            outside_parentheses = re.sub(r"\([^)]*\)", "", found[2])
            described[found[1]] = set(re.findall(r"`(\w+)`", outside_parentheses))
    assert described == {table.name: set(table.columns.keys()) for table in Base.metadata.sorted_tables}


def test_its_queries_run(full: Archive) -> None:
    delays, light_curve = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    with database.reading(full._engine) as connection:
        assert [row.mag for row in connection.execute(text(light_curve))] == [18.1, 19.5]
        if full._engine.dialect.name == "postgresql":  # SQLite has no extract()
            rows = connection.execute(text(delays)).all()
            assert {(row.campaign, float(row.delay_s)) for row in rows} == {
                (JILIN, 2.0),
                (JILIN, 1.0),
                (SPM, 2.0),
            }
