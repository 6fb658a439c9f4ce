"""The customers of a world: who they are, what they permit, and what nobody sees of them.

Customers come in blocks of fixed size, each drawn from a generator of its own, so that any order of blocks, and any
number of customers in total, gives the same customer for the same number.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.randomness import generator
from farview.simulation.business import SEGMENTS, BoolArray, FloatArray, IntArray, World
from farview.simulation.rows import Rows

BLOCK = 1024
TASTES = 4

REGIONS = ("germany", "britain", "new_york", "california", "japan")
ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Tokyo")
REGION_SHARE = (0.4, 0.2, 0.2, 0.12, 0.08)
DEVICES = ("mobile", "desktop")

CUSTOMERS = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field("segment", pa.string(), nullable=False),
        pa.field("region", pa.string(), nullable=False),
        pa.field("time_zone", pa.string(), nullable=False),  # IANA
        pa.field("device", pa.string(), nullable=False),
        pa.field("age", pa.int64(), nullable=False),  # years
    ]
)
CONSENTS = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field("channel", pa.string(), nullable=False),
        pa.field("purpose", pa.string(), nullable=False),
        pa.field("allowed", pa.bool_(), nullable=False),
        pa.field(c.TIME, pa.timestamp("s", tz="UTC"), nullable=False),  # of the record
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Customers(Rows):
    """n customers; those a file shows, and below the line what only the truth knows."""

    number: IntArray  # (n,) 0, 1, 2, ...: the same customer in every table
    segment: IntArray  # (n,) index into world.segments
    region: IntArray  # (n,) index into REGIONS and ZONES
    device: IntArray  # (n,) index into DEVICES
    age: IntArray  # (n,) years
    consent: BoolArray  # (n, K) may the channel be used
    consent_recorded: BoolArray  # (n, K) is there a record of it; without one it is permitted
    consent_age_days: IntArray  # (n,) from the records to the log's start
    # latent
    intent: IntArray  # (n,) index into world.journey.intent
    taste: FloatArray  # (n, TASTES)
    price_sensitivity: FloatArray  # (n,) per unit of log price

    def ids(self) -> pa.Array:
        """customer_id of each row."""
        return customer_ids(self.number)


def customers_table(customers: Customers) -> pa.Table:
    """Who the customers are, without what is latent."""
    return pa.table(
        [
            customers.ids(),
            pa.array(SEGMENTS).take(pa.array(customers.segment)),
            pa.array(REGIONS).take(pa.array(customers.region)),
            pa.array(ZONES).take(pa.array(customers.region)),
            pa.array(DEVICES).take(pa.array(customers.device)),
            pa.array(customers.age),
        ],
        schema=CUSTOMERS,
    )


def consents_table(world: World, customers: Customers) -> pa.Table:
    """What is recorded of consent, one row a customer and channel; no row means that the channel may be used."""
    who, channel = np.nonzero(customers.consent_recorded)
    recorded = np.datetime64(world.log_start, "s") - customers.consent_age_days[who].astype("timedelta64[D]")
    return pa.table(
        [
            customers.ids().take(pa.array(who)),
            pa.array(world.channels).take(pa.array(channel)),
            pa.array(["marketing"]).take(pa.array(np.zeros(len(who), np.int64))),
            pa.array(customers.consent[who, channel]),
            pa.array(recorded.astype(np.int64), pa.timestamp("s", tz="UTC")),
        ],
        schema=CONSENTS,
    )


def customer_ids(number: IntArray) -> pa.Array:
    """`C0000000`, `C0000001`, ... for 0, 1, ..."""
    return numbered("C", number, 7)


def numbered(letter: str, number: IntArray, digits: int) -> pa.Array:
    """Ids made of a letter and a number with leading zeros; longer numbers just get longer."""
    texts = pc.cast(pa.array(number, pa.int64()), pa.string())
    return pc.binary_join_element_wise(letter, pc.utf8_lpad(texts, digits, "0"), "")


def simulate_customers(world: World, block: int) -> Customers:
    """The BLOCK customers of one block."""
    random = generator(world.seed, "customers", str(block))
    K = len(world.channels)
    consent = random.random((BLOCK, K)) < world.consent_share
    return Customers(
        number=np.arange(block * BLOCK, (block + 1) * BLOCK),
        segment=_choose(random, world.segment_share),
        region=_choose(random, REGION_SHARE),
        device=_choose(random, (0.65, 0.35)),
        age=np.clip(np.rint(random.normal(42, 14, BLOCK)), 18, 90).astype(np.int64),
        consent=consent,
        consent_recorded=~consent | (random.random((BLOCK, K)) < 0.7),
        consent_age_days=random.integers(1, 400, BLOCK),
        intent=_choose(random, world.intent_share),
        taste=random.normal(size=(BLOCK, TASTES)),
        price_sensitivity=random.gamma(4.0, 0.1, BLOCK),
    )


def customer_blocks(world: World, count: int) -> Iterator[Customers]:
    """Customers 0 to count - 1, block by block; the last block is cut, never drawn differently."""
    for block in range(-(-count // BLOCK)):
        yield simulate_customers(world, block).take(slice(0, count - block * BLOCK))


def _choose(random: np.random.Generator, shares: FloatArray | tuple[float, ...]) -> IntArray:
    return np.searchsorted(np.cumsum(shares)[:-1], random.random(BLOCK), side="right")
