"""What all tables share: naming of constraints, column types, recurring checks."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    Dialect,
    Double,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC; SQLite, which knows no time zones, holds it without one.

    Raises
    ------
    ValueError
        When a naive datetime is to be stored.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware time of any zone into what the database holds."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the time {value.isoformat()} has no time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn what the database holds into an aware time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of the models; every constraint gets a name, so that later migrations can refer to it."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy reads it as a plain class attribute
        datetime: UtcDateTime,
        float: Double,
        str: String,
        bytes: LargeBinary,
    }


def check(condition: str, name: str) -> CheckConstraint:
    """Check a condition on each row of a table."""
    return CheckConstraint(condition, name=name)


def check_digest(column: str) -> CheckConstraint:
    """Check that a column holds a SHA-256 in lower-case hexadecimal digits (or null, where it may)."""
    return check(f"length({column}) = 64 AND {column} = lower({column})", f"{column}_is_digest")


def check_member(column: str, members: type[StrEnum]) -> CheckConstraint:
    """Check that a column holds a member of an enumeration (or null, where it may)."""
    values = ", ".join(f"'{member.value}'" for member in members)
    return check(f"{column} IN ({values})", f"{column}_is_known")


def checks_of_position(ra: str, dec: str, radius: str) -> tuple[CheckConstraint, ...]:
    """Check that three columns hold a position in ICRS, with or without an error radius, or nulls."""
    return (
        check(f"({ra} IS NULL) = ({dec} IS NULL)", f"{ra}_with_dec"),
        check(f"{ra} >= 0 AND {ra} < 360", f"{ra}_in_range"),
        check(f"{dec} >= -90 AND {dec} <= 90", f"{dec}_in_range"),
        check(f"{radius} >= 0 AND {radius} <= 180", f"{radius}_in_range"),
        check(f"{radius} IS NULL OR {ra} IS NOT NULL", f"{radius}_with_position"),
    )


JsonText = dict[str, Any]
"""A mapping of text to text, held as JSON."""
