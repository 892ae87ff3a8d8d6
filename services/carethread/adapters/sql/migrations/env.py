"""Run by Alembic: migrate the connection that `adapters.sql.migrate` opened, inside its transaction."""

from alembic import context

from carethread.adapters.sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
