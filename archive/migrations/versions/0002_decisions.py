"""The log of decisions that closings carry."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "decisions",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.CheckConstraint("length(rule) > 0", name=op.f("ck_decisions_rule_not_empty")),
        sa.CheckConstraint("position >= 0", name=op.f("ck_decisions_position_not_negative")),
        sa.ForeignKeyConstraint(["packet"], ["closings.packet"], name=op.f("fk_decisions_packet")),
        sa.PrimaryKeyConstraint("packet", "position", name=op.f("pk_decisions")),
    )
