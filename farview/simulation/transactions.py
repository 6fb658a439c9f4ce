"""Purchases of a world's customers: buy till you die, in the customers' own hours."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.randomness import generator
from farview.simulation.bg_nbd import BuyingHabits, purchase_paths
from farview.simulation.business import FloatArray, IntArray, World
from farview.simulation.calendar import SECOND_US, local_to_utc, waking
from farview.simulation.customers import BLOCK, Customers, customer_ids, numbered
from farview.simulation.rows import Rows

TRANSACTIONS = pa.schema(
    [
        pa.field("transaction_id", pa.string(), nullable=False),
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.TIME, pa.timestamp("s", tz="UTC"), nullable=False),
        pa.field(c.AMOUNT, pa.float64(), nullable=False),  # business currency
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Purchases(Rows):
    """Rows by customer and time."""

    customer: IntArray  # number of the customer
    order: IntArray  # 0 for the first purchase, 1, 2, ...
    time_us: IntArray  # microseconds since 1970, UTC, whole seconds
    amount: FloatArray  # business currency


def simulate_purchases(world: World, customers: Customers, habits: BuyingHabits | None = None) -> Purchases:
    """Purchases of customers who all belong to one block, from the first one, in the year before the touch log, on.

    The first purchase falls uniformly into that year; the rest is `bg_nbd.purchase_paths`.
    """
    random = generator(world.seed, "transactions", str(int(customers.number[0]) // BLOCK if len(customers) else 0))
    first_day = random.random(BLOCK) * world.history_days - world.history_days
    days, amounts = purchase_paths(random, habits or BuyingHabits(), first_day, world.log_days)
    return _rows(world, customers, days, amounts)


def _rows(world: World, customers: Customers, days: FloatArray, amounts: FloatArray) -> Purchases:
    block_row = customers.number % BLOCK
    who, order = np.nonzero(~np.isnan(days[block_row]))
    when = local_to_utc(waking(days[block_row[who], order]), customers.region[who], world)
    amount = np.maximum(np.round(amounts[block_row[who], order], 2), 0.01)
    purchases = Purchases(customers.number[who], order, when, np.asarray(amount, np.float64))
    return purchases.take(when < int(world.log_end.timestamp()) * SECOND_US)


def transactions_table(purchases: Purchases) -> pa.Table:
    """The purchases as a file shows them; a transaction_id never returns."""
    nth = pc.cast(pa.array(purchases.order), pa.string())
    return pa.table(
        [
            pc.binary_join_element_wise(numbered("T", purchases.customer, 7), nth, "-"),
            customer_ids(purchases.customer),
            pa.array(purchases.time_us // SECOND_US, pa.timestamp("s", tz="UTC")),
            pa.array(purchases.amount),
        ],
        schema=TRANSACTIONS,
    )
