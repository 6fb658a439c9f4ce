"""Forgetting a customer: every row that names them, in every table that has customers.

Rows that promises are counted by stay without their name, or a floor that was kept would be broken afterwards. The
audit log says that somebody was forgotten, when, by whom and how many rows went, not who it was.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, func, select, update

from farview.core.errors import NotFound
from farview.store import audit
from farview.store.ledger import LOOKUP
from farview.store.schema import METADATA
from farview.store.tables import CUSTOMERS, IDEMPOTENCY
from farview.store.tables_guarantees import SLOTS

NOBODY = ""
"""Stands where the name of a forgotten customer stood; no customer can be called so."""

Without: TypeAlias = Callable[[str, bytes], bytes]
"""(method, answer to it) -> the answer without the customer."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What went."""

    rows: int  # of every table together
    answers: int  # remembered for request ids, that named the customer


def forget(connection: Connection, customer_id: str, without: Without, *, who: str) -> Forgotten:
    """See Writer.forget_customer."""
    gone = {table.name: _remove(connection, table, customer_id) for table in _tables()}
    answers = _rewrite(connection, customer_id, without)
    if not any(gone.values()) and not answers:
        raise NotFound("customer", customer_id)
    audit.append(connection, who, "forget", {"customers": {"rows": gone, "answers": answers}})
    return Forgotten(sum(gone.values()), answers)


def unknown(connection: Connection, customer_ids: Sequence[str]) -> frozenset[str]:
    """See Store.unknown_customers."""
    known: set[str] = set()
    for start in range(0, len(customer_ids), LOOKUP):
        some = customer_ids[start : start + LOOKUP]
        known.update(
            connection.execute(select(CUSTOMERS.c.customer_id).where(CUSTOMERS.c.customer_id.in_(some))).scalars()
        )
    return frozenset(customer_ids) - known


def _tables() -> Iterable[Table]:
    """Those with customers; who refers to another comes before it."""
    return [table for table in reversed(METADATA.sorted_tables) if "customer_id" in table.c]


def _remove(connection: Connection, table: Table, customer_id: str) -> int:
    theirs = table.c.customer_id == customer_id
    if table is SLOTS:
        return connection.execute(update(table).where(theirs).values(customer_id=NOBODY)).rowcount
    return connection.execute(delete(table).where(theirs)).rowcount


def _rewrite(connection: Connection, customer_id: str, without: Without) -> int:
    """Takes the customer out of answers that are remembered; how many named them."""
    query = select(IDEMPOTENCY.c.request_id, IDEMPOTENCY.c.method, IDEMPOTENCY.c.answer)
    changed = [
        {"of": row.request_id, "answer": after}
        for row in connection.execute(query.where(_holds(connection, customer_id))).all()
        if (after := without(row.method, row.answer)) != row.answer
    ]
    if changed:
        connection.execute(update(IDEMPOTENCY).where(IDEMPOTENCY.c.request_id == bindparam("of")), changed)
    return len(changed)


def _holds(connection: Connection, customer_id: str) -> ColumnElement[bool]:
    """Answers among whose bytes those of the id are; nearly all others need not be looked into."""
    needle = customer_id.encode()
    if connection.dialect.name == "postgresql":
        return func.position(bindparam("needle", needle).op("IN")(IDEMPOTENCY.c.answer)) > 0
    return func.instr(IDEMPOTENCY.c.answer, needle) > 0
