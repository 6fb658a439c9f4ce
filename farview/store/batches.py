"""Rows of files as `Store.import_file` takes them, one schema a kind of file, in the order of the file."""

from collections.abc import Mapping

import pyarrow as pa

from farview.core import columns as c

_INSTANT = pa.timestamp("us", tz="UTC")
_AMOUNT = pa.decimal128(18, 6)  # reporting currency

TRANSACTION_BATCH = pa.schema(
    [
        pa.field("transaction_id", pa.string()),  # null: the file has no ids
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.TIME, _INSTANT, nullable=False),
        pa.field(c.AMOUNT, _AMOUNT, nullable=False),
        pa.field("currency", pa.string(), nullable=False),
        pa.field("original_amount", _AMOUNT),  # as it was sent; null: in the reporting currency
        pa.field("original_currency", pa.string()),
        pa.field("ingested_at", _INSTANT),  # null: now
        pa.field("row_hash", pa.int64(), nullable=False),  # farview.store.row_hash
    ]
)

TOUCHPOINT_BATCH = pa.schema(
    [
        pa.field("touchpoint_id", pa.string()),  # null: the file has no ids
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.TIME, _INSTANT, nullable=False),
        pa.field(c.INTERACTION, pa.string(), nullable=False),  # "conversion" for a conversion
        pa.field(c.CHANNEL, pa.string()),  # null only for conversions
        pa.field(c.CONVERSION_VALUE, _AMOUNT),  # null for touches
        pa.field("original_value", _AMOUNT),  # as it was sent; null: in the reporting currency
        pa.field("original_currency", pa.string()),
        pa.field(c.PROPENSITY, pa.float64()),  # in (0, 1]; null where it was not logged
        pa.field("ingested_at", _INSTANT),  # null: now
        pa.field("row_hash", pa.int64(), nullable=False),
    ]
)

CUSTOMER_BATCH = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field("time_zone", pa.string()),  # IANA; null: leaves what is stored
        pa.field("attributes", pa.string(), nullable=False),  # JSON object; a key with null removes that attribute
    ]
)

CONSENT_BATCH = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.CHANNEL, pa.string(), nullable=False),
        pa.field("purpose", pa.string(), nullable=False),
        pa.field("allowed", pa.bool_(), nullable=False),
        pa.field(c.TIME, _INSTANT, nullable=False),  # when the customer said so
    ]
)

# Null leaves what is stored.
ITEM_BATCH = pa.schema(
    [
        pa.field(c.ITEM_ID, pa.string(), nullable=False),
        pa.field("price", _AMOUNT, nullable=False),
        pa.field("category", pa.string()),
        pa.field("brand", pa.string()),
        pa.field("margin", _AMOUNT),  # of one sale; may be negative
        pa.field("stock", pa.int64()),  # pieces; an item without it is not limited
        pa.field("added", pa.date32()),  # first day in the catalogue, business time zone
        pa.field("attributes", pa.string(), nullable=False),  # JSON object of the other columns; null removes a key
    ]
)

IMPRESSION_BATCH = pa.schema(
    [
        pa.field("query_id", pa.string(), nullable=False),  # one list shown to one customer
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.TIME, _INSTANT, nullable=False),
        pa.field("position", pa.int64(), nullable=False),  # from 1, on top
        pa.field(c.ITEM_ID, pa.string(), nullable=False),
        pa.field("grade", pa.int64(), nullable=False),  # 0 impression, 1 click, 2 cart, 3 checkout, 4 purchase
        pa.field(c.PROPENSITY, pa.float64()),  # of the item at this position given those above; null: not logged
        pa.field("ingested_at", _INSTANT),  # null: now
        pa.field("row_hash", pa.int64(), nullable=False),
    ]
)

TREATMENT_BATCH = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.TIME, _INSTANT, nullable=False),
        pa.field("action", pa.string(), nullable=False),
        pa.field(c.PROPENSITY, pa.float64()),  # in (0, 1]; null where it was not logged
        pa.field("outcome", _AMOUNT),  # null while it is not known
        pa.field("original_outcome", _AMOUNT),  # as it was sent; null: in the reporting currency
        pa.field("original_currency", pa.string()),
        pa.field("ingested_at", _INSTANT),  # null: now
        pa.field("row_hash", pa.int64(), nullable=False),
    ]
)

RATES = pa.schema(
    [
        pa.field("currency", pa.string(), nullable=False),  # ISO 4217
        pa.field("date", pa.date32(), nullable=False),  # business time zone
        pa.field("rate", pa.float64(), nullable=False),  # units of the reporting currency for one
    ]
)
RATE_BATCH = RATES.append(pa.field("ingested_at", _INSTANT))  # null: now

BATCHES: Mapping[str, pa.Schema] = {
    "transactions": TRANSACTION_BATCH,
    "touchpoints": TOUCHPOINT_BATCH,
    "customers": CUSTOMER_BATCH,
    "consents": CONSENT_BATCH,
    "items": ITEM_BATCH,
    "impressions": IMPRESSION_BATCH,
    "treatments": TREATMENT_BATCH,
    "rates": RATE_BATCH,
}
"""By the kind of the file, which is also the name of its table."""
