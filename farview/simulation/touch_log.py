"""The touch log of a world, as a customer would hand it over: touches and conversions in one table."""

import numpy as np
import pyarrow as pa

from farview.core import columns as c
from farview.simulation.customers import customer_ids
from farview.simulation.journeys import Touches
from farview.simulation.world import INTERACTIONS, World

CONVERSION = "conversion"

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


def touchpoints(world: World, touches: Touches) -> pa.Table:
    """The log of these steps, by customer and time: every touch, and a conversion row after each that converted."""
    won = touches.take(touches.converted)
    customer = np.concatenate([touches.customer, won.customer])
    time_us = np.concatenate([touches.time_us, won.conversion_us])
    kind = np.concatenate([touches.interaction, np.full(len(won), len(INTERACTIONS))])
    channel = np.concatenate([touches.channel, won.channel])
    value = np.concatenate([np.zeros(len(touches)), won.conversion_value])
    propensity = np.concatenate([touches.propensity, np.full(len(won), np.nan)])
    order = np.lexsort((time_us, customer))
    return pa.table(
        [
            customer_ids(customer[order]),
            pa.array(time_us[order] // 1_000_000, pa.timestamp("s", tz="UTC")),
            pa.array((*INTERACTIONS, CONVERSION)).take(pa.array(kind[order])),
            pa.array(world.channels).take(pa.array(channel[order])),
            pa.array(value[order]),
            pa.array(propensity[order], from_pandas=True),  # NaN becomes null
        ],
        schema=TOUCHPOINTS,
    )
