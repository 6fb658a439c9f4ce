"""Runs revisions on the connection that farview.store.migrate opened; for `alembic` itself on FARVIEW_DATABASE_URL."""

from alembic import context
from sqlalchemy import Connection

from farview.core.settings import Settings
from farview.store.engine import open_engine
from farview.store.schema import METADATA


def run(connection: Connection) -> None:
    """Batch mode: SQLite changes a table by copying it."""
    context.configure(
        connection=connection, target_metadata=METADATA, render_as_batch=True, transaction_per_migration=False
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with open_engine(Settings().database_url).begin() as opened:
        run(opened)
