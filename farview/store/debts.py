"""What a closed stretch of slots owes, handed on to the next one of its window.

Its places are still confirmed, released and left to expire, so what it owes changes after it was closed. A debt in
places is none in attention, so nothing is handed on where a ledger begins to count the other.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from farview.core.attention import FIRST_PLACE
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
    before: tuple[bool, dict[str, int]] | None = None  # its unit, and what it owes in that
    for one in stretches:
        handed = {} if before is None or before[0] != one.by_attention else before[1]
        owed = {}
        for floor in floors[one.sequence_id]:
            carried = floor.carried if before is None else handed.get(floor.guarantee_id, 0)
            if carried != floor.carried:
                _carry(connection, floor, carried)
            owed[floor.guarantee_id] = _owed(one, floor, carried)
        before = one.by_attention, owed


def _owed(stretch: Row[Any], floor: Row[Any], carried: int) -> int:
    """Placements that are due and not kept; or attention, which is due once it is worth a first place."""
    given, kept = (stretch.attention, floor.attention) if stretch.by_attention else (stretch.slots, floor.kept)
    behind: int = floor.share_numerator * given // floor.share_denominator + carried - kept
    return behind if behind >= (FIRST_PLACE if stretch.by_attention else 1) else 0


def _carry(connection: Connection, floor: Row[Any], carried: int) -> None:
    this = FLOORS.c.sequence_id == floor.sequence_id, FLOORS.c.guarantee_id == floor.guarantee_id
    connection.execute(update(FLOORS).where(*this).values(carried=carried))
