"""A synthetic business whose customers are touched and convert, put into a store."""

from datetime import date
from decimal import Decimal
from functools import cache

from farview.core import columns as c
from farview.features.journey_log import CONVERSION
from farview.simulation.journeys import simulate_journeys
from farview.simulation.touch_log import touchpoints
from farview.simulation.world import make_world
from farview.store.store import Store
from farview.store.values import Touchpoint

SEED = 5
LAST_DAY = date(2025, 3, 31)
WORLD = make_world(SEED)


@cache
def log(customers: int) -> tuple[Touchpoint, ...]:
    """Touches and conversions of so many customers in the first quarter of 2025; their ids rise with the number."""
    _, simulated = simulate_journeys(WORLD, customers)
    return tuple(
        Touchpoint(
            customer_id=row[c.CUSTOMER_ID],
            time=row[c.TIME],
            interaction=row[c.INTERACTION],
            channel=row[c.CHANNEL],
            conversion_value=round(Decimal(row[c.CONVERSION_VALUE]), 2) if row[c.INTERACTION] == CONVERSION else None,
            propensity=row[c.PROPENSITY],
        )
        for row in touchpoints(WORLD, simulated).to_pylist()
    )


def fill(store: Store, customers: int) -> None:
    """Records the log in a store."""
    store.record_touchpoints(log(customers), who="test")
