"""What was really shown of an answer."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from farview.core.errors import InvalidInput
from farview.store import row_hash
from farview.store.tables_feedback import EXPOSURES
from farview.store.values import Answered, Exposure, WriteCounts


def record(connection: Connection, answered: Answered, rows: Sequence[Exposure], *, who: str) -> WriteCounts:
    """See Writer.record_exposures."""
    now = datetime.now(UTC)
    for i, row in enumerate(rows):
        if row.place < 1:
            raise InvalidInput.of(f"exposures[{i}].place", f"{row.place} is not a place (the first is 1)")
        if row.time.tzinfo is None:
            raise InvalidInput.of(f"exposures[{i}].time", "has no time zone")
    if not rows:
        return WriteCounts()
    values = [
        {
            "answer_id": answered.answer_id,
            "place": row.place,
            "customer_id": row.customer_id,
            "item_id": row.item_id,
            "time": row.time,
            "method": answered.method,
            "forecast_run_id": answered.forecast_run_id,
            "model_version": answered.model_version,
            "plan_id": answered.plan_id,
            "who": who,
            "ingested_at": now,
            "row_hash": row_hash.of_texts((str(row.place), row.customer_id or "", row.item_id or "")),
        }
        for row in sorted(rows, key=lambda row: row.place)  # sorted: two writers in the same order never deadlock
    ]
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    unless_known = dialect.insert(EXPOSURES).on_conflict_do_nothing().returning(EXPOSURES.c.exposure_id)
    added = len(connection.execute(unless_known, values).all())
    return WriteCounts(added=added, unchanged=len(rows) - added)
