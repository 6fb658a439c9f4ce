"""What a closed stretch of slots owes, handed on to the next one of its window.

Its places are still confirmed, released and left to expire, so what it owes changes after it was closed.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from farview.store.tables_guarantees import FLOORS, SEQUENCES


def locked(connection: Connection, ledger: str, window_start: datetime, since: int = 0) -> Sequence[Row[Any]]:
    """The stretches of a window from one on, oldest first; all who change several lock them in this order."""
    query = select(SEQUENCES).where(
        SEQUENCES.c.ledger == ledger, SEQUENCES.c.window_start == window_start, SEQUENCES.c.sequence_id >= since
    )
    return connection.execute(query.order_by(SEQUENCES.c.sequence_id).with_for_update()).all()


def hand_on(connection: Connection, ledger: str, window_start: datetime, since: int = 0) -> None:
    """Writes anew what each stretch of a window after the first, or after `since`, takes over from the one before."""
    stretches = locked(connection, ledger, window_start, since)
    floors = defaultdict(list)
    ids = [one.sequence_id for one in stretches]
    for row in connection.execute(select(FLOORS).where(FLOORS.c.sequence_id.in_(ids))):
        floors[row.sequence_id].append(row)
    before: dict[str, int] | None = None
    for one in stretches:
        owed = {}
        for floor in floors[one.sequence_id]:
            carried = floor.carried if before is None else before.get(floor.guarantee_id, 0)
            if carried != floor.carried:
                _carry(connection, floor, carried)
            promised = floor.share_numerator * one.slots // floor.share_denominator + carried
            owed[floor.guarantee_id] = max(promised - floor.kept, 0)
        before = owed


def _carry(connection: Connection, floor: Row[Any], carried: int) -> None:
    this = FLOORS.c.sequence_id == floor.sequence_id, FLOORS.c.guarantee_id == floor.guarantee_id
    connection.execute(update(FLOORS).where(*this).values(carried=carried))
