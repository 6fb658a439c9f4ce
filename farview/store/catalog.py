"""What is known of customers and items as callers tell it: descriptions merged, consents added to their ledger."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
from sqlalchemy import Connection

from farview.store import customers, descriptions, ledger
from farview.store.batches import CONSENT_BATCH, CUSTOMER_BATCH, ITEM_BATCH
from farview.store.tables import CUSTOMERS
from farview.store.tables_items import ITEMS
from farview.store.values import WriteCounts

Attributes = dict[str, str | float | bool | None]
"""By name; None removes."""


@dataclass(frozen=True, slots=True)
class SaidConsent:
    """What a customer said about being contacted."""

    channel: str
    purpose: str
    allowed: bool
    time: datetime  # aware


@dataclass(frozen=True, slots=True)
class DescribedCustomer:
    """What is known of a customer now."""

    customer_id: str
    time_zone: str | None  # IANA; None: stays
    attributes: Attributes
    consents: tuple[SaidConsent, ...]


@dataclass(frozen=True, slots=True)
class DescribedItem:
    """What is known of an item now; None: stays. Amounts in the reporting currency."""

    item_id: str
    price: Decimal
    category: str | None
    brand: str | None
    margin: Decimal | None
    stock: int | None
    added: date | None
    attributes: Attributes


def upsert_customers(
    connection: Connection, rows: Sequence[DescribedCustomer], *, who: str
) -> tuple[WriteCounts, WriteCounts]:
    """See Writer.upsert_customers: counts of customers, and of records of consent."""
    now = datetime.now(UTC)
    described = [
        {"customer_id": row.customer_id, "time_zone": row.time_zone, "attributes": json.dumps(row.attributes)}
        for row in rows
    ]
    batch = pa.RecordBatch.from_pylist(described, schema=CUSTOMER_BATCH)
    counts = descriptions.merge(connection, CUSTOMERS, batch, now)
    said = [
        {
            "customer_id": row.customer_id,
            "channel": consent.channel,
            "purpose": consent.purpose,
            "allowed": consent.allowed,
            "time": consent.time,
        }
        for row in rows
        for consent in row.consents
    ]
    records = pa.RecordBatch.from_pylist(said, schema=CONSENT_BATCH)
    origin = ledger.Origin(who, None, now)
    added = ledger.add(connection, ledger.LEDGERS["consents"], records, origin) if said else WriteCounts()
    customers.add(connection, (row.customer_id for row in rows), now)
    return counts, added


def upsert_items(connection: Connection, rows: Sequence[DescribedItem]) -> WriteCounts:
    """See Writer.upsert_items."""
    described = [
        {
            "item_id": row.item_id,
            "price": row.price,
            "category": row.category,
            "brand": row.brand,
            "margin": row.margin,
            "stock": row.stock,
            "added": row.added,
            "attributes": json.dumps(row.attributes),
        }
        for row in rows
    ]
    batch = pa.RecordBatch.from_pylist(described, schema=ITEM_BATCH)
    return descriptions.merge(connection, ITEMS, batch, datetime.now(UTC))
