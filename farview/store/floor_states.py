"""How guarantees stand now: the view of analysts, read as they read it."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Row, column, select, table

from farview.store.promises import AttentionState, FloorState
from farview.store.view_ledger import EXPOSURE_LEDGER

_VIEW = table(EXPOSURE_LEDGER.name, *(column(one.name) for one in EXPOSURE_LEDGER.columns))


def read(engine: Engine, guarantee_id: str | None) -> list[FloorState]:
    """See Store.floor_states."""
    query = select(_VIEW).order_by(_VIEW.c.sequence_id.desc(), _VIEW.c.guarantee_id)
    if guarantee_id is not None:
        query = query.where(_VIEW.c.guarantee_id == guarantee_id)
    with engine.connect() as connection:
        return [
            FloorState(
                guarantee_id=row.guarantee_id,
                ledger=row.ledger,
                share=row.share,
                window_start=_instant(row.window_start),
                window_end=_instant(row.window_end),
                is_open=row.closed_at is None,
                slots=row.slots,
                promised=row.promised,
                kept=row.kept,
                deficit=row.deficit,
                reserved=row.reserved,
                attention=_attention(row),
            )
            for row in connection.execute(query)
        ]


def _attention(row: Row[Any]) -> AttentionState | None:
    """None in a ledger by places. PostgreSQL's quotients are decimals."""
    if row.attention is None:
        return None
    figures = row.attention, row.attention_promised, row.attention_kept, row.attention_deficit
    return AttentionState(*map(float, figures))


def _instant(value: Any) -> datetime:
    """SQLite's view tells an instant as text."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value.astimezone(UTC)
