"""The append-only log of who changed what and why."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from farview.store.tables import AUDIT_LOG
from farview.store.values import AuditEntry


def append(connection: Connection, who: str, action: str, detail_by_subject: Mapping[str, Mapping[str, Any]]) -> None:
    """One line a subject, in the transaction of the change itself."""
    at = datetime.now(UTC)
    lines = [
        {"at": at, "who": who, "action": action, "subject": subject, "detail": json.dumps(detail, sort_keys=True)}
        for subject, detail in detail_by_subject.items()
    ]
    if lines:
        connection.execute(insert(AUDIT_LOG), lines)


def recent(engine: Engine, limit: int) -> list[AuditEntry]:
    """Newest first."""
    query = select(AUDIT_LOG.c.at, AUDIT_LOG.c.who, AUDIT_LOG.c.action, AUDIT_LOG.c.subject, AUDIT_LOG.c.detail)
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(AUDIT_LOG.c.audit_id.desc()).limit(limit)).all()
    return [AuditEntry(row.at, row.who, row.action, row.subject, json.loads(row.detail)) for row in rows]
