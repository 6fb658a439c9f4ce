"""Arrow schemas that rooms hand to each other."""

from collections.abc import Iterator

import pyarrow as pa

from farview.core import columns as c

GRID_BYTES = 66  # 33 float16 values; see farview.core.quantile_grid

RFM = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.COHORT, pa.string(), nullable=False),  # month of first purchase, "1997-03", business zone
        pa.field(c.FIRST_PURCHASE_DATE, pa.date32(), nullable=False),
        pa.field(c.FREQUENCY, pa.int32(), nullable=False),  # purchase days after the first
        pa.field(c.RECENCY_DAYS, pa.float64(), nullable=False),  # first to last purchase day
        pa.field(c.AGE_DAYS, pa.float64(), nullable=False),  # first purchase day to as-of
        pa.field(c.REPEAT_SPEND_MEAN, pa.float64(), nullable=False),  # per repeat purchase day; 0 without one
        pa.field(c.FIRST_SPEND, pa.float64(), nullable=False),  # of the first purchase day
    ]
)
"""One row a customer: the sufficient statistics of the buy-till-you-die and spend models."""

_PERIOD = b"farview.period_days"


def rfm_schema(period_days: int) -> pa.Schema:
    """`RFM` of purchases merged by periods of so many days; 1 merges days and says nothing."""
    return RFM if period_days == 1 else RFM.with_metadata({_PERIOD: str(period_days)})


def period_days_of(schema: pa.Schema) -> int:
    """Days of the periods that the purchases of an RFM table were merged by."""
    return int((schema.metadata or {}).get(_PERIOD, b"1"))


def _distribution(name: str) -> Iterator[pa.Field]:
    yield pa.field(f"{name}_p_zero", pa.float64(), nullable=False)
    yield pa.field(f"{name}_mean", pa.float64(), nullable=False)
    yield pa.field(f"{name}_sd", pa.float64(), nullable=False)
    for suffix in c.QUANTILE_SUFFIXES:  # of the whole distribution, zeros included
        yield pa.field(f"{name}_{suffix}", pa.float64(), nullable=False)
    yield pa.field(f"{name}_grid", pa.binary(GRID_BYTES), nullable=False)  # given that it is not 0


def _expectation(name: str) -> Iterator[pa.Field]:
    yield pa.field(f"{name}_mean", pa.float64(), nullable=False)
    yield pa.field(f"{name}_sd", pa.float64(), nullable=False)
    for suffix in c.QUANTILE_SUFFIXES:
        yield pa.field(f"{name}_{suffix}", pa.float64(), nullable=False)


FORECAST = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.COHORT, pa.string(), nullable=False),
        pa.field(c.FIRST_PURCHASE_DATE, pa.date32(), nullable=False),
        pa.field(c.HORIZON_DAYS, pa.int32(), nullable=False),
        *_distribution(c.PURCHASES),
        *_distribution(c.VALUE),
        *_expectation(c.EXPECTED_VALUE),
        pa.field(c.P_ALIVE, pa.float64()),  # null from models that do not define it
        pa.field(c.MEDIAN_NEXT_PURCHASE_DATE, pa.date32()),  # given one within the longest horizon
    ]
)
"""The forecast contract, a row a customer and horizon: `purchases_*` and `value_*` are (a), `expected_value_*` (b)."""

TOTALS = pa.schema(
    [
        pa.field("group_kind", pa.string(), nullable=False),  # "base" | "cohort" | "segment"
        pa.field("group_name", pa.string(), nullable=False),  # "" for the base
        pa.field(c.HORIZON_DAYS, pa.int32(), nullable=False),
        pa.field("measure", pa.string(), nullable=False),  # "purchases" | "value"
        pa.field("customers", pa.int64(), nullable=False),
        pa.field("mean", pa.float64(), nullable=False),
        pa.field("draws", pa.list_(pa.float64()), nullable=False),  # at least 500 joint draws
    ]
)
"""Joint draws of group totals; draw k of every row shares the same parameter draw."""

EVENTS = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.TIME, pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field(c.AMOUNT, pa.float64(), nullable=False),  # reporting currency; returns are negative
    ]
)
"""Transactions as the features room reads them."""

TOUCHPOINTS = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.TIME, pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field(c.INTERACTION, pa.string(), nullable=False),  # "conversion" for a conversion, else kind of the touch
        pa.field(c.CHANNEL, pa.string()),  # null only for conversions
        pa.field(c.CONVERSION_VALUE, pa.float64()),  # reporting currency; null for touches
        pa.field(c.PROPENSITY, pa.float64()),  # of the channel under the policy that chose it, where it was logged
    ]
)
"""Touches and conversions as the features room reads them, in any order."""

TREATMENTS = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.TIME, pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("action", pa.string(), nullable=False),  # doing nothing has a name too
        pa.field(c.PROPENSITY, pa.float64()),  # of the action; null where it was not logged
        pa.field("outcome", pa.float64()),  # margin, reporting currency; null while it is not known
    ]
)
"""What was done to customers and what came of it."""

TREATMENT_EFFECTS = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field("action", pa.string(), nullable=False),
        pa.field("effect", pa.float64(), nullable=False),  # outcome with the action minus outcome with none
    ]
)
"""What actions are foreseen to change, a row a customer and action."""

ATTRIBUTES = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field("time_zone", pa.string()),  # IANA; null: not known
        pa.field("attributes", pa.string(), nullable=False),  # JSON object of numbers, texts and booleans
    ]
)
"""What is known of customers beside their events, a row each, ordered by customer id."""

ITEMS = pa.schema(
    [
        pa.field(c.ITEM_ID, pa.string(), nullable=False),
        pa.field("price", pa.float64(), nullable=False),  # reporting currency
        pa.field("category", pa.string()),
        pa.field("brand", pa.string()),
        pa.field("margin", pa.float64()),  # of one sale; may be negative
        pa.field("stock", pa.int64()),  # pieces; null: not limited
        pa.field("added", pa.date32()),  # first day in the catalogue, business zone
        pa.field("attributes", pa.string(), nullable=False),  # JSON object of numbers, texts and booleans
    ]
)
"""The catalogue, a row an item, ordered by item id."""

IMPRESSIONS = pa.schema(
    [
        pa.field("query_id", pa.string(), nullable=False),  # one list shown to one customer
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.TIME, pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("position", pa.int64(), nullable=False),  # from 1, on top
        pa.field(c.ITEM_ID, pa.string(), nullable=False),
        pa.field("grade", pa.int64(), nullable=False),  # 0 impression, 1 click, 2 cart, 3 checkout, 4 purchase
        pa.field(c.PROPENSITY, pa.float64()),  # of the item at this position given those above; null: not logged
    ]
)
"""Items in lists that customers saw, and what came of them, a row an item shown."""
