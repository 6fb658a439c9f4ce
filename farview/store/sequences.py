"""Slots of a ledger that are counted together: opened with a window, closed with it or when its guarantees change.

A ledger is held by locks on its guarantees, then on the sequences of the open window, oldest first, always in this
order, so no two writers wait for each other.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, insert, select, update

from farview.core import clock
from farview.core.errors import FailedPrecondition
from farview.store import debts, guarantees
from farview.store.promises import HeldFloor, HeldLedger, StoredGuarantee
from farview.store.slots import read_floors, sweep
from farview.store.tables_guarantees import FLOORS, GUARANTEES, SEQUENCES

FIRST_MONDAY = date(1970, 1, 5)
"""Windows of days are counted from here, so weeks begin on Mondays."""


def hold(connection: Connection, ledger: str, zone: str, now: datetime) -> HeldLedger:
    """See Writer.hold_ledger."""
    of_ledger = guarantees.selected().where(GUARANTEES.c.ledger == ledger).order_by(GUARANTEES.c.guarantee_id)
    rows = connection.execute(of_ledger.with_for_update(of=GUARANTEES))
    found = [guarantees.value(row) for row in rows]
    active = [one for one in found if one.terms.end_time is None or one.terms.end_time > now]
    if not active:
        raise FailedPrecondition(f"ledger {ledger!r} has no guarantee that still runs")
    current = _open_sequence(connection, ledger, now)
    # A caller who waited for the ledger, or whose clock is behind, must not open the window before again.
    present = now if current is None else max(now, current.window_start)
    start, end = window(present, active[0].terms.window_days, zone)
    going_on = current is not None and (current.window_start, current.window_end) == (start, end)
    if current is not None and going_on and _signature(current) == _promised(active):
        return replace(current, floors=_with_filters(current.floors, active))
    if current is not None:
        connection.execute(
            update(SEQUENCES).where(SEQUENCES.c.sequence_id == current.sequence_id).values(closed_at=now)
        )
    return _begin(connection, ledger, (start, end), active, now)


def window(now: datetime, window_days: int, zone: str) -> tuple[datetime, datetime]:
    """The window that an instant is in, from midnight to midnight in the business zone; UTC, the end not in it."""
    business = clock.zone(zone)
    days = (now.astimezone(business).date() - FIRST_MONDAY).days
    first = FIRST_MONDAY + timedelta(days=days - days % window_days)
    start, end = (
        datetime.combine(day, time(), business).astimezone(UTC) for day in (first, first + timedelta(days=window_days))
    )
    return start, end


def _open_sequence(connection: Connection, ledger: str, now: datetime) -> HeldLedger | None:
    """As it stands once what has expired is taken off, of it and of those closed before it in its window."""
    query = select(SEQUENCES.c.window_start).where(SEQUENCES.c.ledger == ledger, SEQUENCES.c.closed_at.is_(None))
    start = connection.execute(query).scalar_one_or_none()
    if start is None:
        return None
    *closed, row = debts.locked(connection, ledger, start)
    expired_before = [sweep(connection, one.sequence_id, now) for one in closed]
    if any(expired_before):
        debts.hand_on(connection, ledger, start)
    expired = sweep(connection, row.sequence_id, now)
    return HeldLedger(
        ledger,
        row.sequence_id,
        row.window_start,
        row.window_end,
        row.slots - len(expired),
        read_floors(connection, row.sequence_id),
        row.by_attention,
        row.attention - sum(slot.attention for slot in expired),
    )


def _begin(
    connection: Connection,
    ledger: str,
    between: tuple[datetime, datetime],
    active: Sequence[StoredGuarantee],
    now: datetime,
) -> HeldLedger:
    start, end = between
    unit = active[0].terms.by_attention  # the same for all
    of_ledger = {"ledger": ledger, "window_start": start, "window_end": end, "by_attention": unit, "opened_at": now}
    new = insert(SEQUENCES).values(of_ledger | {"slots": 0, "attention": 0})
    sequence_id = connection.execute(new.returning(SEQUENCES.c.sequence_id)).scalar_one()
    rows = [
        {
            "sequence_id": sequence_id,
            "guarantee_id": one.terms.guarantee_id,
            "bit": bit,
            "share_numerator": one.terms.share.numerator,
            "share_denominator": one.terms.share.denominator,
            "carried": 0,
            "kept": 0,
            "attention": 0,
        }
        for bit, one in enumerate(active)
    ]
    connection.execute(insert(FLOORS), rows)
    debts.hand_on(connection, ledger, start)
    floors = _with_filters(read_floors(connection, sequence_id), active)
    return HeldLedger(ledger, sequence_id, start, end, 0, floors, unit)


def _signature(held: HeldLedger) -> list[tuple[str, object, bool]]:
    return [(floor.guarantee_id, floor.share, held.by_attention) for floor in held.floors]


def _promised(active: Sequence[StoredGuarantee]) -> list[tuple[str, object, bool]]:
    return [(one.terms.guarantee_id, one.terms.share, one.terms.by_attention) for one in active]


def _with_filters(floors: Sequence[HeldFloor], active: Sequence[StoredGuarantee]) -> tuple[HeldFloor, ...]:
    return tuple(replace(floor, filter=one.filter) for floor, one in zip(floors, active, strict=True))
