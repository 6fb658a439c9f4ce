"""Slots of answers under guarantees: reserved, then confirmed, released or expired.

`exposure_sequences.slots` and `exposure_floors.kept` count what is reserved or confirmed, and the attention beside each
sums that of these slots, so that a call need not read a window's slots; every change of a slot's state changes them in
the same transaction.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, Protocol

import pyarrow as pa
from sqlalchemy import Connection, Row, bindparam, select, update

from farview.core.errors import InvalidInput
from farview.store import bulk, debts
from farview.store.forgetting import NOBODY
from farview.store.promises import HeldFloor, HeldLedger, NewSlot, Reservation, Settled
from farview.store.tables_guarantees import FLOORS, SEQUENCES, SLOTS

_INSTANT = pa.timestamp("us", tz="UTC")
_COUNTED = ("reserved", "confirmed")
_ROWS = pa.schema(
    [
        pa.field("sequence_id", pa.int64()),
        pa.field("answer_id", pa.string()),
        pa.field("place", pa.int64()),
        pa.field("customer_id", pa.string()),
        pa.field("state", pa.string()),
        pa.field("counts_for", pa.int64()),
        pa.field("forced", pa.bool_()),
        pa.field("attention", pa.int64()),
        pa.field("reserved_at", _INSTANT),
        pa.field("expires_at", _INSTANT),
        pa.field("who", pa.string()),
    ]
)


class Counted(Protocol):
    """What a slot counts for."""

    @property
    def counts_for(self) -> int:
        """A bit a floor."""

    @property
    def attention(self) -> int:
        """That it gets."""


_OF_SLOT = ("place", "customer_id", "counts_for", "forced", "attention")


def reserve(
    connection: Connection, held: HeldLedger, slots: Sequence[NewSlot], reservation: Reservation, now: datetime
) -> None:
    """See Writer.reserve."""
    if not slots:
        return
    shared = {
        "sequence_id": held.sequence_id,
        "answer_id": reservation.answer_id,
        "state": "reserved",
        "reserved_at": now,
        "expires_at": reservation.expires_at,
        "who": reservation.who,
    }
    rows = [{name: getattr(slot, name) for name in _OF_SLOT} | shared for slot in slots]
    bulk.insert(connection, SLOTS.name, pa.RecordBatch.from_pylist(rows, schema=_ROWS))
    _count(connection, held.sequence_id, slots, 1)


def sweep(connection: Connection, sequence_id: int, now: datetime) -> Sequence[Row[Any]]:
    """Takes reservations off that have expired; what they counted for. The sequence's row is locked by the caller."""
    late = update(SLOTS).where(
        SLOTS.c.sequence_id == sequence_id, SLOTS.c.state == "reserved", SLOTS.c.expires_at <= now
    )
    settled = late.values(state="expired", settled_at=now).returning(SLOTS.c.counts_for, SLOTS.c.attention)
    expired = connection.execute(settled).all()
    _count(connection, sequence_id, expired, -1)
    return expired


def settle(
    connection: Connection, answer_id: str, shown: dict[int, str], released: Iterable[int] | None, now: datetime
) -> Settled:
    """Confirms and releases slots of an answer; an answer without any has none.

    Args:
        shown: place -> customer; counts also when its reservation had expired or been released.
        released: places given back; None: all that are still reserved and not shown. One that was shown stays so.

    Raises:
        InvalidInput: on `exposures`, when somebody else stood at a place.
    """
    of_answer = SLOTS.c.answer_id == answer_id
    sequence_ids = connection.execute(select(SLOTS.c.sequence_id).where(of_answer).limit(1)).scalars().all()
    if not sequence_ids:
        return Settled(0, 0)
    (sequence_id,) = sequence_ids  # an answer's slots are all of one
    mine = select(SEQUENCES).where(SEQUENCES.c.sequence_id == sequence_id).with_for_update()
    sequence = connection.execute(mine).one()
    rows = {row.place: row for row in connection.execute(select(SLOTS).where(of_answer))}
    _check_customers(rows, shown)
    confirmed = [row for place, row in rows.items() if place in shown and row.state != "confirmed"]
    given_back = rows.keys() if released is None else released
    kept_back = [rows[place] for place in given_back if place in rows and place not in shown]
    open_still = [row for row in kept_back if row.state == "reserved"]
    late = [row for row in open_still if row.expires_at <= now]
    free = [row for row in open_still if row.expires_at > now]
    for state, those in (("confirmed", confirmed), ("released", free), ("expired", late)):
        _mark(connection, those, state, now)
    _count(connection, sequence_id, [row for row in confirmed if row.state not in _COUNTED], 1)
    _count(connection, sequence_id, open_still, -1)
    if sequence.closed_at is not None:
        debts.hand_on(connection, sequence.ledger, sequence.window_start, sequence_id)
    return Settled(len(confirmed), len(free))


def read_floors(connection: Connection, sequence_id: int) -> tuple[HeldFloor, ...]:
    """The guarantees of a sequence as it counts them, by id; their filters are left open."""
    query = select(FLOORS).where(FLOORS.c.sequence_id == sequence_id).order_by(FLOORS.c.guarantee_id)
    return tuple(
        HeldFloor(
            row.guarantee_id,
            "",
            Fraction(row.share_numerator, row.share_denominator),
            row.bit,
            row.carried,
            row.kept,
            row.attention,
        )
        for row in connection.execute(query)
    )


def _mark(connection: Connection, rows: Sequence[Row[Any]], state: str, now: datetime) -> None:
    if rows:
        changed = update(SLOTS).where(SLOTS.c.slot_id == bindparam("of_slot"))
        values = [{"of_slot": row.slot_id, "state": state, "settled_at": now} for row in rows]
        connection.execute(changed, values)


def _count(connection: Connection, sequence_id: int, slots: Sequence[Counted], sign: int) -> None:
    """Adds slots to what the sequence counts, or takes them off."""
    if not slots:
        return
    attention = sign * sum(slot.attention for slot in slots)
    sequence = update(SEQUENCES).where(SEQUENCES.c.sequence_id == sequence_id)
    counted = {"slots": SEQUENCES.c.slots + sign * len(slots), "attention": SEQUENCES.c.attention + attention}
    connection.execute(sequence.values(counted))
    floors = select(FLOORS.c.guarantee_id, FLOORS.c.bit).where(FLOORS.c.sequence_id == sequence_id)
    for guarantee_id, bit in connection.execute(floors).all():
        members = [slot for slot in slots if slot.counts_for >> bit & 1]
        if members:
            floor = update(FLOORS).where(FLOORS.c.sequence_id == sequence_id, FLOORS.c.guarantee_id == guarantee_id)
            attention = sign * sum(slot.attention for slot in members)
            kept = {"kept": FLOORS.c.kept + sign * len(members), "attention": FLOORS.c.attention + attention}
            connection.execute(floor.values(kept))


def _check_customers(rows: dict[int, Row[Any]], shown: dict[int, str]) -> None:
    for place, customer in shown.items():
        if place in rows and rows[place].customer_id not in (customer, NOBODY):
            raise InvalidInput.of(
                "exposures", f"place {place} of the answer is of {rows[place].customer_id!r}, not of {customer!r}"
            )
