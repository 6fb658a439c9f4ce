"""The secrets that sign the tokens of answers."""

import secrets
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, select

from farview.store.engine import write
from farview.store.tables_feedback import SIGNING_KEYS

_BYTES = 32


def every(engine: Engine) -> list[bytes]:
    """See Store.signing_keys."""
    with engine.connect() as connection:
        found = _read(connection)
    return found or write(engine, _first)


def _first(connection: Connection) -> list[bytes]:
    """Of two that make the first key at once, the fixed id lets one in; the other begins again and finds it."""
    found = _read(connection)
    if found:
        return found
    first = secrets.token_bytes(_BYTES)
    connection.execute(insert(SIGNING_KEYS).values(key_id=1, secret=first, created_at=datetime.now(UTC)))
    return [first]


def _read(connection: Connection) -> list[bytes]:
    query = select(SIGNING_KEYS.c.secret).order_by(SIGNING_KEYS.c.key_id)
    return [bytes(secret) for secret in connection.execute(query).scalars()]
