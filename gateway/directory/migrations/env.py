"""Alembic's environment: runs on the connection that database.py hands over, in its transaction."""

from alembic import context

from gateway.directory.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite has it; Alembic assumes that it has not
)
with context.begin_transaction():
    context.run_migrations()
