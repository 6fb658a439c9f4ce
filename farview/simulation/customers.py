"""The customers of a world: who they are, what they permit, and what nobody sees of them.

Customers come in blocks of fixed size, each drawn from a generator of its own, so that any order of blocks, and any
number of customers in total, gives the same customer for the same number.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core.randomness import generator
from farview.simulation.world import BoolArray, FloatArray, IntArray, World

BLOCK = 1024
TASTES = 4

REGIONS = ("germany", "britain", "new_york", "california", "japan")
ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Tokyo")
REGION_SHARE = (0.4, 0.2, 0.2, 0.12, 0.08)
DEVICES = ("mobile", "desktop")


@dataclass(frozen=True, slots=True, eq=False)
class Customers:
    """n customers; those a file shows, and below the line what only the truth knows."""

    number: IntArray  # (n,) 0, 1, 2, ...: the same customer in every table
    segment: IntArray  # (n,) index into world.segments
    region: IntArray  # (n,) index into REGIONS and ZONES
    device: IntArray  # (n,) index into DEVICES
    age: IntArray  # (n,) years
    consent: BoolArray  # (n, K) may the channel be used
    consent_recorded: BoolArray  # (n, K) is there a record of it; without one it is permitted
    # latent
    intent: IntArray  # (n,) index into world.journey.intent
    taste: FloatArray  # (n, TASTES)
    price_sensitivity: FloatArray  # (n,) per unit of log price

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: IntArray | slice) -> Self:
        """The customers of those rows."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def concatenate(cls, parts: Iterable[Self]) -> Self:
        """All customers of all parts, in their order."""
        listed = list(parts)
        return cls(*(np.concatenate([getattr(part, field.name) for part in listed]) for field in fields(cls)))

    def ids(self) -> pa.Array:
        """customer_id of each row."""
        return customer_ids(self.number)


def customer_ids(number: IntArray) -> pa.Array:
    """`C0000000`, `C0000001`, ... for 0, 1, ..."""
    return pc.binary_join_element_wise("C", pc.utf8_lpad(pc.cast(pa.array(number), pa.string()), 7, "0"), "")


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
