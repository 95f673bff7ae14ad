"""Where Alembic begins: it migrates the connection that it is given, and opens none."""

from alembic import context

from backends.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter every column in place
)
with context.begin_transaction():
    context.run_migrations()
