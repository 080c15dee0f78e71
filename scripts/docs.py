"""Renews the parts of ``docs/`` that are made by the code; ``--check`` only tells which are not current.

Usage: ``python -m scripts.docs [--check]``, or ``make docs``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import typer

from archive.tables import Base
from console.app import app
from console.faults.catalogue import ALL
from console.faults.show import catalogue_markdown
from tests.voevent.builders import EXAMPLES
from voevent.build import build

DOCS = Path(__file__).parents[1] / "docs"
_MADE = "<!-- Made by scripts/docs.py (make docs); changes here are lost. -->"


def command_line(_before: str) -> str:
    """Describe every command, from the help that it gives itself."""
    parts = [
        f"# The commands\n\n{_MADE}\n",
        "`followup COMMAND --help` says the same. `--state DIR`, or the environment variable",
        "`FOLLOWUP_STATE`, tells every command where everything lies.\n",
    ]
    group: Any = typer.main.get_command(app)
    parts += _commands(group, typer.Context(group, info_name="followup"))
    return "\n".join(parts).rstrip() + "\n"


def packet_examples(before: str) -> str:
    """Put the packets as they are written now in place of the page's examples, in their order."""
    made = iter(build(*example).raw.decode() for example in EXAMPLES.values())
    return re.sub(r"(?<=```xml\n).*?(?=```)", lambda _: next(made), before, flags=re.DOTALL)


def archive_tables(_before: str) -> str:
    """List the columns and rules of every table of the archive."""
    parts = [
        f"# The archive's tables, column by column\n\n{_MADE}\n",
        "What the rows mean is in [archive.md](archive.md). Types are those of PostgreSQL.\n",
    ]
    for table in Base.metadata.sorted_tables:
        parts += [f"## {table.name}\n", "| column | type | |", "|---|---|---|"]
        parts += [f"| `{c.name}` | {_type(c)} | {', '.join(_remarks(c))} |" for c in table.columns]
        rules = sorted(
            f"- `{c.name}`: `{c.sqltext}`" for c in table.constraints if isinstance(c, sa.CheckConstraint)
        )
        unique = sorted(
            f"- unique: {', '.join(f'`{column.name}`' for column in c.columns)}"
            for c in table.constraints
            if isinstance(c, sa.UniqueConstraint)
        )
        if rules or unique:
            parts += ["\nRules:\n", *unique, *rules]
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def faults_catalogue(before: str) -> str:
    """Put the faults that there are now between the page's marks."""
    table = catalogue_markdown(ALL)
    return re.sub(
        rf"(?<={re.escape(_MADE)}\n\n).*?(?=\n<!-- to here -->)", lambda _: table, before, flags=re.DOTALL
    )


PAGES: dict[str, Callable[[str], str]] = {
    "cli.md": command_line,
    "packets.md": packet_examples,
    "archive-tables.md": archive_tables,
    "faults.md": faults_catalogue,
}
"""How each page is made from what it was before."""

_EVERYWHERE = frozenset({"help", "install_completion", "show_completion"})
"""Options that typer gives to every program."""

_POSTGRESQL = sa.create_mock_engine("postgresql://", lambda *_: None).dialect


def renewed() -> Iterator[tuple[Path, str, str]]:
    """Give each page's path, its text as it is, and as it should be."""
    for name, make in PAGES.items():
        path = DOCS / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        yield path, before, make(before)


def main(arguments: list[str]) -> int:
    """Renew the pages, or only check them; return the exit status."""
    stale = [(path, now) for path, before, now in renewed() if before != now]
    for path, now in stale:
        if "--check" in arguments:
            sys.stderr.write(f"docs/{path.name} is not current: make docs\n")
        else:
            path.write_text(now, encoding="utf-8")
            sys.stdout.write(f"docs/{path.name} renewed\n")
    return int(bool(stale) and "--check" in arguments)


def _commands(command: Any, context: typer.Context) -> Iterator[str]:
    path = context.command_path
    if context.parent is not None:
        yield f"## {path}\n"
    yield f"{(command.help or '').strip()}\n"
    yield f"```console\n$ {' '.join((path, *command.collect_usage_pieces(context)))}\n```\n"
    params = [p for p in command.get_params(context) if p.name not in _EVERYWHERE]
    rows = [record for p in params if (record := p.get_help_record(context))]
    if rows:
        yield "| | |\n|---|---|"
        yield from (f"| `{_cell(name)}` | {_cell(said)} |" for name, said in rows)
        yield ""
    if command.epilog:
        yield f"{command.epilog.strip()}\n"
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        found = command.get_command(context, name)
        if not found.hidden:
            yield from _commands(found, typer.Context(found, info_name=name, parent=context))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _type(column: sa.Column[Any]) -> str:
    return column.type.compile(dialect=_POSTGRESQL).lower()


def _remarks(column: sa.Column[Any]) -> Iterator[str]:
    if column.primary_key:
        yield "key"
    elif column.nullable:
        yield "may be null"
    yield from (f"of `{key.target_fullname}`" for key in column.foreign_keys)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
