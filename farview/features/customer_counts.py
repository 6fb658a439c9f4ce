"""What both executors of the customer features find first: dates, counts and sums, all exact whole numbers."""

import pyarrow as pa

from farview.core import columns as c
from farview.features.customer_specification import MONTHS, WEEKDAYS, WINDOWS_DAYS

STEPS = pa.decimal128(38, 0)  # of 1e-8 currency units
_COUNT = pa.int64()

COUNTS = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field("first_day", pa.date32(), nullable=False),
        pa.field("last_day", pa.date32(), nullable=False),
        pa.field("purchase_days", _COUNT, nullable=False),
        pa.field("return_days", _COUNT, nullable=False),
        pa.field("gap_squares", _COUNT, nullable=False),  # sum over days between neighbouring purchase days; 0 if none
        pa.field("gap_longest", _COUNT),  # null without a repeat purchase day
        pa.field("gap_last", _COUNT),
        pa.field("steps", STEPS, nullable=False),
        pa.field("steps_returned", STEPS, nullable=False),  # sign dropped
        pa.field("steps_repeat", STEPS, nullable=False),  # of purchase days after the first
        pa.field("steps_first", STEPS, nullable=False),
        pa.field("steps_last", STEPS, nullable=False),
        pa.field("steps_biggest", STEPS, nullable=False),
        pa.field("steps_median", STEPS, nullable=False),
        *(pa.field(f"purchases_{days}d", _COUNT, nullable=False) for days in WINDOWS_DAYS),
        *(pa.field(f"steps_{days}d", STEPS, nullable=False) for days in WINDOWS_DAYS),
        *(pa.field(f"steps_returned_{days}d", STEPS, nullable=False) for days in WINDOWS_DAYS),
        *(pa.field(f"month_{month}", _COUNT, nullable=False) for month in MONTHS),  # purchase days
        *(pa.field(f"weekday_{day}", _COUNT, nullable=False) for day in WEEKDAYS),
    ]
)
"""One row a customer with a purchase day."""
