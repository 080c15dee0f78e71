"""Run the migrations on the connection that archive.schema hands over, in its transaction."""

from alembic import context

from archive.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite cannot alter a table in place: later migrations rebuild it.
    render_as_batch=True,
)
context.run_migrations()
