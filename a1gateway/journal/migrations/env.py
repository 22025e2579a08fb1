"""What Alembic runs: the revisions, on the connection that `journal.store` opened."""

from alembic import context

# In one transaction, which SQLite allows: an upgrade that is cut off leaves the file as it was.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
