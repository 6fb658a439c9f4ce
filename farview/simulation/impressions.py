"""Lists of items as customers saw them: the historical ranker's order, position bias, graded outcomes."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from farview.core import columns as c
from farview.core.randomness import generator
from farview.simulation.business import FloatArray, IntArray, World
from farview.simulation.calendar import SECOND_US, local_to_utc, waking
from farview.simulation.customers import BLOCK, Customers, customer_ids, numbered
from farview.simulation.items import Catalogue, grade_probabilities, item_ids
from farview.simulation.rows import Rows

SLOTS = 10
MOST_LISTS = 3

IMPRESSIONS = pa.schema(
    [
        pa.field("query_id", pa.string(), nullable=False),  # one list shown to one customer
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.TIME, pa.timestamp("s", tz="UTC"), nullable=False),
        pa.field("position", pa.int64(), nullable=False),  # slot, 1 on top
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("grade", pa.int64(), nullable=False),  # 0 impression, 1 click, 2 cart, 3 checkout, 4 purchase
        pa.field("propensity", pa.float64(), nullable=False),  # of the item at this slot given the slots above
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Lists(Rows):
    """q lists of SLOTS items each, by customer and time."""

    customer: IntArray  # (q,) number of the customer
    order: IntArray  # (q,) 0, 1, ...: which of the customer's lists
    time_us: IntArray  # (q,) microseconds since 1970, UTC, whole seconds
    item: IntArray  # (q, SLOTS) top first
    propensity: FloatArray  # (q, SLOTS)
    grade: IntArray  # (q, SLOTS)


def attention(catalogue: Catalogue) -> FloatArray:
    """Probability that each slot is looked at, k^-a for slot k = 1, 2, ...; shape (SLOTS,)."""
    return np.asarray(np.arange(1, SLOTS + 1) ** -catalogue.attention)


def simulate_lists(world: World, catalogue: Catalogue, customers: Customers) -> Lists:
    """The lists shown to customers who all belong to one block.

    The historical ranker fills slot after slot, drawing from the items left in proportion to popularity
    (Plackett-Luce: items arrive after exponential waits at rates of their popularity). A slot is looked at with a
    probability that falls with its place; an item looked at gets a grade by `grade_probabilities`, any other gets 0.
    """
    block = int(customers.number[0] // BLOCK) if len(customers) else 0
    random = generator(world.seed, "impressions", str(block))
    lists = random.integers(0, MOST_LISTS + 1, BLOCK)
    owner = np.repeat(np.arange(BLOCK), lists)
    day = np.sort(random.random((BLOCK, MOST_LISTS)), axis=1) * world.log_days
    wait = random.standard_exponential((len(owner), len(catalogue))) / catalogue.popularity
    looked, graded = random.random((2, len(owner), SLOTS))

    kept = np.isin(owner, customers.number % BLOCK)
    owner = owner[kept]
    row = np.searchsorted(customers.number % BLOCK, owner)
    order = np.arange(len(owner)) - np.searchsorted(owner, owner)
    item = _first(wait[kept])
    chances = np.cumsum(grade_probabilities(catalogue, customers.take(row), item), axis=2)
    grade = (chances[:, :, :-1] <= graded[kept][:, :, None]).sum(2)
    shown = catalogue.popularity[item]
    return Lists(
        customer=customers.number[row],
        order=order,
        time_us=local_to_utc(waking(day[owner, order]), customers.region[row], world),
        item=item,
        propensity=shown / (1 - np.cumsum(shown, 1) + shown),
        grade=np.where(looked[kept] < attention(catalogue), grade, 0),
    )


def _first(wait: FloatArray) -> IntArray:
    """The SLOTS columns of each row with the shortest waits, shortest first."""
    shortest = np.argpartition(wait, SLOTS - 1, axis=1)[:, :SLOTS]
    order = np.argsort(np.take_along_axis(wait, shortest, 1), axis=1, kind="stable")
    return np.take_along_axis(shortest, order, 1)


def impressions_table(lists: Lists) -> pa.Table:
    """The lists as a file shows them, one row an item shown."""
    slots = np.tile(np.arange(1, SLOTS + 1), len(lists))
    query = numbered("Q", lists.customer * MOST_LISTS + lists.order, 8)
    each = np.repeat(np.arange(len(lists)), SLOTS)
    return pa.table(
        [
            query.take(pa.array(each)),
            customer_ids(lists.customer[each]),
            pa.array(lists.time_us[each] // SECOND_US, pa.timestamp("s", tz="UTC")),
            pa.array(slots),
            item_ids(lists.item.ravel()),
            pa.array(lists.grade.ravel()),
            pa.array(lists.propensity.ravel()),
        ],
        schema=IMPRESSIONS,
    )
