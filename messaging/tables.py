"""The tables of a journal, their rules included: what must not be stored cannot be stored.

`packets` holds every packet once, whoever wrote it; `outgoing` where each is to go and how far it is;
`receipts` what was said about a packet; `entries` the agents' own append-only record of a campaign;
`quarantine` what was not believed; `history` every change of an outgoing packet, written by triggers.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from messaging.records import OutgoingState

SCHEMA_VERSION = 2
"""Kept in SQLite's user_version."""

LEGAL_CHANGES = {
    OutgoingState.PENDING: (OutgoingState.SENT, OutgoingState.SETTLED, OutgoingState.EXPIRED),
    OutgoingState.SENT: (OutgoingState.PENDING,),
    OutgoingState.EXPIRED: (OutgoingState.SETTLED, OutgoingState.PENDING),
    OutgoingState.SETTLED: (),
}
"""Which state of an outgoing packet may follow which; the database refuses all others."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC time, stored as whole microseconds since 1970."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """Aware time to microseconds."""
        del dialect
        if value is None:
            return None
        return (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        """Microseconds to aware time."""
        del dialect
        return None if value is None else _EPOCH + timedelta(microseconds=value)


metadata = sa.MetaData()


def _one_of(column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


packets = sa.Table(
    "packets",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("ivorn", sa.String, nullable=False, unique=True),
    sa.Column("sha256", sa.String, nullable=False),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("author", sa.String, nullable=False),
    sa.Column("campaign", sa.String, nullable=False, index=True),
    sa.Column("drill", sa.Boolean, nullable=False),
    sa.Column("received", sa.Boolean, nullable=False),
    sa.Column("sender", sa.String, nullable=False),
    sa.Column("committed", UtcTime, nullable=False),
    sa.Column("considered", sa.Boolean, nullable=False),
    sa.CheckConstraint("length(sha256) = 64", name="sha256_whole"),
    sqlite_autoincrement=True,
)
sa.Index("packets_unconsidered", packets.c.id, sqlite_where=sa.not_(packets.c.considered))

outgoing = sa.Table(
    "outgoing",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("packet", sa.ForeignKey("packets.id"), nullable=False),
    sa.Column("way", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("body", sa.String, nullable=False),
    sa.Column("acknowledged", sa.Boolean, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("interim", sa.Boolean, nullable=False, default=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("committed", UtcTime, nullable=False),
    sa.Column("deadline_s", sa.Float),
    sa.Column("deadline", UtcTime),
    sa.Column("due", UtcTime, nullable=False),
    sa.Column("first_sent", UtcTime),
    sa.Column("last_sent", UtcTime),
    sa.Column("problem", sa.String, nullable=False, default=""),
    sa.Column("changed", UtcTime, nullable=False),
    sa.UniqueConstraint("packet", "way", "name", name="one_row_per_destination"),
    _one_of("way", ("user", "topic")),
    _one_of("state", tuple(OutgoingState)),
    sa.CheckConstraint(
        "CASE state WHEN 'sent' THEN NOT acknowledged WHEN 'pending' THEN 1 ELSE acknowledged END",
        name="state_fits_acknowledgement",
    ),
    sqlite_autoincrement=True,
)
outgoing_in_line = sa.Index(
    "outgoing_in_line",
    outgoing.c.way,
    outgoing.c.name,
    outgoing.c.acknowledged,
    outgoing.c.id,
    # What decides whether it is sent now: of a long backlog only this is read, not the rows.
    outgoing.c.due,
    outgoing.c.last_sent,
    outgoing.c.interim,
    outgoing.c.deadline,
    sqlite_where=outgoing.c.state == OutgoingState.PENDING.value,
)

history = sa.Table(
    "history",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("outgoing", sa.ForeignKey("outgoing.id"), nullable=False, index=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("interim", sa.Boolean, nullable=False),
    sa.Column("problem", sa.String, nullable=False),
    sa.Column("time", UtcTime, nullable=False),
)

receipts = sa.Table(
    "receipts",
    metadata,
    sa.Column("packet", sa.ForeignKey("packets.id"), primary_key=True),
    sa.Column("cited_ivorn", sa.String, nullable=False),
    sa.Column("cited_sha256", sa.String, nullable=False),
    sa.Column("outcome", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Index("receipts_by_cited", "cited_ivorn", "cited_sha256"),
)

sequences = sa.Table(
    "sequences",
    metadata,
    sa.Column("campaign", sa.String, primary_key=True),
    sa.Column("last", sa.Integer, nullable=False),
)

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("campaign", sa.String, nullable=False),
    sa.Column("what", sa.String, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("time", UtcTime, nullable=False),
    sa.Column("committed", UtcTime, nullable=False),
    sa.Index("entries_by_campaign", "campaign", "id"),
    sqlite_autoincrement=True,
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    sa.Column("ivorn", sa.String, nullable=False),
    sa.Column("sha256", sa.String, nullable=False),
    sa.Column("sender", sa.String, nullable=False),
    sa.Column("topic", sa.String),
    sa.Column("publisher", sa.String),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("time", UtcTime, nullable=False),
    sqlite_autoincrement=True,
)


def _on_creation(statement: str) -> None:
    ddl = sa.DDL(statement)  # type: ignore[no-untyped-call] # SQLAlchemy 2.1 leaves this one untyped
    sa.event.listen(metadata, "after_create", ddl)


def _append_only(table: sa.Table) -> None:
    for deed in ("UPDATE", "DELETE"):
        _on_creation(
            f"CREATE TRIGGER {table.name}_no_{deed.lower()} BEFORE {deed} ON {table.name} "
            f"BEGIN SELECT RAISE(ABORT, '{table.name} is append-only'); END"
        )


def _guarded_changes() -> None:
    legal = " OR ".join(
        f"(OLD.state = '{before}' AND NEW.state = '{after}')"
        for before, afters in LEGAL_CHANGES.items()
        for after in afters
    )
    _on_creation(
        "CREATE TRIGGER outgoing_legal BEFORE UPDATE OF state ON outgoing "
        f"WHEN OLD.state <> NEW.state AND NOT ({legal}) "
        "BEGIN SELECT RAISE(ABORT, 'no such change of an outgoing packet'); END"
    )
    changes = (
        ("insert", "INSERT", ""),
        (
            "update",
            "UPDATE OF state, interim, problem",
            "WHEN (OLD.state, OLD.interim, OLD.problem) <> (NEW.state, NEW.interim, NEW.problem)",
        ),
    )
    for name, deed, when in changes:
        _on_creation(
            f"CREATE TRIGGER outgoing_history_{name} AFTER {deed} ON outgoing {when} BEGIN "  # noqa: S608 - no input here
            "INSERT INTO history (outgoing, state, attempts, interim, problem, time) "
            "VALUES (NEW.id, NEW.state, NEW.attempts, NEW.interim, NEW.problem, NEW.changed); END"
        )


MIGRATIONS: dict[int, tuple[sa.schema.ExecutableDDLElement, ...]] = {
    1: (sa.DDL("DROP INDEX outgoing_pending"), sa.schema.CreateIndex(outgoing_in_line)),  # type: ignore[no-untyped-call] # as above
}
"""What makes a journal of a schema's version into one of the next."""

_append_only(entries)
_append_only(history)
_append_only(receipts)
_guarded_changes()
