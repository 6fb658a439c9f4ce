"""The options that files of a kind were last imported with."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from farview.store.engine import write
from farview.store.tables_imports import IMPORT_OPTIONS


def read(engine: Engine, kind: str) -> dict[str, Any]:
    """See Store.import_options."""
    with engine.connect() as connection:
        found = connection.scalar(select(IMPORT_OPTIONS.c.options).where(IMPORT_OPTIONS.c.kind == kind))
    return {} if found is None else dict(json.loads(found))


def keep(engine: Engine, kind: str, options: Mapping[str, Any], who: str) -> None:
    """See Store.keep_import_options."""
    row = {"options": json.dumps(dict(options), sort_keys=True), "who": who, "updated_at": datetime.now(UTC)}

    def work(connection: Connection) -> None:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        new = dialect.insert(IMPORT_OPTIONS).values(kind=kind, **row)
        connection.execute(new.on_conflict_do_update(index_elements=["kind"], set_=row))

    write(engine, work)
