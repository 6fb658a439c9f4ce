"""What customers allow."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, func, select, true

from farview.store.ledger import LOOKUP
from farview.store.promises import Contact
from farview.store.tables_touches import CONSENTS


def denied(
    engine: Engine,
    customer_ids: Sequence[str],
    channels: Sequence[str],
    purpose: str,
    at: datetime | None,
    *,
    required: bool,
) -> dict[str, frozenset[str]]:
    """See Store.denied_channels. `required`: without a record a channel is denied."""
    said: dict[tuple[str, str], bool] = {}
    with engine.connect() as connection:
        for start in range(0, len(customer_ids), LOOKUP):
            some = customer_ids[start : start + LOOKUP]
            said |= _latest(connection, some, channels, purpose, at or datetime.now(UTC))
    return {
        customer: frozenset(channel for channel in channels if not said.get((customer, channel), not required))
        for customer in customer_ids
    }


def unreachable(
    connection: Connection, customer_ids: Sequence[str], contact: Contact, at: datetime, *, required: bool
) -> frozenset[str]:
    """Who does not allow the channel for the purpose; where no channel is named, who allows none they spoke of."""
    channels = None if contact.channel is None else [contact.channel]
    said: dict[str, list[bool]] = {}
    for (customer, _), allowed in _latest(connection, customer_ids, channels, contact.purpose, at).items():
        said.setdefault(customer, []).append(allowed)
    return frozenset(customer for customer in customer_ids if not any(said.get(customer, [not required])))


def _latest(
    connection: Connection, customer_ids: Sequence[str], channels: Sequence[str] | None, purpose: str, at: datetime
) -> dict[tuple[str, str], bool]:
    """What the last record up to `at` says, by customer and channel; of all channels when None."""
    latest_first = func.row_number().over(
        partition_by=(CONSENTS.c.customer_id, CONSENTS.c.channel), order_by=CONSENTS.c.time.desc()
    )
    records = (
        select(CONSENTS.c.customer_id, CONSENTS.c.channel, CONSENTS.c.allowed, latest_first.label("place"))
        .where(
            CONSENTS.c.customer_id.in_(customer_ids),
            true() if channels is None else CONSENTS.c.channel.in_(channels),
            CONSENTS.c.purpose == purpose,
            CONSENTS.c.time <= at,
            CONSENTS.c.superseded_at.is_(None),
        )
        .subquery()
    )
    query = select(records.c.customer_id, records.c.channel, records.c.allowed).where(records.c.place == 1)
    return {(customer, channel): allowed for customer, channel, allowed in connection.execute(query)}
