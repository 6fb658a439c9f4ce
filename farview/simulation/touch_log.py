"""The touch log of a world, as a customer would hand it over: touches and conversions in one table."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from farview.core import columns as c
from farview.simulation.business import INTERACTIONS, FloatArray, IntArray, World
from farview.simulation.calendar import SECOND_US
from farview.simulation.customers import customer_ids
from farview.simulation.journeys import Touches
from farview.simulation.rows import Rows

KINDS = (*INTERACTIONS, "conversion")
CONVERSION = len(INTERACTIONS)

TOUCHPOINTS = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.TIME, pa.timestamp("s", tz="UTC"), nullable=False),
        pa.field("interaction", pa.string(), nullable=False),  # impression, click or conversion
        pa.field("channel", pa.string(), nullable=False),  # of a conversion: that of the touch before it
        pa.field("conversion_value", pa.float64(), nullable=False),  # 0 unless a conversion
        pa.field("propensity", pa.float64()),  # of the channel under the historical policy; null for conversions
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class LogRows(Rows):
    """The log before it is written out."""

    customer: IntArray  # number of the customer
    time_us: IntArray  # microseconds since 1970, UTC, whole seconds
    kind: IntArray  # index into KINDS
    channel: IntArray  # index into world.channels
    value: FloatArray  # business currency
    propensity: FloatArray  # NaN where there is none


def log_rows(touches: Touches) -> LogRows:
    """Every touch, and a conversion after each that converted; by customer and time."""
    won = touches.take(touches.converted)
    rows = LogRows(
        customer=np.concatenate([touches.customer, won.customer]),
        time_us=np.concatenate([touches.time_us, won.conversion_us]),
        kind=np.concatenate([touches.interaction, np.full(len(won), CONVERSION)]),
        channel=np.concatenate([touches.channel, won.channel]),
        value=np.concatenate([np.zeros(len(touches)), won.conversion_value]),
        propensity=np.concatenate([touches.propensity, np.full(len(won), np.nan)]),
    )
    return rows.take(np.lexsort((rows.time_us, rows.customer)))


def log_table(world: World, rows: LogRows) -> pa.Table:
    """The rows as a file shows them."""
    return pa.table(
        [
            customer_ids(rows.customer),
            pa.array(rows.time_us // SECOND_US, pa.timestamp("s", tz="UTC")),
            pa.array(KINDS).take(pa.array(rows.kind)),
            pa.array(world.channels).take(pa.array(rows.channel)),
            pa.array(rows.value),
            pa.array(rows.propensity, from_pandas=True),  # NaN becomes null
        ],
        schema=TOUCHPOINTS,
    )


def touchpoints(world: World, touches: Touches) -> pa.Table:
    """The clean log of these steps."""
    return log_table(world, log_rows(touches))
